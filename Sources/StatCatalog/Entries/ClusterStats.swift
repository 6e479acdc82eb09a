/// `cluster.<name>.` gauges of connections and requests.
public enum ClusterGauge: Int, GaugeNames {
    public typealias Scope = ClusterScope

    case upstream_cx_active, upstream_rq_active, upstream_rq_pending_active

    public var entry: StatEntry {
        switch self {
        case .upstream_cx_active: StatEntry("Connections to hosts that are open or being made.")
        case .upstream_rq_active: StatEntry("Requests and tunnels on a connection to a host.")
        case .upstream_rq_pending_active: StatEntry("Requests that wait for a connection.")
        }
    }
}

/// `cluster.<name>.` gauges of discovery.
public enum MembershipGauge: Int, GaugeNames {
    public typealias Scope = ClusterScope

    case membership_total, membership_healthy, membership_degraded, membership_excluded

    public var entry: StatEntry {
        switch self {
        case .membership_total: StatEntry("Hosts of the cluster.", import: .neverImport)
        case .membership_healthy:
            StatEntry(
                "Hosts that neither a health check, nor outlier detection, nor the configuration says are unhealthy or "
                    + "degraded.",
                import: .neverImport)
        case .membership_degraded:
            StatEntry(
                "Hosts that are used only where there are too few healthy ones: `x-envoy-degraded` of a health check, or "
                    + "the configuration, says so.", import: .neverImport)
        case .membership_excluded:
            StatEntry(
                "Hosts that do not count for the panic threshold: draining by configuration, or failed by "
                    + "`x-envoy-immediate-health-check-fail`.", import: .neverImport)
        }
    }
}

/// `cluster.<name>.` histograms.
public enum ClusterHistogram: Int, HistogramNames {
    public typealias Scope = ClusterScope

    case upstream_cx_connect_ms, upstream_cx_length_ms, upstream_rq_time

    public var entry: StatEntry {
        switch self {
        case .upstream_cx_connect_ms: StatEntry("How long it took to make a connection.", unit: .milliseconds)
        case .upstream_cx_length_ms:
            StatEntry("How long connections to hosts lasted, recorded when they end.", unit: .milliseconds)
        case .upstream_rq_time:
            StatEntry("Time from the end of a request to the end of the host's response.", unit: .milliseconds)
        }
    }
}

/// `cluster.<name>.<origin>.` counters.
public enum OriginCounter: Int, CounterNames {
    public typealias Scope = ClusterOriginScope

    case upstream_rq_completed
    // One after the other: who counts adds the class to the first.
    case upstream_rq_1xx, upstream_rq_2xx, upstream_rq_3xx, upstream_rq_4xx, upstream_rq_5xx

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_completed: StatEntry("`upstream_rq_completed` of this origin.", flags: .hiddenWhenZero)
        case .upstream_rq_1xx: StatEntry("`upstream_rq_1xx` of this origin.", flags: .hiddenWhenZero)
        case .upstream_rq_2xx: StatEntry("`upstream_rq_2xx` of this origin.", flags: .hiddenWhenZero)
        case .upstream_rq_3xx: StatEntry("`upstream_rq_3xx` of this origin.", flags: .hiddenWhenZero)
        case .upstream_rq_4xx: StatEntry("`upstream_rq_4xx` of this origin.", flags: .hiddenWhenZero)
        case .upstream_rq_5xx: StatEntry("`upstream_rq_5xx` of this origin.", flags: .hiddenWhenZero)
        }
    }
}

/// `cluster.<name>.<origin>.` counters of single statuses.
public enum OriginStatusCounter: Int, CounterNames {
    public typealias Scope = ClusterOriginScope

    case upstream_rq_code

    public var name: String { "upstream_rq_<code>" }

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_code: StatEntry("Responses with this status to this origin.", flags: .hiddenWhenZero)
        }
    }
}

/// `cluster.<name>.<origin>.` histograms.
public enum OriginHistogram: Int, HistogramNames {
    public typealias Scope = ClusterOriginScope

    case upstream_rq_time

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_time:
            StatEntry("`upstream_rq_time` of this origin.", unit: .milliseconds, flags: .hiddenWhenZero)
        }
    }
}
