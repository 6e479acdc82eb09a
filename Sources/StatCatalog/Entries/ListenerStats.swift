/// `listener.<address>.` counters.
public enum ListenerCounter: Int, CounterNames {
    public typealias Scope = ListenerScope

    case downstream_cx_total, downstream_cx_destroy, downstream_cx_overflow, no_filter_chain_match
    case downstream_cx_overload_reject, downstream_global_cx_overflow
    case downstream_pre_cx_timeout, downstream_listener_filter_remote_close, downstream_listener_filter_error

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_total: StatEntry("Connections accepted.")
        case .downstream_cx_destroy: StatEntry("Accepted connections that were closed, by whichever side.")
        case .downstream_cx_overflow:
            StatEntry(
                "Connections closed as soon as they were accepted because the listener had as many as "
                    + "`envoy.resource_limits.listener.<name>.connection_limit` allows, or a worker had no room for more."
            )
        case .no_filter_chain_match:
            StatEntry(
                "Connections closed since none of the listener's filter chains takes them, and there is no "
                    + "`default_filter_chain`.")
        case .downstream_cx_overload_reject:
            StatEntry(
                "Connections closed as soon as they were accepted because of the overload action "
                    + "`reject_incoming_connections`.")
        case .downstream_global_cx_overflow:
            StatEntry(
                "Connections closed as soon as they were accepted because there were as many as "
                    + "`global_downstream_max_connections` allows, of all listeners.")
        case .downstream_pre_cx_timeout:
            StatEntry("Connections whose listener filter was not done within `listener_filters_timeout`.")
        case .downstream_listener_filter_remote_close:
            StatEntry("Connections that their client closed before the listener filter was done.")
        case .downstream_listener_filter_error:
            StatEntry("Connections that broke before the listener filter was done.")
        }
    }
}

/// `listener.<address>.` gauges.
public enum ListenerGauge: Int, GaugeNames {
    public typealias Scope = ListenerScope

    case downstream_cx_active, downstream_pre_cx_active

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_active: StatEntry("Accepted connections that are open.")
        case .downstream_pre_cx_active:
            StatEntry("Accepted connections that are open and whose listener filter is not done yet.")
        }
    }
}

/// `listener.<address>.` histograms.
public enum ListenerHistogram: Int, HistogramNames {
    public typealias Scope = ListenerScope

    case downstream_cx_length_ms

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_length_ms:
            StatEntry("How long connections were open, recorded when they close.", unit: .milliseconds)
        }
    }
}

/// `listener.<address>.worker_<i>.` counters.
public enum ListenerWorkerCounter: Int, CounterNames {
    public typealias Scope = ListenerWorkerScope

    case downstream_cx_total

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_total: StatEntry("Connections that this worker accepted on the listener.")
        }
    }
}

/// `listener.<address>.worker_<i>.` gauges.
public enum ListenerWorkerGauge: Int, GaugeNames {
    public typealias Scope = ListenerWorkerScope

    case downstream_cx_active

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_active: StatEntry("Connections of the listener that are open in this worker.")
        }
    }
}

/// `listener.<address>.http.<stat_prefix>.` counters.
public enum ListenerHTTPCounter: Int, CounterNames {
    public typealias Scope = ListenerHTTPScope

    case downstream_rq_completed
    // One after the other: who counts adds the class to the first.
    case downstream_rq_1xx, downstream_rq_2xx, downstream_rq_3xx, downstream_rq_4xx, downstream_rq_5xx

    public var entry: StatEntry {
        switch self {
        case .downstream_rq_completed: StatEntry("Requests answered, counted when the head of the response is written.")
        case .downstream_rq_1xx:
            StatEntry("Requests answered with 101, which upgrades the connection; interim responses do not count.")
        case .downstream_rq_2xx: StatEntry("Requests answered with a 2xx status.")
        case .downstream_rq_3xx: StatEntry("Requests answered with a 3xx status.")
        case .downstream_rq_4xx: StatEntry("Requests answered with a 4xx status, by an upstream or the proxy itself.")
        case .downstream_rq_5xx: StatEntry("Requests answered with a 5xx status, by an upstream or the proxy itself.")
        }
    }
}
