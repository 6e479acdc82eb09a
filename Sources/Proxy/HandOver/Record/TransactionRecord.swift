/// What stands before the units: their number and the names that they refer to by position.
struct TransactionRecord: Equatable {
    struct Name: Equatable {
        /// Of a listener or a cluster, as the configuration has it.
        var name: String
        /// The same as a part of stat names.
        var statName: String
        /// Of a cluster: for requests of priority HIGH.
        var isHigh = false
    }
    /// Of the format of what follows; another one is refused as a whole.
    var version: UInt32 = Self.currentVersion
    var units: UInt64 = 0
    /// Workers of the parent.
    var workers: UInt32 = 0
    /// No client's connection has this number yet, nor a greater one.
    var connectionID: UInt64 = 0
    var listeners: [Name] = []
    var clusters: [Name] = []
    /// A `HostHealthRecord` of the hosts that have changed since it was sent as state.
    var hostHealth: [UInt8] = []
    /// What is left of the buckets that all workers share.
    var rateLimits: [RateLimitRecord] = []

    static let currentVersion: UInt32 = 1
    private enum Tag {
        static let version: UInt32 = 1, units: UInt32 = 2, listener: UInt32 = 3, cluster: UInt32 = 4,
            workers: UInt32 = 5, connectionID: UInt32 = 6, hostHealth: UInt32 = 7, rateLimit: UInt32 = 8
        static let name: UInt32 = 1, statName: UInt32 = 2, isHigh: UInt32 = 3
    }

    init() {}

    func write(into out: inout RecordWriter) {
        out.number(Tag.version, UInt64(version))
        out.number(Tag.units, units)
        out.number(Tag.workers, UInt64(workers))
        out.number(Tag.connectionID, connectionID)
        for name in listeners { Self.write(name, Tag.listener, &out) }
        for name in clusters { Self.write(name, Tag.cluster, &out) }
        for limit in rateLimits { limit.write(Tag.rateLimit, into: &out) }
        hostHealth.withUnsafeBufferPointer { if let base = $0.baseAddress { out.blob(Tag.hostHealth, base, $0.count) } }
    }

    private static func write(_ name: Name, _ tag: UInt32, _ out: inout RecordWriter) {
        let start = out.begin(tag)
        out.text(Tag.name, name.name)
        out.text(Tag.statName, name.statName)
        if name.isHigh { out.number(Tag.isHigh, 1) }
        out.end(start)
    }

    init(_ bytes: RecordBytes) throws(RecordError) {
        version = 0
        guard var reader = RecordReader(bytes) else { throw RecordError("a transaction without fields") }
        while let field = try reader.field() {
            switch field.number {
            case Tag.version: version = try field.number()
            case Tag.units: units = try field.number()
            case Tag.workers: workers = try field.number()
            case Tag.connectionID: connectionID = try field.number()
            case Tag.listener: listeners.append(try Self.name(field))
            case Tag.cluster: clusters.append(try Self.name(field))
            case Tag.rateLimit: rateLimits.append(try RateLimitRecord(try field.content()))
            case Tag.hostHealth:
                let bytes = try field.content()
                hostHealth = Array(UnsafeBufferPointer(start: bytes.start, count: bytes.count))
            default: break
            }
        }
    }

    private static func name(_ field: RecordReader.Field) throws(RecordError) -> Name {
        var name = Name(name: "", statName: "")
        guard var reader = RecordReader(try field.content()) else { return name }
        while let field = try reader.field() {
            switch field.number {
            case Tag.name: name.name = try field.text()
            case Tag.statName: name.statName = try field.text()
            case Tag.isHigh: name.isHigh = try field.number(as: UInt8.self) != 0
            default: break
            }
        }
        return name
    }
}

/// The child's answer: the units that it leaves with the parent, by reason. All others it has.
struct AnswerRecord: Equatable {
    var refused: [(reason: String, ordinals: [UInt64])] = []

    private enum Tag {
        static let refusal: UInt32 = 1, reason: UInt32 = 1, ordinal: UInt32 = 2
    }

    static func == (a: AnswerRecord, b: AnswerRecord) -> Bool {
        a.refused.elementsEqual(b.refused) { $0.reason == $1.reason && $0.ordinals == $1.ordinals }
    }

    init() {}

    mutating func refuse(_ ordinal: UInt64, _ reason: String) {
        if let known = refused.firstIndex(where: { $0.reason == reason }) {
            refused[known].ordinals.append(ordinal)
        } else {
            refused.append((reason, [ordinal]))
        }
    }

    func encoded() -> [UInt8] {
        var out = RecordWriter(capacity: 1024)
        for entry in refused {
            let start = out.begin(Tag.refusal)
            out.text(Tag.reason, entry.reason)
            // Counted from 1: 0 would be left out.
            for ordinal in entry.ordinals { out.number(Tag.ordinal, ordinal + 1) }
            out.end(start)
        }
        return Array(out.bytes)
    }

    /// - Parameter units: how many there are; an ordinal beyond is an error.
    init(_ bytes: [UInt8], units: Int) throws(RecordError) {
        let parsed = bytes.withUnsafeBufferPointer { buffer -> Result<[(String, [UInt64])], RecordError> in
            do throws(RecordError) { return .success(try Self.parse(buffer, units: units)) } catch {
                return .failure(error)
            }
        }
        refused = try parsed.get()
    }

    private static func parse(
        _ buffer: UnsafeBufferPointer<UInt8>, units: Int
    ) throws(RecordError) -> [(String, [UInt64])] {
        guard let base = buffer.baseAddress else { return [] }
        var refused: [(String, [UInt64])] = []
        var reader = RecordReader(base, buffer.count)
        while let field = try reader.field() {
            guard field.number == Tag.refusal, var inner = RecordReader(try field.content()) else { continue }
            var reason = ""
            var ordinals: [UInt64] = []
            while let field = try inner.field() {
                switch field.number {
                case Tag.reason: reason = try field.text()
                case Tag.ordinal:
                    guard field.value > 0, field.value <= UInt64(units) else {
                        throw RecordError("the answer refuses unit \(field.value) of \(units)")
                    }
                    ordinals.append(field.value - 1)
                default: break
                }
            }
            refused.append((reason, ordinals))
        }
        return refused
    }
}
