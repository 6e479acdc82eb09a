import CLinux
import SharedMemory

/// The cells of all planes of a region: where they are, and their sums.
struct PlaneSums {
    typealias Run = (first: Int, cells: UnsafeBufferPointer<UInt64>)
    private var planes: [[Run]] = []
    /// Over all planes; over those of live processes; over those of the process that serves.
    private var all: [UInt64]
    private var live: [UInt64]
    private var newest: [UInt64]
    /// What counters had counted when they were reset last; empty: they never were.
    private var base: [UInt64] = []
    /// What the same stats have in the region before this one; nil: there is none.
    private let earlier: EarlierStats?
    /// A name last asked for before this process began is left over.
    private let inUse: UInt64

    init(_ reader: RegionReader, valueCount: Int) {
        all = [UInt64](repeating: 0, count: valueCount)
        live = all
        newest = all
        inUse = reader.oldestOrdinalInUse
        let newestSlot = reader.newestHere?.index
        earlier = EarlierStats(reader)
        for plane in 0..<reader.planeCount {
            let owner = reader.liveOwner(plane: plane)
            var runs: [Run] = []
            reader.cells(plane: plane) { first, cells in
                runs.append((first, cells))
                Self.add(cells, at: first, to: &all)
                if let owner {
                    Self.add(cells, at: first, to: &live)
                    if owner.index == newestSlot { Self.add(cells, at: first, to: &newest) }
                }
            }
            planes.append(runs)
        }
        reader.baseline { first, cells in
            if base.isEmpty { base = [UInt64](repeating: 0, count: valueCount) }
            Self.add(cells, at: first, to: &base)
        }
    }

    /// What a counter comes to: a reset remembers what both regions had counted.
    private func counter(_ value: Int, _ before: StatValue?) -> UInt64 {
        let sum = all[value] &+ (before?.value ?? 0)
        guard !base.isEmpty else { return sum }
        // Two resets since we opened the region write into the baseline that we read.
        return sum > base[value] ? sum - base[value] : 0
    }

    private static func add(_ cells: UnsafeBufferPointer<UInt64>, at first: Int, to sums: inout [UInt64]) {
        let count = min(cells.count, sums.count - first)
        guard count > 0, let cells = cells.baseAddress else { return }
        sums.withUnsafeMutableBufferPointer { sums in
            for i in 0..<count { sums[first + i] &+= cl_load_relaxed(cells + i) }
        }
    }

    /// What a record's cells say. Leaves the record without its name and tags.
    func stat(taking record: inout NameRecord, _ reader: RegionReader) -> StatValue {
        let value = Int(record.value)
        var number: UInt64 = 0
        var text = ""
        var data: HistogramData?
        var recent: HistogramData?
        var isInUse = record.used >= inUse
        let before = earlier?[record]
        if let before { isInUse = isInUse || before.isInUse }
        switch record.kind {
        case .counter: number = counter(value, before)
        case .gauge:
            // In one of the two at most is the newest process.
            number = (record.gaugeImport == .neverImport ? newest[value] : live[value]) &+ (before?.value ?? 0)
        case .histogram:
            data = histogram(value, reader)
            if let known = before?.histogram { data?.add(known) }
            // Intervals are closed by the process that serves.
            recent = reader.predecessor?.newestHere == nil ? Self.interval(value, reader) : before?.interval
        case .text:
            text = self.text(value, reader)
            if text.isEmpty { text = before?.text ?? "" }
        }
        var name = ""
        var tags: [StatTag] = []
        swap(&name, &record.name)
        swap(&tags, &record.tags)
        return StatValue(
            name: name, kind: record.kind, unit: record.unit, flags: record.flags, tags: tags, value: number,
            text: text, isInUse: isInUse, histogram: data, interval: recent)
    }

    /// What the last closed interval had; nil when there is none.
    private static func interval(_ value: Int, _ reader: RegionReader) -> HistogramData? {
        guard let plane = reader.intervalPlane else { return nil }
        var data = HistogramData()
        reader.cells(plane: plane) { add(value, plane, ($0, $1), reader, to: &data) }
        return data
    }

    private static func add(
        _ value: Int, _ plane: Int, _ run: Run, _ reader: RegionReader, to data: inout HistogramData
    ) {
        guard value >= run.first, value + HistogramBins.cells <= run.first + run.cells.count else { return }
        let cells = run.cells.baseAddress! + (value - run.first)
        data.zeros &+= cl_load_relaxed(cells)
        data.sum &+= cl_load_relaxed(cells + 1)
        for decade in 0..<HistogramBins.decades {
            let number = cl_load_acquire(cells + HistogramBins.firstBlockCell + decade)
            guard number > 0, number <= UInt64(UInt32.max), let block = reader.block(plane: plane, Int(number - 1))
            else { continue }
            data.add(decade: decade, block)
        }
    }

    /// - Parameter only: the plane to look at; nil: all of them.
    func histogram(_ value: Int, _ reader: RegionReader, only: Int? = nil) -> HistogramData {
        var data = HistogramData()
        for (plane, runs) in planes.enumerated() where only == nil || only == plane {
            for run in runs { Self.add(value, plane, run, reader, to: &data) }
        }
        return data
    }

    private func text(_ value: Int, _ reader: RegionReader) -> String {
        guard let newest = reader.newestHere?.index else { return "" }
        for plane in planes.indices where reader.liveOwner(plane: plane)?.index == newest {
            let text = text(value, plane: plane)
            if !text.isEmpty { return text }
        }
        return ""
    }

    /// What a text readout says in one plane; empty when nothing.
    func text(_ value: Int, plane: Int) -> String {
        for run in planes[plane] where value >= run.first && value + TextCells.cells <= run.first + run.cells.count {
            let text = TextCells.read(run.cells.baseAddress! + (value - run.first))
            if !text.isEmpty { return text }
        }
        return ""
    }

    /// One cell in one plane, 0 where the plane has none.
    func cell(_ value: Int, plane: Int) -> UInt64 {
        for run in planes[plane] where value >= run.first && value < run.first + run.cells.count {
            return cl_load_relaxed(run.cells.baseAddress! + (value - run.first))
        }
        return 0
    }
}
