import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// Planes: cells and histogram blocks with one owner.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct PlaneTests {
    @Test func everyThreadHasAPlaneOfItsOwn() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let planes = try (0..<3).map { _ in try region.claimPlane(gauges: none) }
            #expect(planes.map(\.index) == [0, 1, 2])
            let value = try appendName("a", to: region)
            let cells = try planes.map { try $0.cell(value, cells: 1) }
            #expect(Set(cells).count == 3)
            for (i, cell) in cells.enumerated() { cl_owner_add(cell, UInt64(10 + i)) }
            let reader = try scratch.reader()
            for plane in 0..<3 {
                #expect(read(reader, plane: plane, value) == UInt64(10 + plane))
                #expect(reader.liveOwner(plane: plane)?.index == region.slot)
            }
        }
    }

    @Test func aDeadProcessesPlaneIsAdoptedWithoutItsGauges() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("member", "counter:c:5", "gauge:g:7", "say:counted", "wait")
            try child.wait(for: "counted")
            let region = try scratch.member()
            let own = try region.claimPlane(gauges: none)
            #expect(own.index == 1, "the living one keeps its plane")
            child.kill()
            #expect(try scratch.reader().liveOwner(plane: 0) == nil)
            let plane = try region.claimPlane(gauges: { [(1, 1)] })
            #expect(plane.index == 0)
            #expect(try plane.cell(0, cells: 1).pointee == 5, "the counter goes on")
            let gauge = try plane.cell(1, cells: 1).pointee
            #expect(gauge == 0, "the gauge does not")
            #expect(try scratch.reader().liveOwner(plane: 0)?.index == region.slot)
            #expect(region.header.plane_count == 2)
        }
    }

    @Test func aPlaneOfOnesSlotsFormerProcessIsADeadOnes() throws {
        try withScratch { scratch in
            do { _ = try scratch.member().claimPlane(gauges: none) }
            let region = try scratch.member()
            #expect(region.slot == 0, "the same slot, another incarnation")
            #expect(try scratch.reader().liveOwner(plane: 0) == nil)
            let plane = try region.claimPlane(gauges: none)
            #expect(plane.index == 0)
            #expect(try scratch.reader().liveOwner(plane: 0)?.incarnation == 2)
        }
    }

    /// Gauges of which the adopted plane has no cells yet need no zero.
    @Test func gaugesWithoutCellsAreNoTrouble() throws {
        try withScratch { scratch in
            do {
                let region = try scratch.member()
                let plane = try region.claimPlane(gauges: none)
                cl_owner_add(try plane.cell(try appendName("g", to: region), cells: 1), 3)
            }
            let plane = try scratch.member().claimPlane(gauges: { [(0, 1), (511, 1), (512, 1), (.max, 1)] })
            #expect(try plane.cell(0, cells: 1).pointee == 0)
        }
    }

    @Test func planesRunOut() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            for i in 0..<RegionLayout.planes { #expect(try region.claimPlane(gauges: none).index == i) }
            let error = try #require(throws: RegionError.self) { try region.claimPlane(gauges: none) }
            #expect(error.kind == .full)
            #expect(error.description.hasSuffix("all planes are in use"))
        }
    }

    /// Cells stay where they are while the plane grows, and no two values share one.
    @Test func aPlaneGrows() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let plane = try region.claimPlane(gauges: none)
            var cells: [UnsafeMutablePointer<UInt64>] = []
            for i in 0..<5000 {
                let cell = try plane.cell(try appendName("n\(i)", to: region), cells: 1)
                cl_owner_add(cell, UInt64(i + 1))
                cells.append(cell)
            }
            #expect(Set(cells).count == 5000)
            #expect(cells.map(\.pointee) == (1...5000).map { UInt64($0) })
            #expect(try plane.cell(0, cells: 1) == cells[0])
            #expect(region.header.segment_count < 20)
            let reader = try scratch.reader()
            for i in 0..<5000 where read(reader, plane: 0, UInt32(i)) != UInt64(i + 1) { Issue.record("value \(i)") }
            // Somebody who adopts it finds the same.
            let found = try Plane(region: try scratch.attach().region, index: 0)
            for i in 0..<5000 where try found.cell(UInt32(i), cells: 1).pointee != UInt64(i + 1) {
                Issue.record("value \(i) after the adoption")
            }
        }
    }

    /// Whoever opens a region while it grows must not take it for one that was cut short.
    @Test func aRegionThatGrowsCanBeOpened() throws {
        try withScratch { scratch in
            nonisolated(unsafe) let region = try scratch.member()
            nonisolated(unsafe) let scratch = scratch
            nonisolated(unsafe) let done = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
            done.initialize(to: 0)
            defer { done.deallocate() }
            onThreads(4) { part in
                do {
                    if part == 0 {
                        defer { cl_store_release(done, 1) }
                        for _ in 0..<RegionLayout.planes {
                            let plane = try region.claimPlane(gauges: none)
                            for chunk in 0..<3 { _ = try plane.cell(UInt32(chunk * RegionLayout.chunkCells), cells: 1) }
                        }
                    } else {
                        while cl_load_acquire(done) == 0 {
                            if part == 1 { _ = try scratch.attach() } else { _ = try scratch.reader() }
                        }
                    }
                } catch {
                    Issue.record(error)
                }
            }
            #expect(region.header.segment_count == RegionLayout.planes * 2)
        }
    }

    @Test func blocksAreTakenFromAReserve() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let plane = try region.claimPlane(gauges: none)
            #expect(plane.blocks.pointee.take() == nil, "no reserve, no block")
            try plane.reserveBlocks(10)
            let segments = region.header.segment_count
            try plane.reserveBlocks(10)
            #expect(region.header.segment_count == segments, "there are enough")
            for i in 0..<10 {
                let (index, cells) = try #require(plane.blocks.pointee.take())
                #expect(index == i)
                let block = UnsafeMutableBufferPointer(start: cells, count: RegionLayout.blockCells)
                #expect(Array(block) == Array(repeating: 0, count: RegionLayout.blockCells))
                block.update(repeating: UInt64(i + 1))
            }
            let reader = try scratch.reader()
            for i in 0..<10 {
                let block = try #require(reader.block(plane: 0, i))
                #expect(Array(block) == Array(repeating: UInt64(i + 1), count: 96))
            }
            #expect(reader.block(plane: 0, 1 << 40) == nil && reader.block(plane: 0, -1) == nil)
            #expect(reader.block(plane: 1, 0) == nil)
        }
    }

    @Test func aReserveLastsForAllBlocks() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let plane = try region.claimPlane(gauges: none)
            // One by one, as histograms come by their decades.
            for i in 0..<5000 {
                try plane.reserveBlocks(32)
                #expect(plane.blocks.pointee.take()?.index == i)
            }
            #expect(region.header.segment_count < 30)
            let segments = region.header.segment_count
            for _ in 0..<100 { try plane.reserveBlocks(32) }
            #expect(region.header.segment_count == segments)
        }
    }

    @Test func aDeadProcessesBlocksAreNotGivenOutAgain() throws {
        try withScratch { scratch in
            do {
                let plane = try scratch.member().claimPlane(gauges: none)
                try plane.reserveBlocks(5)
                _ = plane.blocks.pointee.take()
                _ = plane.blocks.pointee.take()
            }
            let plane = try scratch.member().claimPlane(gauges: none)
            #expect(plane.blocks.pointee.take()?.index == 2)
        }
    }

    // A function and not a closure: two closures of one type, one of them inside a macro's arguments, were mixed up.
    private func none() -> [(value: UInt32, cells: Int)] { [] }

    private func read(_ reader: RegionReader, plane: Int, _ value: UInt32) -> UInt64? {
        var found: [UInt64] = []
        reader.cells(plane: plane) { first, cells in
            if cells.indices.contains(Int(value) - first) { found.append(cells[Int(value) - first]) }
        }
        return found.count == 1 ? found[0] : nil
    }
}
