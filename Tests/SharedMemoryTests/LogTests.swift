import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// The log of names.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct LogTests {
    @Test func whatIsAppendedIsReadInOrder() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let values = try (0..<100).map { try appendName("name.\($0)", to: region) }
            #expect(values == (0..<100).map { UInt32($0) })
            #expect(try names(of: region) == (0..<100).map { "name.\($0)" })
            #expect(try names(of: try scratch.reader()) == (0..<100).map { "name.\($0)" })
            #expect(region.header.value_count == 100)
        }
    }

    @Test func readingGoesOnWhereItStopped() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let other = try scratch.member()
            _ = try appendName("a", to: region)
            var seen: [String] = []
            let position = try other.readLog(from: 0) { seen.append(name(in: $0)) }
            #expect(seen == ["a"] && position == region.header.log_tail)
            _ = try appendName("b", to: region)
            let end = try other.readLog(from: position) { seen.append(name(in: $0)) }
            #expect(seen == ["a", "b"] && end == region.header.log_tail)
        }
    }

    @Test func aKnownNameIsNotAppended() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try appendName("a", to: region)
            let tail = region.header.log_tail
            let found = try region.append(
                cells: 1, find: { 42 },
                make: { _ in
                    Issue.record("made")
                    return []
                })
            #expect(found == 42 && region.header.log_tail == tail)
        }
    }

    @Test func valuesAreMultiplesOfTheirCells() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            #expect(try appendName("counter", to: region) == 0)
            #expect(try appendName("histogram", cells: 16, to: region) == 16)
            #expect(try appendName("next", to: region) == 32)
            #expect(try appendName("second", cells: 16, to: region) == 48)
            #expect(region.header.value_count == 64)
        }
    }

    /// A record never crosses the end of a segment; what is left over is a record of type 0, or 8 zeros.
    @Test(arguments: [0, 8, 16, 24, 1000])
    func theRestOfASegmentIsPassedOver(left: Int) throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let segment = 16 * RegionLayout.page
            var expected: [String] = []
            while Int(region.header.log_tail) < segment - left {
                let room = segment - left - Int(region.header.log_tail)
                let name = "n\(expected.count)"
                // Fill up exactly to `left` bytes before the end.
                let length = room >= 4096 ? 2048 : room
                _ = try append(record: record(name, length: length), to: region)
                expected.append(name)
            }
            #expect(Int(region.header.log_tail) == segment - left)
            #expect(region.header.segment_count == 1)
            _ = try append(record: record("first of the next", length: 2048), to: region)
            expected.append("first of the next")
            #expect(region.header.segment_count == 2)
            #expect(Int(region.header.log_tail) == segment + 2048)
            #expect(try names(of: region) == expected)
            #expect(try names(of: try scratch.reader()) == expected)
        }
    }

    @Test func growsOverManySegments() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let count = 1000
            for i in 0..<count { _ = try append(record: record("long.\(i)", length: 4000), to: region) }
            let expected = (0..<count).map { "long.\($0)" }
            let header = region.header
            #expect(header.segment_count == 7, "16, 16, 32 … pages: each doubles the log")
            #expect(try names(of: region) == expected)
            #expect(try names(of: try scratch.reader()) == expected)
            #expect(Int(header.committed) == scratch.size)
            // One who came before any of it sees it too.
            #expect(try names(of: try scratch.attach().region) == expected)
        }
    }

    @Test func onlyPublishedBytesCount() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try appendName("a", to: region)
            // What somebody who died there left past the tail.
            let tail = Int(region.header.log_tail)
            for i in 0..<200 { scratch.poke(UInt64.max, at: RegionLayout.data + tail + 8 * i) }
            #expect(try names(of: region) == ["a"])
            #expect(try names(of: try scratch.reader()) == ["a"])
            _ = try appendName("b", to: region)
            #expect(try names(of: region) == ["a", "b"])
        }
    }

    @Test(arguments: [UInt32(1), 8, 15, 17, 4096 * 16, 1 << 31, .max])
    func aLengthThatCannotBeEndsTheReading(length: UInt32) throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try appendName("a", to: region)
            let second = region.header.log_tail
            _ = try appendName("b", to: region)
            _ = try appendName("c", to: region)
            scratch.poke(length, at: RegionLayout.data + Int(second))
            var seen: [String] = []
            let stopped = try region.readLog(from: 0) { seen.append(name(in: $0)) }
            #expect(seen == ["a"] && stopped == second, "what lies before it is read")
            #expect(try names(of: try scratch.reader()) == ["a"])
        }
    }

    @Test func aTailThatCannotBeEndsTheReading() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try appendName("a", to: region)
            let reader = try scratch.reader()
            for tail in [UInt64(1) << 40, 1 << 63, .max] {
                scratch.poke(\.log_tail, tail)
                #expect(try names(of: region) == ["a"], "the rest of the segment is zeros")
                let appending = try #require(throws: RegionError.self) { try appendName("b", to: region) }
                #expect(appending.kind == .foreign)
                let reading = try #require(throws: RegionError.self) { try scratch.reader() }
                #expect(reading.kind == .foreign)
            }
            #expect(try names(of: reader) == ["a"], "a reader uses the header it has checked")
        }
    }

    @Test(arguments: [UInt64(Int32.max), 1 << 40, 1 << 63, .max])
    func aCountOfValuesThatCannotBeIsAnError(values: UInt64) throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let plane = try region.claimPlane(gauges: { [] })
            scratch.poke(\.value_count, values)
            let error = try #require(throws: RegionError.self) { try appendName("a", to: region) }
            #expect(error.kind == (values == UInt64(Int32.max) ? .full : .foreign))
            #expect(region.header.log_tail == 0)
            #expect(throws: RegionError.self) { try plane.cell(0, cells: 1) }
        }
    }

    /// Directory entries that point where no segment can be.
    @Test(arguments: [(UInt32(0), UInt32(1)), (52, 1), (1 << 20, 1), (.max, .max), (53, 1 << 30)])
    func aSegmentThatCannotBeIsRefused(page: UInt32, pages: UInt32) throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try appendName("a", to: region)
            let offset = RegionLayout.page + RegionLayout.slots * 192
            scratch.poke(page, at: offset + MemoryLayout<cl_segment>.offset(of: \.page)!)
            scratch.poke(pages, at: offset + MemoryLayout<cl_segment>.offset(of: \.pages)!)
            let error = try #require(throws: RegionError.self) { try region.readLog(from: 0) { _ in } }
            #expect(error.kind == .foreign)
            #expect(throws: RegionError.self) { try scratch.attach() }
            #expect(try names(of: try scratch.reader()) == [], "a reader goes without it")
        }
    }
}
