/// `vhost.<virtual_host>.<part>.<name>.` counters.
public enum RequestClassCounter: Int, CounterNames {
    public typealias Scope = RequestClassScope

    case upstream_rq_total, upstream_rq_timeout
    case upstream_rq_retry, upstream_rq_retry_limit_exceeded, upstream_rq_retry_overflow, upstream_rq_retry_success
    case upstream_rq_completed
    // One after the other: who counts adds the class to the first.
    case upstream_rq_1xx, upstream_rq_2xx, upstream_rq_3xx, upstream_rq_4xx, upstream_rq_5xx

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_total: StatEntry("Requests that got a connection to a host; a request counts for each try.")
        case .upstream_rq_timeout: StatEntry("Requests for which the route's `timeout` passed.")
        case .upstream_rq_retry: StatEntry("Tries behind the first.")
        case .upstream_rq_retry_limit_exceeded: StatEntry("Requests that failed after as many tries as they may have.")
        case .upstream_rq_retry_overflow:
            StatEntry("Requests that were not sent again because of `max_retries` or the `retry_budget`.")
        case .upstream_rq_retry_success: StatEntry("Requests that were sent again, and then needed no further try.")
        case .upstream_rq_completed:
            StatEntry(
                "Answers for the cluster: of its hosts, and those that the proxy gave in their place.",
                flags: .hiddenWhenZero)
        case .upstream_rq_1xx: StatEntry("Of these, with a 1xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_2xx: StatEntry("Of these, with a 2xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_3xx: StatEntry("Of these, with a 3xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_4xx: StatEntry("Of these, with a 4xx status.", flags: .hiddenWhenZero)
        case .upstream_rq_5xx: StatEntry("Of these, with a 5xx status.", flags: .hiddenWhenZero)
        }
    }
}

/// `vhost.<virtual_host>.<part>.<name>.` counters of single statuses.
public enum RequestClassStatusCounter: Int, CounterNames {
    public typealias Scope = RequestClassScope

    case upstream_rq_code

    public var name: String { "upstream_rq_<code>" }

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_code: StatEntry("Of these answers, with this status.", flags: .hiddenWhenZero)
        }
    }
}

/// `vhost.<virtual_host>.<part>.<name>.` histograms.
public enum RequestClassHistogram: Int, HistogramNames {
    public typealias Scope = RequestClassScope

    case upstream_rq_time

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_time:
            StatEntry(
                "Time from the end of a request to the end of the host's response.", unit: .milliseconds,
                flags: .hiddenWhenZero)
        }
    }
}
