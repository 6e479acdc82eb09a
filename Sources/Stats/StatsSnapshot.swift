import CLinux
import SharedMemory

/// One stat and what it says.
public struct StatValue: Sendable {
    public var name: String
    public var kind: StatKind
    public var unit: StatUnit = .unspecified
    public var flags: StatFlags = []
    public var tags: [StatTag] = []
    /// Counters and gauges.
    public var value: UInt64 = 0
    /// Text readouts: what the newest serving process says, empty when none does.
    public var text: String = ""
    /// Whether a process that serves, or the last one that did, counts it: what is left of an older configuration is not.
    public var isInUse = true
    /// What a histogram has counted since its region began.
    public var histogram: HistogramData?
    /// What it counted in the last interval; nil where nobody closes intervals.
    public var interval: HistogramData?

    /// Whether it ever counted something.
    public var isUsed: Bool { value != 0 || !text.isEmpty || (histogram.map { $0.count > 0 } ?? false) }
}

/// All stats at one moment, sorted by name. Reading takes no lock: each value is exact, two of them may be a moment apart.
public struct StatsSnapshot: Sendable {
    public var stats: [StatValue]

    /// What a region says, whether its processes live or not.
    public init(_ reader: RegionReader) {
        let records = NameRecord.all(reader)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        var all = [UInt64](repeating: 0, count: valueCount)
        var live = all
        var newest = all
        let newestSlot = reader.newest?.index
        var planes: [[(first: Int, cells: UnsafeBufferPointer<UInt64>)]] = []
        for plane in 0..<reader.planeCount {
            let owner = reader.liveOwner(plane: plane)
            var runs: [(first: Int, cells: UnsafeBufferPointer<UInt64>)] = []
            reader.cells(plane: plane) { first, cells in
                runs.append((first, cells))
                for i in 0..<min(cells.count, max(valueCount - first, 0)) {
                    let value = cl_load_relaxed(cells.baseAddress! + i)
                    guard value != 0 else { continue }
                    all[first + i] &+= value
                    if owner != nil { live[first + i] &+= value }
                    if owner?.index == newestSlot, newestSlot != nil { newest[first + i] &+= value }
                }
            }
            planes.append(runs)
        }
        reader.baseline { first, cells in
            for i in 0..<min(cells.count, max(valueCount - first, 0)) {
                // Two resets since we opened the region write into the baseline that we read.
                let base = cl_load_relaxed(cells.baseAddress! + i)
                all[first + i] = all[first + i] > base ? all[first + i] - base : 0
            }
        }
        let inUse = reader.oldestOrdinalInUse
        stats = records.map { record in
            var stat = StatValue(
                name: record.name, kind: record.kind, unit: record.unit, flags: record.flags, tags: record.tags)
            stat.isInUse = record.used >= inUse
            switch record.kind {
            case .counter: stat.value = all[Int(record.value)]
            case .gauge:
                stat.value = record.gaugeImport == .neverImport ? newest[Int(record.value)] : live[Int(record.value)]
            case .histogram: stat.histogram = Self.histogram(Int(record.value), planes, reader)
            case .text: stat.text = Self.text(Int(record.value), planes, reader)
            }
            return stat
        }
        stats += Self.regionStats(reader)
        stats.sort { $0.name < $1.name }
    }

    /// What the region says of itself.
    private static func regionStats(_ reader: RegionReader) -> [StatValue] {
        let header = reader.header
        return [
            StatValue(name: overflowName, kind: .counter, value: header.overflows),
            StatValue(name: "stats.repairs", kind: .counter, value: header.repairs),
            StatValue(name: "stats.resets", kind: .counter, value: header.baseline >> 1),
            StatValue(name: "stats.region_generation", kind: .gauge, value: header.generation),
            StatValue(name: "stats.region_created_s", kind: .gauge, value: header.created_ns / 1_000_000_000),
            StatValue(name: "server.process_starts", kind: .counter, value: header.process_starts),
        ]
    }

    /// The sums over all planes by value index, resets left out.
    static func counterSums(_ reader: RegionReader) -> [UInt64] {
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        var sums = [UInt64](repeating: 0, count: valueCount)
        for plane in 0..<reader.planeCount {
            reader.cells(plane: plane) { first, cells in
                for i in 0..<min(cells.count, max(valueCount - first, 0)) {
                    sums[first + i] &+= cl_load_relaxed(cells.baseAddress! + i)
                }
            }
        }
        return sums
    }

    /// Counts what found no room in the region and lives on a heap.
    static let overflowName = "stats.overflow"

    init(stats: [StatValue]) { self.stats = stats.sorted { $0.name < $1.name } }

    private static func histogram(
        _ value: Int, _ planes: [[(first: Int, cells: UnsafeBufferPointer<UInt64>)]], _ reader: RegionReader
    ) -> HistogramData {
        var data = HistogramData()
        for (plane, runs) in planes.enumerated() {
            for run in runs where value >= run.first && value + HistogramBins.cells <= run.first + run.cells.count {
                let cells = run.cells.baseAddress! + (value - run.first)
                data.zeros &+= cl_load_relaxed(cells)
                data.sum &+= cl_load_relaxed(cells + 1)
                for decade in 0..<HistogramBins.decades {
                    let number = cl_load_acquire(cells + HistogramBins.firstBlockCell + decade)
                    guard number > 0, number <= UInt64(UInt32.max),
                        let block = reader.block(plane: plane, Int(number - 1))
                    else { continue }
                    data.add(decade: decade, block)
                }
            }
        }
        return data
    }

    private static func text(
        _ value: Int, _ planes: [[(first: Int, cells: UnsafeBufferPointer<UInt64>)]], _ reader: RegionReader
    ) -> String {
        guard let newest = reader.newest?.index else { return "" }
        for (plane, runs) in planes.enumerated() where reader.liveOwner(plane: plane)?.index == newest {
            for run in runs where value >= run.first && value + TextCells.cells <= run.first + run.cells.count {
                let text = TextCells.read(run.cells.baseAddress! + (value - run.first))
                if !text.isEmpty { return text }
            }
        }
        return ""
    }

    /// Only the stats for which `keep` holds.
    public func filtered(_ keep: (StatValue) -> Bool) -> StatsSnapshot { StatsSnapshot(sorted: stats.filter(keep)) }

    private init(sorted: [StatValue]) { stats = sorted }

    /// The value of a counter or gauge; nil when there is none of that name.
    public func value(_ name: String) -> UInt64? { stats.first { $0.name == name && $0.kind != .histogram }?.value }
}

extension StatsStore {
    /// All stats of the base id: of the region with every process in it, and what this process keeps on its heap.
    public func snapshot() -> StatsSnapshot {
        var stats: [StatValue] = []
        if let region {
            if region.pagesCut > 0 {
                // What others see is not what we count any more.
                stats = ownStats()
            } else {
                do {
                    stats = StatsSnapshot(try region.openReader()).stats
                } catch {
                    trouble("\(error): the region cannot be read")
                    stats = ownStats()
                }
            }
        }
        var places: [StatsStore.Key: Int] = [:]
        for (i, stat) in stats.enumerated() { places[StatsStore.Key(name: stat.name, kind: stat.kind)] = i }
        for entry in entries where !entry.heap.isEmpty || !entry.histograms.isEmpty || entry.value == nil {
            var stat = StatValue(name: entry.name, kind: entry.kind, unit: entry.unit, flags: entry.flags)
            stat.tags = TagExtractor.tags(Array(entry.name.utf8))
            if entry.kind == .text {
                stat.text = entry.heap.lazy.map { TextCells.read($0) }.first { !$0.isEmpty } ?? ""
            } else {
                stat.value = entry.heap.reduce(0) { $0 &+ cl_load_relaxed($1) } &- entry.heapBaseline
            }
            if entry.kind == .histogram {
                var data = HistogramData()
                for histogram in entry.histograms { histogram.pointee.addHeap(to: &data) }
                stat.histogram = data
            }
            let key = StatsStore.Key(name: stat.name, kind: stat.kind)
            if let known = places[key] {
                stats[known].value &+= stat.value
                if let data = stat.histogram { stats[known].histogram?.add(data) }
            } else {
                places[key] = stats.count
                stats.append(stat)
            }
        }
        if region == nil {
            stats.append(
                StatValue(
                    name: StatsSnapshot.overflowName, kind: .counter, value: cl_load_relaxed(overflowCell)))
        }
        for i in stats.indices where stats[i].kind == .histogram {
            stats[i].interval = closedIntervals[stats[i].name] ?? HistogramData()
        }
        return StatsSnapshot(stats: stats)
    }

    /// The value of a counter or gauge now, 0 when there is none of that name.
    public func value(_ name: String) -> UInt64 { snapshot().value(name) ?? 0 }
}

extension LocalHistogram {
    /// Adds what is on the heap: all of a histogram without a plane, and decades that found no block in their plane.
    fileprivate func addHeap(to data: inout HistogramData) {
        if reserve == nil {
            data.zeros &+= cl_load_relaxed(cells)
            data.sum &+= cl_load_relaxed(cells + 1)
        }
        for decade in 0..<HistogramBins.decades {
            guard let block = UnsafePointer<UInt64>(bitPattern: UInt(cl_load_acquire(heapDecades + decade))) else {
                continue
            }
            data.add(decade: decade, UnsafeBufferPointer(start: block, count: HistogramBins.bins))
        }
    }
}
