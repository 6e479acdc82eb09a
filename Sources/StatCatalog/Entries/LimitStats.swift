/// `cluster.<name>.circuit_breakers.<priority>.` gauges: which limits are reached.
public enum LimitGauge: Int, GaugeNames {
    public typealias Scope = ClusterLimitScope

    case cx_open, cx_pool_open, rq_pending_open, rq_open, rq_retry_open

    public var entry: StatEntry {
        switch self {
        case .cx_open: StatEntry("1 while `max_connections` are open, else 0.", import: .neverImport)
        case .cx_pool_open: .alwaysZero("the number of connection pools has no limit.", import: .neverImport)
        case .rq_pending_open: StatEntry("1 while `max_pending_requests` wait, else 0.", import: .neverImport)
        case .rq_open: StatEntry("1 while there are `max_requests`, else 0.", import: .neverImport)
        case .rq_retry_open:
            StatEntry(
                "1 while `max_retries`, or as many as the `retry_budget` allows, are under way, else 0.",
                import: .neverImport)
        }
    }
}

/// The same, of priorities with `track_remaining`: what is left.
public enum RemainingGauge: Int, GaugeNames {
    public typealias Scope = ClusterLimitScope

    case remaining_cx, remaining_pending, remaining_rq, remaining_retries

    public var entry: StatEntry {
        switch self {
        case .remaining_cx: StatEntry("Connections up to `max_connections`.", import: .neverImport)
        case .remaining_pending: StatEntry("Waiting requests up to `max_pending_requests`.", import: .neverImport)
        case .remaining_rq: StatEntry("Requests up to `max_requests`.", import: .neverImport)
        case .remaining_retries:
            StatEntry("Retries up to `max_retries`, or to what the `retry_budget` allows.", import: .neverImport)
        }
    }
}
