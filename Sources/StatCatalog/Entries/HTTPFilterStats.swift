/// `http.<stat_prefix>.fault.` counters.
public enum FaultCounter: Int, CounterNames {
    public typealias Scope = FaultScope

    case aborts_injected, delays_injected, faults_overflow, response_rl_injected

    public var entry: StatEntry {
        switch self {
        case .aborts_injected: StatEntry("Requests that a fault filter has answered.")
        case .delays_injected: StatEntry("Requests that a fault filter has delayed.")
        case .faults_overflow:
            StatEntry("Faults that were left out since as many were in force as `max_active_faults` allows.")
        case .response_rl_injected: .alwaysZero("responses are not slowed down by this build.")
        }
    }
}

/// `http.<stat_prefix>.fault.` gauges.
public enum FaultGauge: Int, GaugeNames {
    public typealias Scope = FaultScope

    case active_faults

    public var entry: StatEntry {
        switch self {
        case .active_faults: StatEntry("Requests in progress that a fault filter has delayed or answered.")
        }
    }
}

/// `http.<stat_prefix>.cors.` counters.
public enum CORSCounter: Int, CounterNames {
    public typealias Scope = CORSScope

    case origin_valid, origin_invalid

    public var entry: StatEntry {
        switch self {
        case .origin_valid: StatEntry("Requests whose `origin` the route's policy allows.")
        case .origin_invalid: StatEntry("Requests whose `origin` it does not.")
        }
    }
}

/// `<stat_prefix>.http_local_rate_limit.` counters.
public enum LocalRateLimitCounter: Int, CounterNames {
    public typealias Scope = LocalRateLimitScope

    case enabled, enforced, ok, rate_limited

    public var entry: StatEntry {
        switch self {
        case .enabled: StatEntry("Requests that were held against the limit: the share of `filter_enabled`.")
        case .enforced: StatEntry("Requests that were answered since there was no token for them.")
        case .ok: StatEntry("Requests for which there was a token.")
        case .rate_limited: StatEntry("Requests for which there was none, whether or not they were answered.")
        }
    }
}
