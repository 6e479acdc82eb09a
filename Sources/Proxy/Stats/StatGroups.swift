import StatCatalog
import Stats

/// Cells of one group in one worker's plane, by position.
struct CounterGroup<Name: CounterNames>: BitwiseCopyable {
    let cells: UnsafeMutablePointer<Counter>
    @inline(__always) subscript(_ name: Name) -> Counter { cells[name.rawValue] }
    /// The cell `offset` places after `name`: for the classes `…_1xx` to `…_5xx`.
    @inline(__always) subscript(_ name: Name, offset: Int) -> Counter { cells[name.rawValue &+ offset] }
}

struct GaugeGroup<Name: GaugeNames>: BitwiseCopyable {
    let cells: UnsafeMutablePointer<Gauge>
    @inline(__always) subscript(_ name: Name) -> Gauge { cells[name.rawValue] }
}

struct HistogramGroup<Name: HistogramNames>: BitwiseCopyable {
    let cells: UnsafeMutablePointer<Histogram>
    @inline(__always) subscript(_ name: Name) -> Histogram { cells[name.rawValue] }
}

/// The ids of a group in one scope, made once by the main thread; each writer resolves them in its own plane.
struct GroupIDs<Name: StatGroup> {
    private let ids: [StatID]

    init(_ store: StatsStore, in scope: Name.Scope) { ids = Name.allCases.map { store.stat($0, in: scope) } }

    /// All of them one stat: of a group that a listener does not have.
    init(unused id: StatID) { ids = Name.allCases.map { _ in id } }
}

// The cells live as long as the process: workers and their connections point at them.

extension GroupIDs where Name: CounterNames {
    func cells(_ writer: StatsWriter) -> CounterGroup<Name> { CounterGroup(cells: writer.counters(ids)) }
}

extension GroupIDs where Name: GaugeNames {
    func cells(_ writer: StatsWriter) -> GaugeGroup<Name> {
        let cells = UnsafeMutablePointer<Gauge>.allocate(capacity: ids.count)
        for (i, id) in ids.enumerated() { (cells + i).initialize(to: writer.gauge(id)) }
        return GaugeGroup(cells: cells)
    }
}

extension GroupIDs where Name: HistogramNames {
    func cells(_ writer: StatsWriter) -> HistogramGroup<Name> {
        let cells = UnsafeMutablePointer<Histogram>.allocate(capacity: ids.count)
        for (i, id) in ids.enumerated() { (cells + i).initialize(to: writer.histogram(id)) }
        return HistogramGroup(cells: cells)
    }
}

extension StatsWriter {
    /// The cells of these counters, one after the other, for the life of the process.
    func counters(_ ids: [StatID]) -> UnsafeMutablePointer<Counter> {
        let cells = UnsafeMutablePointer<Counter>.allocate(capacity: ids.count)
        for (i, id) in ids.enumerated() { (cells + i).initialize(to: counter(id)) }
        return cells
    }
}
