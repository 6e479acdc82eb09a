/// `connection_limit.<stat_prefix>.` counters.
public enum ConnectionLimitCounter: Int, CounterNames {
    public typealias Scope = ConnectionLimitScope

    case limited_connections

    public var entry: StatEntry {
        switch self {
        case .limited_connections:
            StatEntry("Connections closed because their filter chain had as many as `max_connections` allows.")
        }
    }
}

/// `connection_limit.<stat_prefix>.` gauges.
public enum ConnectionLimitGauge: Int, GaugeNames {
    public typealias Scope = ConnectionLimitScope

    case active_connections

    public var entry: StatEntry {
        switch self {
        case .active_connections:
            StatEntry("Open connections of the filter chain, also those that are kept for `delay` only.")
        }
    }
}

/// `local_rate_limit.<stat_prefix>.` counters.
public enum ConnectionRateCounter: Int, CounterNames {
    public typealias Scope = ConnectionRateScope

    case rate_limited

    public var entry: StatEntry {
        switch self {
        case .rate_limited: StatEntry("Connections closed because there was no token for them.")
        }
    }
}
