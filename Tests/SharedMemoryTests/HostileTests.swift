import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// Regions that somebody made to do harm: refused or passed over, quickly, and without a crash.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct HostileTests {
    private let directory = RegionLayout.page * 13

    private func poke(_ segment: cl_segment, at index: Int, _ scratch: Scratch) {
        scratch.poke(segment, at: directory + index * MemoryLayout<cl_segment>.size)
    }

    /// The same pages in 8192 segments: read once.
    @Test func overlappingSegments() throws {
        try withScratch { scratch in
            do {
                let region = try scratch.member()
                for i in 0..<1000 { _ = try appendName("n\(i)", to: region) }
            }
            for i in 1..<RegionLayout.segments {
                let page = UInt32(RegionLayout.dataPage)
                poke(cl_segment(kind: 1, reserved: 0, plane: 0, first: 0, page: page, pages: 16), at: i, scratch)
            }
            scratch.poke(\.segment_count, UInt32(RegionLayout.segments))
            #expect(try names(of: try scratch.reader()).count == 1000)
            let (_, origin) = try scratch.attach()
            #expect(origin == .replaced(reason: "two segments at page 53"))
        }
    }

    @Test(arguments: [UInt32(1) << 23, .max])
    func aSegmentNumberThatOverflows(first: UInt32) throws {
        try withScratch { scratch in
            do { _ = try appendName("a", to: try scratch.member()) }
            for kind in [UInt8(1), 2, 3] {
                let page = UInt32(RegionLayout.dataPage)
                poke(cl_segment(kind: kind, reserved: 0, plane: 0, first: first, page: page, pages: 1), at: 0, scratch)
                #expect(throws: Never.self) { try names(of: try scratch.reader()) }
                guard kind == 3 else { continue }
                let (_, origin) = try scratch.attach()
                #expect(origin == .replaced(reason: "a segment that begins with number \(first)"))
            }
        }
    }

    /// A file of holes as large as can be, with as many values: nobody allocates for them.
    @Test func aFileOfHoles() throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            #expect(truncate(scratch.path, off_t(RegionLayout.largest)) == 0)
            scratch.poke(\.committed, UInt64(RegionLayout.largest))
            scratch.poke(\.value_count, UInt64(Int32.max))
            scratch.poke(\.log_tail, 1 << 31)
            let error = try #require(throws: RegionError.self) { try scratch.reader() }
            #expect(error.kind == .foreign)
            guard case .replaced = try scratch.attach().origin else {
                Issue.record("not replaced")
                return
            }
        }
    }

    /// Locked, a mutex of another kind could do anything; when the region is held, nobody locks it.
    @Test func aMutexOfAnotherKind() throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            let kind = MemoryLayout<cl_region_header>.offset(of: \.mutex)! + 16
            scratch.poke(UInt32.max, at: kind)
            #expect(throws: Never.self) { try scratch.reader() }
            #expect(try scratch.attach().origin == .replaced(reason: "no mutex of ours"))
        }
    }

    /// Ours by its kind, and otherwise in any state: another process is let in or waits in vain, and that not for long.
    @Test func aMutexInAnyState() throws {
        try withScratch { scratch in
            let mutex = MemoryLayout<cl_region_header>.offset(of: \.mutex)!
            for round in 0..<8 {
                do { _ = try scratch.attach() }
                for word in 0..<10 where word != 4 {
                    let number = round % 2 == 0 ? UInt32.random(in: 0...(.max)) : UInt32.random(in: 0...2) << 30
                    scratch.poke(number, at: mutex + 4 * word)
                }
                // Its counts go on in another one, or it makes a new one: never a signal.
                #expect(try scratch.run("rebuild", "names:n:3", "complaints") == .exit(0))
                #expect(try scratch.reader().header.generation >= 1)
                unlink(scratch.path)
            }
        }
    }

    /// Random bytes over a whole region, page by page, for readers and for those who would write.
    @Test func randomBytes() {
        withScratch { scratch in
            var random = SystemRandomNumberGenerator()
            var outcomes: Set<String> = []
            for round in 0..<150 {
                do {
                    let region = try scratch.member()
                    let plane = try region.claimPlane(gauges: { [] })
                    for i in 0..<20 { cl_owner_add(try plane.cell(try appendName("n\(i)", to: region), cells: 1), 1) }
                    try plane.reserveBlocks(4)
                } catch {
                    outcomes.insert("\(error)")
                }
                for _ in 0..<(round % 3 == 0 ? 2000 : 8) {
                    let at = Int.random(in: 0..<max(scratch.size, 8) / 8) * 8
                    // The state of the mutex is glibc's; what it may hold is tested above.
                    if (192..<256).contains(at) || (192..<256).contains(at % (RegionLayout.page * 60)) { continue }
                    scratch.poke(random.next() as UInt64, at: round % 2 == 0 ? at : at % (RegionLayout.page * 60))
                }
                do {
                    let reader = try scratch.reader()
                    _ = try names(of: reader)
                    for plane in 0..<reader.planeCount { reader.cells(plane: plane) { _, cells in _ = cells.last } }
                    reader.baseline { _, cells in _ = cells.last }
                    _ = reader.newest
                } catch {
                    outcomes.insert("\(error)")
                }
                if round % 5 == 4 { unlink(scratch.path) }
            }
            #expect(!outcomes.isEmpty)
        }
    }
}
