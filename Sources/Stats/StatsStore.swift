import CLinux
import SharedMemory

/// The stats of this process: names over a region (or over heap memory alone), and the writers that count.
///
/// The main thread owns the store and its writers; a worker thread touches only the cells it was given. A stat for which
/// the region has no room lives on the heap of this process, is shown by it, and is counted in `stats.overflow`.
public final class StatsStore {
    struct Key: Hashable {
        var name: String
        var kind: StatKind
    }
    typealias Entry = NameIndex.Entry
    /// What of a stat is on the heap of this process.
    struct HeapPart {
        /// The cells of all writers.
        var cells: [UnsafeMutablePointer<UInt64>] = []
        /// What the cells had counted when counters were reset last.
        var baseline: UInt64 = 0
    }

    /// Where the stats live; nil: on the heap of this process.
    public let region: SharedRegion?
    /// Whose names the stats made here have.
    public let naming: StatNaming
    var index = NameIndex()
    /// For which ordinal of this process stats are marked in the index as used.
    private var takenOrdinal: UInt64 = 0
    /// By position in the index.
    private(set) var heapParts: [Int: HeapPart] = [:]
    /// The histograms of all writers, with their positions in the index: decades that found no block in the region are on
    /// the heap.
    private(set) var histograms: [(position: Int, local: UnsafeMutablePointer<LocalHistogram>)] = []
    var logPosition: UInt64 = 0
    private(set) var writers: [StatsWriter] = []
    var closedIntervals: [String: HistogramData] = [:]
    /// What histograms had counted when the interval began; nil: that is looked up when it is needed first.
    private(set) var intervalStart: [String: HistogramData]?
    /// The two planes of the region that closed intervals are written into in turn.
    private var intervalPlanes: [Plane?] = [nil, nil]
    /// Stats that found no room in the region.
    private let heapOverflow: UnsafeMutablePointer<UInt64>
    /// Called once for each kind of trouble, with a sentence for the log.
    public var report: (String) -> Void = { _ in }
    private var reported: Set<String> = []

    /// - Parameters:
    ///   - region: nil keeps everything in this process (`--disable-hot-restart`).
    ///   - naming: whose names this process makes; names that the region has stay what they were made as.
    ///   - takesTotals: the first interval of histograms begins with `totals()`, which this process takes before it
    ///     counts; else now.
    public init(region: SharedRegion?, naming: StatNaming = .plain, takesTotals: Bool = false) {
        self.region = region
        self.naming = naming
        heapOverflow = .allocate(capacity: 1)
        heapOverflow.initialize(to: 0)
        guard region != nil else { return }
        readNewNames()
        // What former processes counted is not of the first interval.
        if !takesTotals, !index.histograms.isEmpty {
            intervalStart = cumulativeHistograms()
        }
    }

    /// The first interval of histograms begins, unless it has: they had counted `histograms` before.
    func beginIntervals(_ histograms: [String: HistogramData]) {
        if intervalStart == nil { intervalStart = histograms }
    }

    /// A store without a region: nothing of it outlives the process or is seen by another one.
    public static func heapOnly(naming: StatNaming = .plain) -> StatsStore { StatsStore(region: nil, naming: naming) }

    var overflowCell: UnsafeMutablePointer<UInt64> { region?.overflowCell ?? heapOverflow }

    // A stat is made once: asked for again, in this process or another one, it is the same. Names are up to 4096 bytes
    // long and not empty; longer ones are cut. Without room in the region a stat lives on the heap, see `report`.

    /// The counter of that name, made if there is none.
    public func counter(_ name: String, flags: StatFlags = []) -> StatID {
        make(name, .counter, .unspecified, .accumulate, flags)
    }

    /// The gauge of that name, made if there is none.
    ///
    /// - Parameter mode: what it says while several processes live.
    public func gauge(_ name: String, import mode: GaugeImport, flags: StatFlags = []) -> StatID {
        make(name, .gauge, .unspecified, mode, flags)
    }

    /// The histogram of that name, made if there is none.
    ///
    /// - Parameter unit: what its values are; it changes nothing about them.
    public func histogram(_ name: String, unit: StatUnit, flags: StatFlags = []) -> StatID {
        make(name, .histogram, unit, .accumulate, flags)
    }

    /// The text readout of that name, made if there is none.
    public func text(_ name: String) -> StatID { make(name, .text, .unspecified, .neverImport, []) }

    private func make(
        _ name: String, _ kind: StatKind, _ unit: StatUnit, _ mode: GaugeImport, _ flags: StatFlags
    ) -> StatID {
        var name = name
        return name.withUTF8 { bytes in
            precondition(!bytes.isEmpty, "a stat has a name")
            // A name is stored with a 16-bit length and must fit in a record.
            return make(
                UnsafeBufferPointer(rebasing: bytes.prefix(NameRecord.longestName)), kind, unit, mode,
                flags.subtracting(.plainName).union(naming.flags))
        }
    }

    private func make(
        _ name: UnsafeBufferPointer<UInt8>, _ kind: StatKind, _ unit: StatUnit, _ mode: GaugeImport, _ flags: StatFlags
    ) -> StatID {
        if let known = index.find(kind, name) { return taken(known) }
        if let region {
            do {
                _ = try region.append(
                    cells: kind.cells,
                    find: {
                        readNewNames()
                        return index.find(kind, name).map { index.entries[$0.position].value }
                    },
                    make: { value in
                        NameRecord.encode(
                            name: Array(name), kind: kind, unit: unit, gaugeImport: mode, flags: flags, value: value,
                            used: region.ordinal, headLength: region.recordLength)
                    })
                readNewNames()
                if let known = index.find(kind, name) { return taken(known) }
            } catch {
                trouble(
                    "\(error): \(String(decoding: name, as: UTF8.self)) and other new stats are kept in this process only"
                )
            }
            region.countOverflow()
        }
        return addOnHeap(name, kind, unit, mode, flags)
    }

    /// A new one that has no place in the region.
    func addOnHeap(
        _ name: UnsafeBufferPointer<UInt8>, _ kind: StatKind, _ unit: StatUnit, _ mode: GaugeImport, _ flags: StatFlags
    ) -> StatID {
        let position = index.add(
            Entry(
                name: name.baseAddress!, nameLength: UInt32(name.count), value: Entry.nowhere, kind: kind, unit: unit,
                gaugeImport: mode, flags: flags, used: nil))
        heapParts[position] = HeapPart()
        return StatID(index: position)
    }

    /// Notes in the region that this process uses the stat.
    func taken(_ found: NameIndex.Found) -> StatID {
        let id = StatID(index: found.position)
        guard let region else { return id }
        if found.isTaken, region.ordinal == takenOrdinal { return id }
        if let used = index.entries[found.position].used { cl_raise(used, region.ordinal) }
        noteTaken(found.position)
        return id
    }

    /// The region knows that this process uses it.
    func noteTaken(_ position: Int) {
        guard let region else { return }
        if region.ordinal != takenOrdinal {
            index.forgetTaken()
            takenOrdinal = region.ordinal
        }
        index.take(position)
    }

    /// Indexes what this and other processes have added to the log.
    func readNewNames() {
        guard let region else { return }
        let headLength = region.recordLength
        if logPosition == 0 { index.reserve(region.estimatedNames) }
        defer { index.addQueued() }
        do {
            logPosition = try region.readLog(from: logPosition) { bytes in
                guard let start = bytes.baseAddress,
                    let (head, kind) = NameRecord.head(bytes, headLength: headLength),
                    // Asked for each: others add names, and their values, while the log is read.
                    Int(head.value) + kind.cells <= region.valueCount
                else { return }
                let name = (start + headLength).assumingMemoryBound(to: UInt8.self)
                let length = Int(head.name_length)
                index.addLater(
                    Entry(
                        name: name, nameLength: UInt32(length), value: head.value, kind: kind,
                        unit: StatUnit(rawValue: head.unit) ?? .unspecified,
                        gaugeImport: GaugeImport(rawValue: head.import) ?? .accumulate,
                        flags: StatFlags(rawValue: head.flags),
                        used: UnsafeMutableRawPointer(mutating: start + NameRecord.usedOffset)
                            .assumingMemoryBound(to: UInt64.self)))
            }
        } catch {
            trouble("\(error): names of other processes cannot be read")
        }
    }

    /// A writer for one thread. It has a plane of its own in the region, or heap memory when there is none to have.
    public func makeWriter() -> StatsWriter {
        var plane: Plane?
        if let region {
            do {
                plane = try region.claimPlane(gauges: {
                    readNewNames()
                    return index.entries.compactMap { entry in
                        (entry.kind == .gauge || entry.kind == .text) && entry.isInRegion
                            ? (entry.value, entry.kind.cells) : nil
                    }
                })
            } catch {
                trouble("\(error): a thread of this process counts on the heap")
                region.countOverflow()
            }
        }
        let writer = StatsWriter(store: self, plane: plane)
        writers.append(writer)
        return writer
    }

    func entry(_ id: StatID) -> Entry { index.entries[id.index] }

    var entries: [Entry] { index.entries }

    func addHeapCell(_ id: StatID, _ cell: UnsafeMutablePointer<UInt64>) {
        heapParts[id.index, default: HeapPart()].cells.append(cell)
    }

    func addHistogram(_ id: StatID, _ histogram: UnsafeMutablePointer<LocalHistogram>) {
        histograms.append((id.index, histogram))
    }

    func trouble(_ text: String) {
        // The path and what is wrong; what follows names the stat.
        let kind = text.split(separator: ":", maxSplits: 2).prefix(2).joined(separator: ":")
        guard reported.insert(kind).inserted else { return }
        report(text)
    }

    /// Sets all counters to zero for whoever reads them, here and from outside; what threads count goes on.
    public func resetCounters() {
        for (position, part) in heapParts where index.entries[position].kind == .counter {
            heapParts[position]?.baseline = part.cells.reduce(0) { $0 &+ cl_load_relaxed($1) }
        }
        guard let region else { return }
        do {
            try region.reset { cell throws(RegionError) in
                // Those that other processes made count for them and are reset too.
                readNewNames()
                let reader = try region.openReader()
                guard reader.header.generation == region.header.generation else {
                    throw .foreign(path: region.path, found: "generation \(reader.header.generation) took its place")
                }
                let sums = StatsSnapshot.counterSums(reader)
                for entry in index.entries where entry.kind == .counter && entry.isInRegion {
                    guard Int(entry.value) < sums.count, let cell = cell(entry.value) else { continue }
                    cl_store_relaxed(cell, sums[Int(entry.value)])
                }
            }
        } catch {
            trouble("\(error): counters cannot be reset")
        }
    }

    /// Tells, once, when the region's file was cut short under us: what is counted then stays in this process.
    public func checkMemory() {
        guard let region, region.pagesCut > 0 else { return }
        trouble("\(region.path): cut short by somebody: \(region.pagesCut) pages of it are in this process only")
    }

    /// Sees to it that workers find histogram blocks when they need them. Call it now and then.
    public func topUp() { for writer in writers { writer.topUp() } }

    /// Ends an interval: histograms show what came since the call before, as Envoy's do at each stats flush. The region
    /// keeps it, so that readers from outside see the same. Only the process that serves calls it.
    public func closeInterval() {
        let now = cumulativeHistograms()
        let before = intervalStart ?? [:]
        var closed: [String: HistogramData] = [:]
        for (name, data) in now {
            closed[name] = before[name].map { $0.count == data.count ? HistogramData() : data.since($0) } ?? data
        }
        intervalStart = now
        closedIntervals = closed
        guard let region else { return }
        do {
            let which = region.nextIntervalIndex
            if intervalPlanes[which] == nil { intervalPlanes[which] = try region.nextInterval() }
            guard let plane = intervalPlanes[which] else { return }
            for position in index.histograms where index.entries[position].isInRegion {
                let entry = index.entries[position]
                let data = closed.isEmpty ? nil : closed[entry.nameText]
                // Of many clusters most have nothing in place of nothing.
                if data == nil, plane.isBlank(entry.value) { continue }
                try plane.write(data ?? HistogramData(), at: entry.value)
            }
            region.publishInterval()
        } catch {
            trouble("\(error): the intervals of histograms are not shown outside")
        }
    }

    private func cumulativeHistograms() -> [String: HistogramData] {
        var found: [String: HistogramData] = [:]
        if let region {
            do {
                found = histograms(try region.openReader(), region)
            } catch {
                trouble("\(error): the region cannot be read")
            }
        }
        for (position, data) in heapHistograms {
            found[index.entries[position].nameText, default: HistogramData()].add(data)
        }
        return found
    }

    /// Those of the region that have recorded something, by name.
    func histograms(_ reader: RegionReader, _ region: SharedRegion) -> [String: HistogramData] {
        guard reader.predecessor == nil, reader.header.generation == region.header.generation else {
            return StatsSnapshot.histograms(reader)
        }
        // The names are known here: those in the region need not be read again.
        readNewNames()
        let planes = HistogramPlanes(reader)
        var found: [String: HistogramData] = [:]
        for position in index.histograms where index.entries[position].isInRegion {
            let entry = index.entries[position]
            if let data = planes.histogram(Int(entry.value)) { found[entry.nameText] = data }
        }
        return found
    }

    /// What of histograms is on the heap, by position in the index.
    var heapHistograms: [Int: HistogramData] {
        var found: [Int: HistogramData] = [:]
        for (position, local) in histograms where local.pointee.hasHeap {
            local.pointee.addHeap(to: &found[position, default: HistogramData()])
        }
        return found
    }
}
