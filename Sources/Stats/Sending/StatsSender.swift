import CLinux
import SharedMemory

/// Says what is to be sent to stats sinks: of counters and histograms what came since it was sent last, by this process or
/// the one before it. What sinks have got is kept in the region, so that nothing is sent twice or left out, whoever dies.
/// All of it on the main thread, but for `StatsSending.run`.
public final class StatsSender {
    private let store: StatsStore
    private var plane: Plane?
    /// What is on the heap of this process, by position.
    private var sentOnHeap: [Int: UInt64] = [:]
    private var histogramsOnHeap: [Int: HistogramData] = [:]
    /// What was prepared is not handed back yet.
    public private(set) var isSending = false

    private let view: StatsView

    /// - Parameter view: which stats sinks get, and with which tags.
    public init(_ store: StatsStore, view: StatsView = StatsView()) {
        self.store = store
        self.view = view
    }

    /// This process has begun to serve. Where nothing was sent to sinks so far, or by the process before it, what was counted
    /// before it is not owed to them.
    ///
    /// - Parameter totals: what that is; nil: nobody knows, and what is counted until the first time is not owed either.
    public func begin(_ totals: RegionTotals?) {
        guard let region = store.region, region.pagesCut == 0, region.lastSender == 0 else { return }
        do {
            let reader = try region.openReader()
            if reader.predecessor?.lastSender ?? 0 == 0, region.header.process_starts > 1 {
                guard let totals, reader.predecessor == nil else { return }
                store.readNewNames()
                let plane = try grownPlane(region)
                for entry in store.entries where entry.kind == .counter && entry.isInRegion {
                    let value = Int(entry.value)
                    guard value < totals.cells.count, let cell = plane.existing(entry.value) else { continue }
                    cl_store_relaxed(cell, totals.cells[value])
                }
                try write(totals.histograms, plane)
            }
            region.noteSender()
        } catch {
            store.trouble("\(error): stats cannot be sent to sinks")
        }
    }

    private func grownPlane(_ region: SharedRegion) throws(RegionError) -> Plane {
        let plane: Plane
        if let known = self.plane { plane = known } else { plane = try region.sentPlane() }
        self.plane = plane
        let values = min(region.valueCount, Int(Int32.max))
        if values > 0 { _ = try plane.cell(UInt32(values - 1), cells: 1) }
        return plane
    }

    /// What there is to send, after `StatsStore.closeInterval()`. nil: the last one is not handed back yet, another process
    /// is at it, or nothing can be sent. Give it to `finish` afterwards.
    public func prepare() -> StatsSending? {
        guard !isSending else { return nil }
        guard let region = store.region, region.pagesCut == 0 else {
            let sending = StatsSending(region: nil, reader: nil, plane: nil, view: view)
            addHeap(to: sending)
            addHistograms(to: sending, reader: nil)
            isSending = true
            return sending
        }
        guard region.beginSending() else { return nil }
        do {
            store.readNewNames()
            let reader = try region.openReader()
            guard reader.header.generation == region.header.generation else {
                throw RegionError.foreign(
                    path: region.path, found: "generation \(reader.header.generation) took its place")
            }
            let plane = try grownPlane(region)
            let sending = StatsSending(region: region, reader: reader, plane: plane, view: view)
            sending.isBlind = region.lastSender == 0
            addHeap(to: sending)
            try reserve(addHistograms(to: sending, reader: reader), plane)
            isSending = true
            return sending
        } catch {
            region.endSending()
            store.trouble("\(error): stats cannot be sent to sinks")
            return nil
        }
    }

    /// It was sent, as far as sinks took it.
    public func finish(_ sending: StatsSending) {
        isSending = false
        for (position, value) in sending.heapSent { sentOnHeap[position] = value }
        for (position, data) in sending.histogramsSent { histogramsOnHeap[position] = data }
        guard let region = sending.region else { return }
        if region.lastSender != 0 { region.noteSender() }
        region.endSending()
    }

    private func addHeap(to sending: StatsSending) {
        for (position, part) in store.heapParts {
            let entry = store.entries[position]
            guard entry.kind == .counter || entry.kind == .gauge else { continue }
            let value = part.cells.reduce(0) { $0 &+ cl_load_relaxed($1) }
            if entry.isInRegion, sending.region != nil {
                sending.extra[entry.value] = value
                continue
            }
            sending.onHeap.append(
                .init(
                    position: position, name: entry.nameBytes, tags: Self.tags(entry),
                    isCounter: entry.kind == .counter, value: value, sent: sentOnHeap[position] ?? 0))
        }
    }

    /// Returns how many blocks it takes to note that they were sent.
    @discardableResult
    private func addHistograms(to sending: StatsSending, reader: RegionReader?) -> Int {
        var missing = 0
        for (name, data) in store.intervalStart ?? [:] {
            var text = name
            guard let found = text.withUTF8({ store.index.find(.histogram, $0) }) else { continue }
            let entry = store.entries[found.position]
            let value = entry.isInRegion && sending.plane != nil ? entry.value : nil
            let sentHere: HistogramData
            if let value, let plane = sending.plane {
                sentHere = plane.histogram(at: value)
            } else {
                sentHere = histogramsOnHeap[found.position] ?? HistogramData()
            }
            var sent = sentHere
            if let old = reader?.predecessor { sent.add(Self.sent(name, old)) }
            let new = data.since(sent)
            guard new.count > 0 else { continue }
            var after = sentHere
            after.add(new)
            if let value, let plane = sending.plane { missing += plane.missingBlocks(after, at: value) }
            sending.recorded.append(
                .init(
                    position: found.position, name: entry.nameBytes, tags: Self.tags(entry), data: new, sent: after,
                    value: value))
        }
        return missing
    }

    private func reserve(_ blocks: Int, _ plane: Plane) throws(RegionError) {
        if blocks > 0 { try plane.reserveBlocks(blocks) }
    }

    /// Makes the plane say that sinks have got these.
    private func write(_ histograms: [String: HistogramData], _ plane: Plane) throws(RegionError) {
        for (name, data) in histograms {
            var text = name
            guard let found = text.withUTF8({ store.index.find(.histogram, $0) }) else { continue }
            let entry = store.entries[found.position]
            guard entry.isInRegion else { continue }
            try reserve(plane.missingBlocks(data, at: entry.value), plane)
            try plane.write(data, at: entry.value)
        }
    }

    private static func sent(_ name: String, _ old: RegionReader) -> HistogramData {
        for record in NameRecord.all(old, withTags: false) where record.kind == .histogram && record.name == name {
            return SentCells.histogram(Int(record.value), old)
        }
        return HistogramData()
    }

    private static func tags(_ entry: StatsStore.Entry) -> [cl_tag_span] {
        TagExtractor.tags(Array(entry.nameBytes), entry.flags).map { cl_tag_span($0) }
    }
}
