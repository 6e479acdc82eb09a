import HotRestart

/// Messages and facts that several tests use.
enum Samples {
    static let hello = Hello(
        version: "1.2.3/abc", epochWanted: 4, pid: 4242, freeDescriptors: 1000, capabilities: [.connections], baseID: 7,
        generation: 9)
    static let welcome = Welcome(
        epoch: 3, pid: 4141, version: "1.2.2", hotRestartGeneration: 11, startTimeNs: 123_456_789_012_345_678,
        capabilities: [])
    /// Of a parent that moves connections, as `hello` is of a child that takes them.
    static let movingWelcome = Welcome(
        epoch: 3, pid: 4141, version: "1.2.2", hotRestartGeneration: 11, startTimeNs: 1, capabilities: [.connections])

    static let listenerRecords = [
        ListenerRecord(name: "ingress", address: "0.0.0.0:8080", worker: 0, flags: 5),
        ListenerRecord(name: "ingress", address: "0.0.0.0:8080", worker: 4_000_000_000),
        ListenerRecord(kind: .restartSocket, name: "", address: "@restart"),
        ListenerRecord(kind: .admin, name: "admin", address: "[::1]:9901"),
        ListenerRecord(kind: .init(rawValue: 77), name: "ünïcode", address: ""),
    ]

    /// Every type of message, and the odd ends of their fields.
    static let messages: [Message] = [
        .hello(hello),
        .hello(Hello(version: "", pid: 0, freeDescriptors: .max, capabilities: .init(rawValue: .max), baseID: .max)),
        .welcome(welcome),
        .refuse(reason: "base id 7 belongs to somebody else"),
        .refuse(reason: ""),
        .request([.listeners, .state]),
        .request([]),
        .listeners(ListenersPart(records: listenerRecords, isLast: true)),
        .listeners(ListenersPart(records: [listenerRecords[0]], isLast: false)),
        .listeners(ListenersPart(records: [], isLast: true)),
        .state(
            StatePart(
                pieces: [
                    .init(name: "dns", bytes: [1, 2, 3], continues: true),
                    .init(name: "dns", bytes: [], continues: false),
                ], isLast: true)),
        .state(StatePart(pieces: [], isLast: false)),
        .connections(ConnectionsPart(bytes: [1, 2, 3], isLast: false)),
        .connections(ConnectionsPart(bytes: [], isLast: true)),
        .prepared(PreparedPart(bytes: [4], isLast: false)), .prepared(PreparedPart(bytes: [], isLast: true)),
        .ready, .commit, .committed,
        .done(HandOverReport(moved: 10, kept: 3, text: "3 long polls")),
        .bye, .release(names: []), .release(names: ["a", "", "ü"]), .released, .terminate,
        .abort(reason: "out of memory"), .adminRelease, .adminReleased,
        .ignored(type: .init(rawValue: 999)),
    ]

    static func descriptors(of message: Message) -> Int {
        switch message {
        case .listeners(let part): part.records.count
        // Any number will do.
        case .connections(let part): part.bytes.count % 5
        default: 0
        }
    }
}

/// A deterministic generator (SplitMix64): a failing run can be repeated.
struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
