import CLinux
import SharedMemory

/// What a region had counted when its newest process began: what "since the start" is measured from.
public enum ServingBaseline: Sendable {
    /// Nothing: the region was made for this process.
    case zero
    /// The region keeps it.
    case kept
    /// The region does not keep it: the process was killed before it had written it, or is of another build.
    case notKept

    /// The one place that knows.
    public static func of(_ reader: RegionReader) -> ServingBaseline {
        if reader.header.process_starts <= 1 { return .zero }
        return reader.startPlane == nil ? .notKept : .kept
    }
}

extension StatsSnapshot {
    /// Counters and histograms since the process that serves began to; nil when the region does not keep what was before,
    /// or another process has begun while it was read.
    public static func sinceStart(_ reader: RegionReader) -> StatsSnapshot? {
        var snapshot = StatsSnapshot(reader, withTags: false)
        snapshot.stats.removeAll { $0.kind != .counter && $0.kind != .histogram }
        switch ServingBaseline.of(reader) {
        case .zero: return snapshot
        case .notKept: return nil
        case .kept: break
        }
        guard let plane = reader.startPlane else { return nil }
        var places: [StatKey: Int] = [:]
        for (i, stat) in snapshot.stats.enumerated() { places[stat.key] = i }
        var isOfProcesses = [Bool](repeating: false, count: snapshot.stats.count)
        let before = StartCells(reader, plane)
        for record in NameRecord.all(reader) {
            guard let place = places[StatKey(name: record.name, kind: record.kind)] else { continue }
            isOfProcesses[place] = true
            let value = Int(record.value)
            if record.kind == .counter {
                let (now, then) = (snapshot.stats[place].value, before.counter(value))
                snapshot.stats[place].value = now > then ? now - then : 0
            } else {
                let then = PlaneSums.histogram(value, plane: plane, reader)
                snapshot.stats[place].histogram = snapshot.stats[place].histogram?.since(then)
            }
        }
        // What the region says of itself is no process's.
        snapshot.stats = zip(snapshot.stats, isOfProcesses).compactMap { $1 ? $0 : nil }
        return reader.isStartWhole ? snapshot : nil
    }
}

/// What counters had come to when the process that serves began.
private struct StartCells {
    private typealias Run = (first: Int, cells: UnsafeBufferPointer<UInt64>)
    private var start: [Run] = []
    private var resets: [Run] = []

    init(_ reader: RegionReader, _ plane: Int) {
        var runs: [Run] = []
        reader.cells(plane: plane) { runs.append(($0, $1)) }
        start = runs
        runs = []
        reader.baseline { runs.append(($0, $1)) }
        resets = runs
    }

    /// Less what the last reset takes away already: after one since the start, nothing is left, and what shows is what came
    /// since the reset.
    func counter(_ value: Int) -> UInt64 {
        let (then, reset) = (Self.cell(value, start), Self.cell(value, resets))
        return then > reset ? then - reset : 0
    }

    private static func cell(_ value: Int, _ runs: [Run]) -> UInt64 {
        for run in runs where value >= run.first && value < run.first + run.cells.count {
            return cl_load_relaxed(run.cells.baseAddress! + (value - run.first))
        }
        return 0
    }
}
