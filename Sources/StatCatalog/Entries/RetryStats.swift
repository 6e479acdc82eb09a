/// `cluster.<name>.retry.` counters.
public enum ClusterRetryCounter: Int, CounterNames {
    public typealias Scope = ClusterRetryScope

    case upstream_rq_completed
    case upstream_rq_1xx, upstream_rq_2xx, upstream_rq_3xx, upstream_rq_4xx, upstream_rq_5xx

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_completed: StatEntry("Answers thrown away.", flags: .hiddenWhenZero)
        case .upstream_rq_1xx: StatEntry("Of these, with a 1xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_2xx: StatEntry("Of these, with a 2xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_3xx: StatEntry("Of these, with a 3xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_4xx: StatEntry("Of these, with a 4xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_5xx: StatEntry("Of these, with a 5xx status.", flags: .hiddenWhenZero)
        }
    }
}

/// `cluster.<name>.retry.` counters of single statuses.
public enum ClusterRetryStatusCounter: Int, CounterNames {
    public typealias Scope = ClusterRetryScope

    case upstream_rq_code

    public var name: String { "upstream_rq_<code>" }

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_code: StatEntry("Answers with this status thrown away.", flags: .hiddenWhenZero)
        }
    }
}
