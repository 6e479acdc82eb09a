import CLinux
import SharedMemory

/// What sinks have not got yet, at one moment: `StatsSender` makes it on the main thread, another thread sends it, the main
/// thread hands it back.
public final class StatsSending: @unchecked Sendable {
    /// A stat, or a part of one, that is on the heap of this process.
    struct OnHeap {
        var position: Int
        var name: UnsafeBufferPointer<UInt8>
        var tags: [cl_tag_span]
        var isCounter: Bool
        /// All that was counted, whatever was reset.
        var value: UInt64
        /// What sinks have got of a counter; whether they have got a gauge that was not 0.
        var sent: UInt64
    }
    struct Recorded {
        var position: Int
        var name: UnsafeBufferPointer<UInt8>
        var tags: [cl_tag_span]
        /// What is new.
        var data: HistogramData
        /// What sinks have got then, of this region, and where that is kept; nil: on the heap.
        var sent: HistogramData
        var value: UInt32?
    }

    let region: SharedRegion?
    let reader: RegionReader?
    let plane: Plane?
    /// Which stats sinks get, and with which tags.
    let view: StatsView
    /// Nobody knows what is owed: all that there is counts as sent.
    var isBlind = false
    var onHeap: [OnHeap] = []
    /// What of stats in the region is on the heap, by value.
    var extra: [UInt32: UInt64] = [:]
    var recorded: [Recorded] = []
    /// Only what sinks have got is noted, and only by the thread that sends.
    private(set) var heapSent: [(position: Int, value: UInt64)] = []
    private(set) var histogramsSent: [(position: Int, data: HistogramData)] = []

    /// What goes into sinks before it counts as sent.
    private static let groupLength = 32

    init(region: SharedRegion?, reader: RegionReader?, plane: Plane?, view: StatsView = StatsView()) {
        self.view = view
        self.region = region
        self.reader = reader
        self.plane = plane
    }

    /// Sends all to all sinks. A counter that none of them took is owed to them; what one of them took, the others have lost.
    public func run(_ sinks: [any StatsdSink]) {
        let group = Group(sinks, sending: self, length: Self.groupLength)
        if let reader, let plane, region?.isNewestHere == true {
            if isBlind { begin(reader, plane) }
            if !isBlind { sendRegion(reader, plane, group) }
        }
        for stat in onHeap where stat.value != 0 || stat.sent != 0 {
            if stat.isCounter {
                let delta = stat.value &- stat.sent
                group.add(.init(name: stat.name, tags: stat.tags), "c", Self.owed(delta))
                group.mark { $0.heapSent.append((stat.position, stat.value)) }
            } else {
                group.add(.init(name: stat.name, tags: stat.tags), "g", stat.value)
                group.mark { $0.heapSent.append((stat.position, 1)) }
            }
        }
        for stat in recorded {
            if isBlind { group.addNothing() } else { group.add(.init(name: stat.name, tags: stat.tags), stat.data) }
            group.mark { sending in
                guard let value = stat.value, let plane = sending.plane else {
                    sending.histogramsSent.append((stat.position, stat.sent))
                    return
                }
                // There is room: the main thread has seen to it. What it cannot write is sent again.
                try? plane.write(stat.sent, at: value)
            }
        }
        group.end()
    }

    /// Of a counter that has fallen, which none does, nothing is owed.
    private static func owed(_ delta: UInt64) -> UInt64 { Int64(bitPattern: delta) < 0 ? 0 : delta }

    /// What was counted so far is not owed.
    private func begin(_ reader: RegionReader, _ plane: Plane) {
        let group = Group([], sending: self, length: Self.groupLength, takesAll: true)
        sendRegion(reader, plane, group)
        group.end()
        region?.noteSender()
    }

    private func sendRegion(_ reader: RegionReader, _ plane: Plane, _ group: Group) {
        let headLength = Int(reader.header.record_length)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        let sums = PlaneSums(reader, valueCount: valueCount)
        let owedBefore = OwedBefore(reader)
        reader.records { bytes in
            guard !group.hasFailed, let (head, kind) = NameRecord.head(bytes, headLength: headLength),
                kind == .counter || kind == .gauge, Int(head.value) < valueCount,
                let sent = plane.existing(head.value)
            else { return }
            let value = Int(head.value)
            let line = { StatsdLine(bytes, head, headLength: headLength) }
            let isInUse = head.used >= sums.inUse
            if kind == .counter {
                let counted = sums.raw(value) &+ (self.extra.isEmpty ? 0 : self.extra[head.value] ?? 0)
                var delta = counted &- cl_load_relaxed(sent)
                var wasUsed = counted != 0
                if let owedBefore {
                    let before = owedBefore[line().name, kind]
                    delta &+= before.owed
                    wasUsed = wasUsed || before.counted
                }
                guard wasUsed, isInUse || delta != 0 else { return }
                group.add(line(), "c", Self.owed(delta))
                if delta != 0 { group.mark { _ in cl_store_relaxed(sent, cl_load_relaxed(sent) &+ delta) } }
            } else {
                var now = head.import == GaugeImport.neverImport.rawValue ? sums.newest[value] : sums.live[value]
                now &+= self.extra.isEmpty ? 0 : self.extra[head.value] ?? 0
                if sums.earlier != nil { now &+= sums.earlier?[line().text, kind]?.value ?? 0 }
                let wasSent = cl_load_relaxed(sent) != 0
                // As in Envoy a gauge that was ever set is sent each time, be it 0: servers keep what they got last.
                guard isInUse, now != 0 || wasSent else { return }
                group.add(line(), "g", now)
                if !wasSent { group.mark { _ in cl_store_relaxed(sent, 1) } }
            }
        }
    }
}

/// Lines for all sinks, and what is to be noted when they have got them.
private final class Group {
    private let sinks: [any StatsdSink]
    private let sending: StatsSending
    private let length: Int
    private var count = 0
    private var marks: [(StatsSending) -> Void] = []
    private var line = OutputBuffer(capacity: 512)
    /// What stands behind its value.
    private var suffix = OutputBuffer(capacity: 256)
    /// No sink takes anything, or another process sends now.
    private(set) var hasFailed = false
    /// What was to be added last is not for sinks.
    private var isLeftOut = false
    private let takesAll: Bool

    /// - Parameter takesAll: also what sinks do not get.
    init(_ sinks: [any StatsdSink], sending: StatsSending, length: Int, takesAll: Bool = false) {
        self.takesAll = takesAll
        self.sinks = sinks
        self.sending = sending
        self.length = length
    }

    /// What is not shown is not sent, and stays owed.
    private func shown(_ stat: StatsdLine) -> StatsdLine? {
        isLeftOut = !takesAll && (sending.view.accepts.map { !$0(stat.name) } ?? false)
        if isLeftOut { return nil }
        guard let rules = sending.view.tags, sinks.contains(where: { $0.format.hasTags }) else { return stat }
        return StatsdLine(name: stat.name, tags: rules.tags(of: stat.name), rules: rules)
    }

    func add(_ stat: StatsdLine, _ kind: StaticString, _ value: UInt64) {
        guard let stat = shown(stat) else { return }
        if count >= length { settle() }
        guard !hasFailed else { return }
        count += 1
        for sink in sinks {
            line.cut(to: 0)
            line.beginStatsd(stat, sink.format, suffix: &suffix)
            line.append(value)
            line.append("|")
            line.append(kind)
            line.append(suffix)
            sink.add(UnsafeRawBufferPointer(line.run(0, line.count)))
        }
    }

    /// What is marked next is owed to nobody.
    func addNothing() { isLeftOut = false }

    func add(_ stat: StatsdLine, _ data: HistogramData) {
        guard let stat = shown(stat) else { return }
        if count >= length { settle() }
        guard !hasFailed else { return }
        count += 1
        for sink in sinks {
            line.cut(to: 0)
            line.beginStatsd(stat, sink.format, suffix: &suffix)
            let nameEnd = line.count
            data.forEachStatsdValue { value in
                line.cut(to: nameEnd)
                line.append(value)
                line.append(suffix)
                sink.add(UnsafeRawBufferPointer(line.run(0, line.count)))
            }
        }
    }

    /// To be called once the sinks have got what was added last.
    func mark(_ body: @escaping (StatsSending) -> Void) {
        guard !hasFailed, !isLeftOut else { return }
        marks.append(body)
    }

    private func settle() {
        var wasTaken = sinks.isEmpty
        // Before each group: a process that was stopped in between must not go on when another one has taken its place.
        if !hasFailed, sending.region?.isNewestHere != false {
            for sink in sinks where sink.send() { wasTaken = true }
        }
        if wasTaken { for mark in marks { mark(sending) } } else { hasFailed = true }
        marks.removeAll(keepingCapacity: true)
        count = 0
    }

    func end() { if count > 0 || !marks.isEmpty { settle() } }
}

/// What is owed of counters in the region before this one, in which live processes count, by name.
private struct OwedBefore {
    private var stats: [StatKey: (owed: UInt64, counted: Bool)] = [:]

    /// nil: there is no such region.
    init?(_ reader: RegionReader) {
        guard let old = reader.predecessor else { return nil }
        let valueCount = Int(min(old.header.value_count, UInt64(Int32.max)))
        let sums = PlaneSums(old, valueCount: valueCount)
        let sent = SentCells(old, valueCount: valueCount)
        for record in NameRecord.all(old, withTags: false) where record.kind == .counter {
            let counted = sums.raw(Int(record.value))
            stats[record.key] = (counted &- sent[Int(record.value)], counted != 0)
        }
    }

    subscript(_ name: UnsafeBufferPointer<UInt8>, _ kind: StatKind) -> (owed: UInt64, counted: Bool) {
        stats[StatKey(name: String(decoding: name, as: UTF8.self), kind: kind)] ?? (0, false)
    }
}

extension StatsdLine {
    fileprivate init(_ bytes: UnsafeRawBufferPointer, _ head: cl_record, headLength: Int) {
        let nameLength = Int(head.name_length)
        name = UnsafeRawBufferPointer(rebasing: bytes[headLength..<headLength + nameLength])
            .assumingMemoryBound(to: UInt8.self)
        tags = (0..<NameRecord.tagCount(head, bytes, headLength: headLength)).compactMap {
            NameRecord.tag($0, bytes, headLength: headLength, nameLength: nameLength)
        }
    }

    fileprivate var text: String { String(decoding: name, as: UTF8.self) }
}
