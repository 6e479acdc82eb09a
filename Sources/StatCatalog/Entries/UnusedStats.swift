// A listener's cells are the same whichever filter it has; those of the other filter all lie in one of these stats.

/// Where counters of a filter go that the listener does not have.
public enum UnusedCounter: Int, CounterNames {
    public typealias Scope = UnusedScope

    case unused_counter

    public var entry: StatEntry {
        switch self {
        case .unused_counter:
            StatEntry(
                "Counted for a filter that the listener does not have, such as the back-pressure of an upgraded "
                    + "connection.", flags: .hiddenWhenZero)
        }
    }
}

/// The same for gauges.
public enum UnusedGauge: Int, GaugeNames {
    public typealias Scope = UnusedScope

    case unused_gauge

    public var entry: StatEntry {
        switch self {
        case .unused_gauge:
            StatEntry("A gauge of a filter that the listener does not have.", flags: .hiddenWhenZero)
        }
    }
}

/// The same for histograms.
public enum UnusedHistogram: Int, HistogramNames {
    public typealias Scope = UnusedScope

    case unused_histogram

    public var entry: StatEntry {
        switch self {
        case .unused_histogram:
            StatEntry(
                "A histogram of a filter that the listener does not have.", unit: .milliseconds, flags: .hiddenWhenZero)
        }
    }
}
