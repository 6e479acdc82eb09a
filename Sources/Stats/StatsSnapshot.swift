import CLinux
import SharedMemory

/// One stat and what it says.
public struct StatValue: Sendable {
    /// The whole name, as it was made but for bytes that are no UTF-8.
    public var name: String
    /// What it is; says which of `value`, `text` and `histogram` counts.
    public var kind: StatKind
    /// What a histogram's values are.
    public var unit: StatUnit = .unspecified
    /// What was said of it when it was made.
    public var flags: StatFlags = []
    /// Parts of the name: see `nameWithoutTags` and `labels`.
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
    /// By the bytes of their names; hidden ones are there.
    public var stats: [StatValue]

    /// What a region says, whether its processes live or not.
    ///
    /// - Parameter withTags: whether the tags of the names are wanted; only Prometheus needs them.
    public init(_ reader: RegionReader, withTags: Bool = true) {
        let lines = StatLines(reader, withTags: withTags)
        stats = []
        stats.reserveCapacity(lines.count)
        for i in 0..<lines.count { stats.append(lines.value(lines[i])) }
    }

    /// The sums over all planes by value index, resets left out, with what a region before this one counted.
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
        if let earlier = EarlierStats(reader) {
            for record in NameRecord.all(reader, withTags: false) where record.kind == .counter {
                sums[Int(record.value)] &+= earlier[record.name, record.kind]?.value ?? 0
            }
        }
        return sums
    }

    /// Counts what found no room in the region and lives on a heap.
    static let overflowName: StaticString = "stats.overflow"

    init(stats: [StatValue]) {
        var lines = StatLines(StatsSnapshot(sorted: stats))
        lines.sort()
        self.stats = lines.places.map { stats[$0] }
    }

    /// Only the stats for which `keep` holds.
    public func filtered(_ keep: (StatValue) -> Bool) -> StatsSnapshot { StatsSnapshot(sorted: stats.filter(keep)) }

    private init(sorted: [StatValue]) { stats = sorted }

    /// The value of a counter or gauge; nil when there is none of that name.
    public func value(_ name: String) -> UInt64? { stats.first { $0.name == name && $0.kind != .histogram }?.value }
}

extension StatsStore {
    /// All stats of the base id: of the region with every process in it, and what this process keeps on its heap.
    public func snapshot() -> StatsSnapshot { source().snapshot() }

    /// The same, to be read later or by another thread.
    public func source() -> StatsSource {
        var reader: RegionReader?
        var own: [StatValue] = []
        if let region {
            if region.pagesCut > 0 {
                // What others see is not what we count any more.
                own = ownStats()
            } else {
                do {
                    reader = try region.openReader()
                } catch {
                    trouble("\(error): the region cannot be read")
                    own = ownStats()
                }
            }
        }
        var histograms = heapHistograms
        for position in heapParts.keys where entries[position].kind == .histogram {
            histograms[position] = histograms[position] ?? HistogramData()
        }
        let positions = heapParts.keys.filter { entries[$0].kind != .histogram } + histograms.keys
        for position in positions {
            let part = heapParts[position] ?? HeapPart()
            let entry = entries[position]
            var stat = StatValue(name: entry.nameText, kind: entry.kind, unit: entry.unit, flags: entry.flags)
            stat.tags = TagExtractor.tags(Array(entry.nameBytes), entry.flags)
            if entry.kind == .text {
                stat.text = part.cells.lazy.map { TextCells.read($0) }.first { !$0.isEmpty } ?? ""
            } else {
                stat.value = part.cells.reduce(0) { $0 &+ cl_load_relaxed($1) } &- part.baseline
            }
            stat.histogram = histograms[position]
            own.append(stat)
        }
        if region == nil {
            own.append(
                StatValue(
                    name: "\(StatsSnapshot.overflowName)", kind: .counter, flags: naming.flags,
                    value: cl_load_relaxed(overflowCell)))
        }
        return StatsSource(reader: reader, own: own, intervals: closedIntervals)
    }

    /// The value of a counter or gauge now, 0 when there is none of that name.
    public func value(_ name: String) -> UInt64 { snapshot().value(name) ?? 0 }
}

extension LocalHistogram {
    /// Whether anything of it is on the heap.
    var hasHeap: Bool {
        reserve == nil || (0..<HistogramBins.decades).contains { cl_load_relaxed(heapDecades + $0) != 0 }
    }

    /// Adds what is on the heap: all of a histogram without a plane, and decades that found no block in their plane.
    func addHeap(to data: inout HistogramData) {
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
