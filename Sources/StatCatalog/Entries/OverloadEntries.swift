/// `overload.` histograms.
public enum OverloadHistogram: Int, HistogramNames {
    public typealias Scope = OverloadScope

    case refresh_interval_delay

    public var entry: StatEntry {
        switch self {
        case .refresh_interval_delay:
            StatEntry(
                "How much later than `refresh_interval` after the one before a measurement was.", unit: .milliseconds)
        }
    }
}

/// `overload.envoy.resource_monitors.<monitor>.` counters.
public enum OverloadMonitorCounter: Int, CounterNames {
    public typealias Scope = OverloadMonitorScope

    case failed_updates, skipped_updates

    public var entry: StatEntry {
        switch self {
        case .failed_updates:
            StatEntry(
                "Times that the memory in use could not be read; of `global_downstream_max_connections` connections that it "
                    + "refused.")
        case .skipped_updates: .alwaysZero("each measurement is done before the next begins.")
        }
    }
}

/// `overload.envoy.resource_monitors.<monitor>.` gauges.
public enum OverloadMonitorGauge: Int, GaugeNames {
    public typealias Scope = OverloadMonitorScope

    case pressure

    public var entry: StatEntry {
        switch self {
        case .pressure: StatEntry("What is in use, in percent of what the configuration allows.", import: .neverImport)
        }
    }
}

/// `overload.envoy.overload_actions.<action>.` gauges.
public enum OverloadActionGauge: Int, GaugeNames {
    public typealias Scope = OverloadActionScope

    case active, scale_percent

    public var entry: StatEntry {
        switch self {
        case .active: StatEntry("1 while the action is fully in force.", import: .neverImport)
        case .scale_percent:
            StatEntry("How far the action is in force, in percent: 100 is fully.", import: .neverImport)
        }
    }
}

/// `overload.envoy.overload_actions.<action>.` counters.
public enum OverloadActionCounter: Int, CounterNames {
    public typealias Scope = OverloadActionScope

    case shrink_count

    public var entry: StatEntry {
        switch self {
        case .shrink_count:
            StatEntry("Times that `shrink_heap` gave free memory back to the kernel.", flags: .hiddenWhenZero)
        }
    }
}
