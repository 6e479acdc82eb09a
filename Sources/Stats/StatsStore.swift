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
    struct Entry {
        var name: String
        var kind: StatKind
        var unit: StatUnit
        var gaugeImport: GaugeImport
        var flags: StatFlags
        /// Its first cell in every plane of the region; nil: on the heap.
        var value: UInt32?
        /// Where its record says who uses it; nil on the heap.
        var used: UnsafeMutablePointer<UInt64>?
        /// The heap cells of all writers.
        var heap: [UnsafeMutablePointer<UInt64>] = []
        /// What the heap cells had counted when counters were reset last.
        var heapBaseline: UInt64 = 0
        /// The histograms of all writers: decades that found no block in the region are on the heap.
        var histograms: [UnsafeMutablePointer<LocalHistogram>] = []
    }

    public let region: SharedRegion?
    private(set) var entries: [Entry] = []
    private var index: [Key: Int] = [:]
    private var logPosition: UInt64 = 0
    private(set) var writers: [StatsWriter] = []
    var closedIntervals: [String: HistogramData] = [:]
    private var intervalStart: [String: HistogramData] = [:]
    /// Stats that found no room in the region.
    private let heapOverflow: UnsafeMutablePointer<UInt64>
    /// Called once for each kind of trouble, with a sentence for the log.
    public var report: (String) -> Void = { _ in }
    private var reported: Set<String> = []

    /// - Parameter region: nil keeps everything in this process (`--disable-hot-restart`).
    public init(region: SharedRegion?) {
        self.region = region
        heapOverflow = .allocate(capacity: 1)
        heapOverflow.initialize(to: 0)
        guard region != nil else { return }
        readNewNames()
        // What former processes counted is not of the first interval.
        if entries.contains(where: { $0.kind == .histogram }) { intervalStart = cumulativeHistograms() }
    }

    public static func heapOnly() -> StatsStore { StatsStore(region: nil) }

    var overflowCell: UnsafeMutablePointer<UInt64> { region?.overflowCell ?? heapOverflow }

    public func counter(_ name: String, flags: StatFlags = []) -> StatID {
        make(name, .counter, .unspecified, .accumulate, flags)
    }

    public func gauge(_ name: String, import mode: GaugeImport, flags: StatFlags = []) -> StatID {
        make(name, .gauge, .unspecified, mode, flags)
    }

    public func histogram(_ name: String, unit: StatUnit, flags: StatFlags = []) -> StatID {
        make(name, .histogram, unit, .accumulate, flags)
    }

    public func text(_ name: String) -> StatID { make(name, .text, .unspecified, .neverImport, []) }

    private func make(
        _ name: String, _ kind: StatKind, _ unit: StatUnit, _ mode: GaugeImport, _ flags: StatFlags
    ) -> StatID {
        // A name is stored with a 16-bit length and must fit in a record.
        let name = name.utf8.count <= 4096 ? name : String(decoding: Array(name.utf8.prefix(4096)), as: UTF8.self)
        let key = Key(name: name, kind: kind)
        if let known = index[key] { return taken(known) }
        if let region {
            do {
                _ = try region.append(
                    cells: kind.cells,
                    find: {
                        readNewNames()
                        return index[key].flatMap { entries[$0].value }
                    },
                    make: { value in
                        NameRecord.encode(
                            name: Array(name.utf8), kind: kind, unit: unit, gaugeImport: mode, flags: flags,
                            value: value, used: region.ordinal, headLength: region.recordLength)
                    })
                readNewNames()
                if let known = index[key] { return taken(known) }
            } catch {
                trouble("\(error): \(name) and other new stats are kept in this process only")
            }
            region.countOverflow()
        }
        return add(
            Entry(name: name, kind: kind, unit: unit, gaugeImport: mode, flags: flags, value: nil), key)
    }

    /// Notes in the region that this process uses the stat.
    private func taken(_ position: Int) -> StatID {
        if let region, let used = entries[position].used { cl_raise(used, region.ordinal) }
        return StatID(index: position)
    }

    private func add(_ entry: Entry, _ key: Key) -> StatID {
        index[key] = entries.count
        entries.append(entry)
        return StatID(index: entries.count - 1)
    }

    /// Indexes what this and other processes have added to the log.
    private func readNewNames() {
        guard let region else { return }
        let headLength = region.recordLength
        do {
            logPosition = try region.readLog(from: logPosition) { bytes in
                guard let record = NameRecord(bytes, headLength: headLength),
                    Int(record.value) + record.kind.cells <= region.valueCount
                else { return }
                let key = Key(name: record.name, kind: record.kind)
                guard index[key] == nil else { return }
                _ = add(
                    Entry(
                        name: record.name, kind: record.kind, unit: record.unit, gaugeImport: record.gaugeImport,
                        flags: record.flags, value: record.value,
                        used: bytes.baseAddress.map {
                            UnsafeMutableRawPointer(mutating: $0 + NameRecord.usedOffset)
                                .assumingMemoryBound(to: UInt64.self)
                        }), key)
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
                    return entries.compactMap { entry in
                        guard entry.kind == .gauge || entry.kind == .text, let value = entry.value else { return nil }
                        return (value, entry.kind.cells)
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

    func entry(_ id: StatID) -> Entry { entries[id.index] }

    func addHeapCell(_ id: StatID, _ cell: UnsafeMutablePointer<UInt64>) { entries[id.index].heap.append(cell) }

    func addHistogram(_ id: StatID, _ histogram: UnsafeMutablePointer<LocalHistogram>) {
        entries[id.index].histograms.append(histogram)
    }

    func trouble(_ text: String) {
        // The path and what is wrong; what follows names the stat.
        let kind = text.split(separator: ":", maxSplits: 2).prefix(2).joined(separator: ":")
        guard reported.insert(kind).inserted else { return }
        report(text)
    }

    /// Sets all counters to zero for whoever reads them, here and from outside; what threads count goes on.
    public func resetCounters() {
        for i in entries.indices where entries[i].kind == .counter {
            entries[i].heapBaseline = entries[i].heap.reduce(0) { $0 &+ cl_load_relaxed($1) }
        }
        guard let region else { return }
        do {
            try region.reset { cell throws(RegionError) in
                // Those that other processes made count for them and are reset too.
                readNewNames()
                let sums = StatsSnapshot.counterSums(try region.openReader())
                for entry in entries where entry.kind == .counter {
                    guard let value = entry.value, Int(value) < sums.count, let cell = cell(value) else { continue }
                    cl_store_relaxed(cell, sums[Int(value)])
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

    /// Ends an interval: histograms show what came since the call before, as Envoy's do at each stats flush.
    public func closeInterval() {
        let now = cumulativeHistograms()
        closedIntervals = now.mapValues { $0 }
        for (name, data) in now { closedIntervals[name] = data.since(intervalStart[name] ?? HistogramData()) }
        intervalStart = now
    }

    private func cumulativeHistograms() -> [String: HistogramData] {
        var found: [String: HistogramData] = [:]
        for stat in snapshot().stats { if let data = stat.histogram { found[stat.name] = data } }
        return found
    }
}
