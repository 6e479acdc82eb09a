// The stats that the data plane writes, by group. A case is the stat's name as Envoy writes it, so that a name can be
// searched for, and its raw value is the position in the group's table, so that the hot path never sees a string.

/// `http.<stat_prefix>.` counters.
enum HTTPCounter: Int, CaseIterable {
    case downstream_cx_total, downstream_cx_http1_total, downstream_cx_upgrades_total
    case downstream_cx_destroy, downstream_cx_destroy_local, downstream_cx_destroy_remote
    case downstream_cx_destroy_active_rq, downstream_cx_destroy_local_active_rq
    case downstream_cx_destroy_remote_active_rq
    case downstream_cx_protocol_error, downstream_cx_rx_bytes_total, downstream_cx_tx_bytes_total
    case downstream_cx_drain_close, downstream_cx_delayed_close_timeout, downstream_cx_idle_timeout
    case downstream_cx_max_duration_reached, downstream_cx_max_requests_reached
    case downstream_flow_control_paused_reading_total, downstream_flow_control_resumed_reading_total
    case downstream_rq_total, downstream_rq_http1_total, downstream_rq_completed
    case downstream_rq_1xx, downstream_rq_2xx, downstream_rq_3xx, downstream_rq_4xx, downstream_rq_5xx
    case downstream_rq_rx_reset, downstream_rq_tx_reset, downstream_rq_too_large
    case downstream_rq_idle_timeout, downstream_rq_timeout, downstream_rq_header_timeout
    case downstream_rq_response_before_rq_complete, downstream_rq_ws_on_non_ws_route
    case rq_total, no_route, no_cluster, rq_direct_response, rq_reset_after_downstream_response_started
}

/// `http.<stat_prefix>.` gauges.
enum HTTPGauge: Int, CaseIterable {
    case downstream_cx_active, downstream_cx_http1_active, downstream_cx_upgrades_active, downstream_rq_active
}

/// `http.<stat_prefix>.` histograms, in milliseconds.
enum HTTPHistogram: Int, CaseIterable { case downstream_cx_length_ms, downstream_rq_time }

/// `listener.<address>.` counters.
enum ListenerCounter: Int, CaseIterable {
    case downstream_cx_total, downstream_cx_destroy, downstream_cx_overflow, no_filter_chain_match
}

/// `listener.<address>.` gauges.
enum ListenerGauge: Int, CaseIterable { case downstream_cx_active }

/// `listener.<address>.` histograms, in milliseconds.
enum ListenerHistogram: Int, CaseIterable { case downstream_cx_length_ms }

/// `listener.<address>.http.<stat_prefix>.` counters.
enum ListenerHTTPCounter: Int, CaseIterable {
    case downstream_rq_completed
    case downstream_rq_1xx, downstream_rq_2xx, downstream_rq_3xx, downstream_rq_4xx, downstream_rq_5xx
}

/// `listener.<address>.worker_<i>.` counters.
enum ListenerWorkerCounter: Int, CaseIterable { case downstream_cx_total }

/// `listener.<address>.worker_<i>.` gauges.
enum ListenerWorkerGauge: Int, CaseIterable { case downstream_cx_active }

/// `tcp.<stat_prefix>.` counters.
enum TCPCounter: Int, CaseIterable {
    case downstream_cx_total, downstream_cx_rx_bytes_total, downstream_cx_tx_bytes_total
    case downstream_flow_control_paused_reading_total, downstream_flow_control_resumed_reading_total
    case idle_timeout, max_downstream_connection_duration
}

/// `cluster.<name>.` counters.
enum ClusterCounter: Int, CaseIterable {
    case upstream_cx_total, upstream_cx_http1_total, upstream_cx_connect_fail, upstream_cx_connect_timeout
    case upstream_cx_idle_timeout, upstream_cx_overflow, upstream_cx_pool_overflow, upstream_cx_max_requests
    case upstream_cx_destroy, upstream_cx_destroy_local, upstream_cx_destroy_remote
    case upstream_cx_destroy_with_active_rq, upstream_cx_destroy_local_with_active_rq
    case upstream_cx_destroy_remote_with_active_rq, upstream_cx_close_notify, upstream_cx_connect_attempts_exceeded
    case upstream_cx_rx_bytes_total, upstream_cx_tx_bytes_total, upstream_cx_protocol_error
    case upstream_cx_none_healthy
    case upstream_rq_total, upstream_rq_completed, upstream_rq_pending_total, upstream_rq_pending_overflow
    case upstream_rq_pending_failure_eject, upstream_rq_cancelled, upstream_rq_timeout, upstream_rq_rx_reset
    case upstream_rq_tx_reset, upstream_rq_per_try_timeout, upstream_rq_retry
    case upstream_rq_maintenance_mode
    case upstream_rq_1xx, upstream_rq_2xx, upstream_rq_3xx, upstream_rq_4xx, upstream_rq_5xx
    case upstream_flow_control_paused_reading_total, upstream_flow_control_resumed_reading_total
    case upstream_flow_control_backed_up_total, upstream_flow_control_drained_total
    case lb_healthy_panic, bind_errors
}

/// `cluster.<name>.` gauges.
enum ClusterGauge: Int, CaseIterable {
    case upstream_cx_active, upstream_rq_active, upstream_rq_pending_active
}

/// `cluster.<name>.` histograms, in milliseconds.
enum ClusterHistogram: Int, CaseIterable { case upstream_cx_connect_ms, upstream_cx_length_ms, upstream_rq_time }

/// The status codes whose `upstream_rq_<code>` cells exist from the start; any other is made by the main thread when a
/// worker first meets it.
enum CommonStatus {
    static let codes: [UInt16] = [
        200, 101, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 413, 429, 500,
        502, 503, 504,
    ]
    /// The position of a code in `codes`, -1 for a rare one.
    static func index(_ status: UInt16) -> Int {
        if status == 200 { return 0 }
        for i in 1..<codes.count where codes[i] == status { return i }
        return -1
    }
}
