import Stats

/// Cells of one group in one worker's plane, by position.
struct CounterGroup<Name: RawRepresentable & CaseIterable>: BitwiseCopyable where Name.RawValue == Int {
    let cells: UnsafeMutablePointer<Counter>
    @inline(__always) subscript(_ name: Name) -> Counter { cells[name.rawValue] }
    /// The cell `offset` places after `name`: for the classes `…_1xx` to `…_5xx`.
    @inline(__always) subscript(_ name: Name, offset: Int) -> Counter { cells[name.rawValue &+ offset] }
}

struct GaugeGroup<Name: RawRepresentable & CaseIterable>: BitwiseCopyable where Name.RawValue == Int {
    let cells: UnsafeMutablePointer<Gauge>
    @inline(__always) subscript(_ name: Name) -> Gauge { cells[name.rawValue] }
}

struct HistogramGroup<Name: RawRepresentable & CaseIterable>: BitwiseCopyable where Name.RawValue == Int {
    let cells: UnsafeMutablePointer<Histogram>
    @inline(__always) subscript(_ name: Name) -> Histogram { cells[name.rawValue] }
}

/// The ids of a group, made once by the main thread; each worker resolves them in its own plane.
struct GroupIDs {
    let ids: [StatID]

    static func counters<Name: RawRepresentable & CaseIterable>(_ store: StatsStore, _ prefix: String, _: Name.Type)
        -> GroupIDs
    { GroupIDs(ids: Name.allCases.map { store.counter("\(prefix).\($0)") }) }

    static func gauges<Name: RawRepresentable & CaseIterable>(_ store: StatsStore, _ prefix: String, _: Name.Type)
        -> GroupIDs
    { GroupIDs(ids: Name.allCases.map { store.gauge("\(prefix).\($0)", import: .accumulate) }) }

    static func histograms<Name: RawRepresentable & CaseIterable>(_ store: StatsStore, _ prefix: String, _: Name.Type)
        -> GroupIDs
    { GroupIDs(ids: Name.allCases.map { store.histogram("\(prefix).\($0)", unit: .milliseconds) }) }

    // The cells live as long as the process: workers and their connections point at them.

    func counters<Name>(_ writer: StatsWriter, _: Name.Type) -> CounterGroup<Name> {
        let cells = UnsafeMutablePointer<Counter>.allocate(capacity: ids.count)
        for (i, id) in ids.enumerated() { (cells + i).initialize(to: writer.counter(id)) }
        return CounterGroup(cells: cells)
    }

    func gauges<Name>(_ writer: StatsWriter, _: Name.Type) -> GaugeGroup<Name> {
        let cells = UnsafeMutablePointer<Gauge>.allocate(capacity: ids.count)
        for (i, id) in ids.enumerated() { (cells + i).initialize(to: writer.gauge(id)) }
        return GaugeGroup(cells: cells)
    }

    func histograms<Name>(_ writer: StatsWriter, _: Name.Type) -> HistogramGroup<Name> {
        let cells = UnsafeMutablePointer<Histogram>.allocate(capacity: ids.count)
        for (i, id) in ids.enumerated() { (cells + i).initialize(to: writer.histogram(id)) }
        return HistogramGroup(cells: cells)
    }
}
