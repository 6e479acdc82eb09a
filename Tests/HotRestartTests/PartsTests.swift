import Testing

@testable import HotRestart

@Suite struct PartsTests {
    @Test func emptyListsHaveAnEnd() throws {
        #expect(try Parts.split([OfferedListener]()).map(\.part) == [ListenersPart(records: [], isLast: true)])
        #expect(try Parts.split([StateRecord]()) == [StatePart(pieces: [], isLast: true)])
    }

    @Test(arguments: [1, 199, 200, 201, 400, 1001]) func listenersAreSplitByDescriptors(_ count: Int) throws {
        let offered = (0..<count).map {
            OfferedListener(record: ListenerRecord(name: "l\($0)", address: "a"), descriptor: Int32($0))
        }
        let parts = try Parts.split(offered)
        #expect(parts.count == (count + 199) / 200)
        #expect(parts.flatMap(\.part.records) == offered.map(\.record))
        #expect(parts.flatMap(\.descriptors) == offered.map(\.descriptor))
        #expect(parts.map(\.part.isLast) == (0..<parts.count).map { $0 == parts.count - 1 })
    }

    @Test func listenersAreSplitByBytes() throws {
        let name = String(repeating: "n", count: 20_000)
        let offered = (0..<10).map {
            OfferedListener(record: ListenerRecord(name: name, address: "\($0)"), descriptor: Int32($0))
        }
        let parts = try Parts.split(offered)
        #expect(parts.count == 4)
        for (part, descriptors) in parts {
            _ = try MessageCodec.encode(.listeners(part), sequence: 0, descriptors: descriptors.count)
        }
        let huge = OfferedListener(
            record: ListenerRecord(name: String(repeating: "n", count: 70_000), address: ""), descriptor: 1)
        #expect(throws: MessageError.self) { try Parts.split([huge]) }
    }

    @Test func stateComesTogetherAgain() throws {
        var random = Random(state: 5)
        let sizes = [0, 1, 100, 32768, 32769, 65536, 200_000, 0, 7]
        let records = sizes.enumerated().map { index, size in
            StateRecord(
                name: "record \(index)", bytes: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let parts = try Parts.split(records)
        #expect(parts.count > 5)
        var assembler = StateAssembler()
        for part in parts {
            let bytes = try MessageCodec.encode(.state(part), sequence: 0)
            guard case .state(let back) = try MessageCodec.decode(bytes).message else {
                Issue.record("not a STATE message")
                return
            }
            try assembler.add(back)
        }
        #expect(assembler.records == records)
    }

    @Test func brokenPiecesAreRefused() {
        var mixed = StateAssembler()
        #expect(throws: MessageError.self) {
            try mixed.add(
                StatePart(
                    pieces: [
                        .init(name: "a", bytes: [], continues: true), .init(name: "b", bytes: [], continues: false),
                    ], isLast: true))
        }
        var unfinished = StateAssembler()
        #expect(throws: MessageError.self) {
            try unfinished.add(StatePart(pieces: [.init(name: "a", bytes: [], continues: true)], isLast: true))
        }
    }

    @Test func answersAreSplit() throws {
        let most = PreparedPart.maximumBytes
        for size in [0, 1, most, most + 1, 3 * most, Wire.maximumPreparedBytes] {
            let answer = [UInt8](repeating: 3, count: size)
            let parts = try Parts.split(prepared: answer)
            #expect(parts.count == max(1, (size + most - 1) / most))
            #expect(parts.flatMap(\.bytes) == answer)
            #expect(parts.map(\.isLast) == (0..<parts.count).map { $0 == parts.count - 1 })
        }
        #expect(throws: MessageError.tooLarge(bytes: Wire.maximumPreparedBytes + 1)) {
            try Parts.split(prepared: [UInt8](repeating: 0, count: Wire.maximumPreparedBytes + 1))
        }
    }

    @Test func endlessStateIsRefused() throws {
        var assembler = StateAssembler()
        let piece = StatePart.Piece(name: "a", bytes: [UInt8](repeating: 1, count: 60_000), continues: true)
        let part = StatePart(pieces: [piece], isLast: false)
        #expect(throws: MessageError.self) { for _ in 0..<2000 { try assembler.add(part) } }
    }
}
