/// `cluster.<name>.health_check.` counters; only of clusters that have health checks.
public enum HealthCheckCounter: Int, CounterNames {
    public typealias Scope = ClusterHealthCheckScope

    case attempt, success, failure, passive_failure, network_failure, verify_cluster

    public var entry: StatEntry {
        switch self {
        case .attempt: StatEntry("Health checks begun.")
        case .success: StatEntry("Health checks that a host passed.")
        case .failure: StatEntry("Health checks that a host failed, in whatever way, and passive failures.")
        case .passive_failure:
            StatEntry("Responses with `x-envoy-immediate-health-check-fail`, which turned their host at once.")
        case .network_failure:
            StatEntry(
                "Health checks that failed without an answer: refused, reset, timed out, or not what the protocol asks "
                    + "for.")
        case .verify_cluster: .alwaysZero("the name of the service behind a host is not checked.")
        }
    }
}

/// `cluster.<name>.health_check.` gauges.
public enum HealthCheckGauge: Int, GaugeNames {
    public typealias Scope = ClusterHealthCheckScope

    case healthy, degraded

    public var entry: StatEntry {
        switch self {
        case .healthy: StatEntry("Checked hosts that are healthy as far as the checks go.", import: .neverImport)
        case .degraded:
            StatEntry("Checked hosts whose last check said `x-envoy-degraded`.", import: .neverImport)
        }
    }
}

/// `cluster.<name>.outlier_detection.` counters; only of clusters with outlier detection.
public enum OutlierCounter: Int, CounterNames {
    public typealias Scope = ClusterOutlierScope

    case ejections_total, ejections_overflow, ejections_consecutive_5xx, ejections_success_rate
    case ejections_enforced_total, ejections_detected_degradation
    // In the order of `OutlierKind`, twice: who counts adds its position to the first.
    case ejections_detected_consecutive_5xx, ejections_detected_consecutive_gateway_failure
    case ejections_detected_consecutive_local_origin_failure, ejections_detected_success_rate
    case ejections_detected_local_origin_success_rate, ejections_detected_failure_percentage
    case ejections_detected_local_origin_failure_percentage
    case ejections_enforced_consecutive_5xx, ejections_enforced_consecutive_gateway_failure
    case ejections_enforced_consecutive_local_origin_failure, ejections_enforced_success_rate
    case ejections_enforced_local_origin_success_rate, ejections_enforced_failure_percentage
    case ejections_enforced_local_origin_failure_percentage

    public var entry: StatEntry {
        switch self {
        case .ejections_total:
            StatEntry(
                "Ejections for consecutive 5xx and for a success rate, those that were not enforced included; Envoy "
                    + "calls it deprecated.")
        case .ejections_overflow: StatEntry("Ejections that were given up because `max_ejection_percent` was reached.")
        case .ejections_consecutive_5xx:
            StatEntry("As `ejections_detected_consecutive_5xx`; Envoy calls it deprecated.")
        case .ejections_success_rate: StatEntry("As `ejections_detected_success_rate`; Envoy calls it deprecated.")
        case .ejections_detected_degradation: .alwaysZero("a host is healthy or not.")
        case .ejections_enforced_total: StatEntry("Times a host was taken out, for whatever reason.")
        case .ejections_detected_consecutive_5xx: detected("answered `consecutive_5xx` requests in a row with a 5xx")
        case .ejections_detected_consecutive_gateway_failure:
            detected("answered `consecutive_gateway_failure` requests in a row with a 502, 503 or 504")
        case .ejections_detected_consecutive_local_origin_failure:
            detected("could not be reached `consecutive_local_origin_failure` times in a row")
        case .ejections_detected_success_rate: detected("had a success rate far below that of the others")
        case .ejections_detected_local_origin_success_rate:
            detected("was reached at a rate far below that of the others")
        case .ejections_detected_failure_percentage: detected("failed `failure_percentage_threshold` of its requests")
        case .ejections_detected_local_origin_failure_percentage:
            detected("could not be reached for `failure_percentage_threshold` of its requests")
        case .ejections_enforced_consecutive_5xx: enforced("consecutive 5xx")
        case .ejections_enforced_consecutive_gateway_failure: enforced("consecutive gateway failures")
        case .ejections_enforced_consecutive_local_origin_failure: enforced("consecutive failures to reach it")
        case .ejections_enforced_success_rate: enforced("its success rate")
        case .ejections_enforced_local_origin_success_rate: enforced("the rate at which it was reached")
        case .ejections_enforced_failure_percentage: enforced("its share of failures")
        case .ejections_enforced_local_origin_failure_percentage: enforced("its share of failures to reach it")
        }
    }

    private func detected(_ what: String) -> StatEntry {
        StatEntry("Times a host \(what), whether or not it was taken out for it.")
    }
    private func enforced(_ why: String) -> StatEntry { StatEntry("Times a host was taken out for \(why).") }
}

/// `cluster.<name>.outlier_detection.` gauges.
public enum OutlierGauge: Int, GaugeNames {
    public typealias Scope = ClusterOutlierScope

    case ejections_active

    public var entry: StatEntry {
        switch self {
        case .ejections_active: StatEntry("Hosts that are taken out.", import: .neverImport)
        }
    }
}
