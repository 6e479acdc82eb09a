/// `http.admin.` counters.
public enum AdminHTTPCounter: Int, CounterNames {
    public typealias Scope = AdminHTTPScope

    case downstream_cx_total, downstream_cx_destroy
    case downstream_rq_total, downstream_rq_http1_total, downstream_rq_completed
    // One after the other: who counts adds the class to the first.
    case downstream_rq_1xx, downstream_rq_2xx, downstream_rq_3xx, downstream_rq_4xx, downstream_rq_5xx

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_total: StatEntry("Connections accepted.")
        case .downstream_cx_destroy: StatEntry("Connections closed, by whichever side.")
        case .downstream_rq_total: StatEntry("Requests begun, counted when their head is complete or is refused.")
        case .downstream_rq_http1_total: StatEntry("Requests begun over HTTP/1, which is all of them.")
        case .downstream_rq_completed: StatEntry("Requests answered.")
        case .downstream_rq_1xx: .alwaysZero("the admin listener gives no such answer.")
        case .downstream_rq_2xx: StatEntry("Requests answered with a 2xx status.")
        case .downstream_rq_3xx: .alwaysZero("the admin listener gives no such answer.")
        case .downstream_rq_4xx: StatEntry("Requests answered with a 4xx status.")
        case .downstream_rq_5xx: StatEntry("Requests answered with a 5xx status, such as `/ready` while draining.")
        }
    }
}

/// `http.admin.` gauges.
public enum AdminHTTPGauge: Int, GaugeNames {
    public typealias Scope = AdminHTTPScope

    case downstream_cx_active, downstream_rq_active

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_active: StatEntry("Open connections.")
        case .downstream_rq_active: StatEntry("Requests that are not answered yet.")
        }
    }
}

/// `listener.admin.` counters.
public enum AdminListenerCounter: Int, CounterNames {
    public typealias Scope = AdminListenerScope

    case downstream_cx_total, downstream_cx_destroy, downstream_cx_overflow

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_total: StatEntry("Connections accepted.")
        case .downstream_cx_destroy: StatEntry("Connections closed, by whichever side.")
        case .downstream_cx_overflow:
            StatEntry("Connections closed as soon as they were accepted because too many were open.")
        }
    }
}

/// `listener.admin.` gauges.
public enum AdminListenerGauge: Int, GaugeNames {
    public typealias Scope = AdminListenerScope

    case downstream_cx_active

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_active: StatEntry("Open connections.")
        }
    }
}
