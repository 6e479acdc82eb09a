import Testing

@testable import Stats

@Suite struct NameIndexTests {
    private static func add(_ name: String, _ kind: StatKind, value: UInt32, to index: inout NameIndex, later: Bool) {
        var name = name
        name.withUTF8 {
            let entry = NameIndex.Entry(
                name: $0.baseAddress!, nameLength: UInt32($0.count), value: value, kind: kind, unit: .unspecified,
                gaugeImport: .accumulate, flags: [], used: nil)
            if later {
                index.addLater(entry)
                // The name is gone after this.
                index.addQueued()
            } else {
                _ = index.add(entry)
            }
        }
    }

    private static func find(_ name: String, _ kind: StatKind, in index: NameIndex) -> NameIndex.Found? {
        var name = name
        return name.withUTF8 { index.find(kind, $0) }
    }

    @Test(arguments: [true, false], [0, 5000]) func thousandsAreFound(later: Bool, reserved: Int) throws {
        var index = NameIndex()
        index.reserve(reserved)
        for i in 0..<3000 {
            Self.add("a.name.\(i)", .counter, value: UInt32(i), to: &index, later: later)
            Self.add("a.name.\(i)", .gauge, value: UInt32(3000 + i), to: &index, later: later)
        }
        for i in 0..<3000 {
            let counter = try #require(Self.find("a.name.\(i)", .counter, in: index))
            let gauge = try #require(Self.find("a.name.\(i)", .gauge, in: index))
            #expect(index.entries[counter.position].value == UInt32(i))
            #expect(index.entries[gauge.position].value == UInt32(3000 + i))
            #expect(index.entries[gauge.position].nameText == "a.name.\(i)")
        }
        #expect(Self.find("a.name.3000", .counter, in: index) == nil)
        #expect(Self.find("a.name.1", .histogram, in: index) == nil)
        #expect(Self.find("a.name.", .counter, in: index) == nil)
    }

    /// Also when the first is still on its way.
    @Test func aNameIsThereOnce() {
        var index = NameIndex()
        let bytes = Array("twice".utf8)
        bytes.withUnsafeBufferPointer {
            for value in 0..<40 as Range<UInt32> {
                index.addLater(
                    NameIndex.Entry(
                        name: $0.baseAddress!, nameLength: 5, value: value, kind: .counter, unit: .unspecified,
                        gaugeImport: .accumulate, flags: [], used: nil))
            }
            index.addQueued()
        }
        #expect(index.entries.count == 1)
        #expect(index.entries.first?.value == 0)
    }

    @Test func marksComeAndGo() throws {
        var index = NameIndex()
        for i in 0..<10 { Self.add("n\(i)", .text, value: UInt32(i), to: &index, later: false) }
        let found = try #require(Self.find("n3", .text, in: index))
        #expect(!found.isTaken)
        index.take(found.position)
        #expect(try #require(Self.find("n3", .text, in: index)).isTaken)
        #expect(!(try #require(Self.find("n4", .text, in: index)).isTaken))
        index.forgetTaken()
        #expect(!(try #require(Self.find("n3", .text, in: index)).isTaken))
    }
}
