/// `http.<stat_prefix>.` counters.
public enum HTTPCounter: Int, CounterNames {
    public typealias Scope = HTTPScope

    case downstream_cx_total, downstream_cx_http1_total, downstream_cx_upgrades_total
    case downstream_cx_destroy, downstream_cx_destroy_local, downstream_cx_destroy_remote
    case downstream_cx_destroy_active_rq, downstream_cx_destroy_local_active_rq
    case downstream_cx_destroy_remote_active_rq
    case downstream_cx_protocol_error, downstream_cx_rx_bytes_total, downstream_cx_tx_bytes_total
    case downstream_cx_drain_close, downstream_cx_delayed_close_timeout, downstream_cx_idle_timeout
    case downstream_cx_max_duration_reached, downstream_cx_max_requests_reached
    case downstream_flow_control_paused_reading_total, downstream_flow_control_resumed_reading_total
    case downstream_rq_total, downstream_rq_http1_total, downstream_rq_completed
    // One after the other: who counts adds the class to the first.
    case downstream_rq_1xx, downstream_rq_2xx, downstream_rq_3xx, downstream_rq_4xx, downstream_rq_5xx
    case downstream_rq_rx_reset, downstream_rq_tx_reset, downstream_rq_too_large
    case downstream_rq_idle_timeout, downstream_rq_timeout, downstream_rq_header_timeout
    case downstream_rq_response_before_rq_complete, downstream_rq_ws_on_non_ws_route
    case downstream_cx_overload_disable_keepalive, downstream_rq_overload_close
    case downstream_rq_failed_path_normalization, downstream_rq_redirected_with_normalized_path
    case rq_total, no_route, no_cluster, rq_direct_response, rq_reset_after_downstream_response_started
    case downstream_rq_max_duration_reached, downstream_rq_non_relative_path
    case passthrough_internal_redirect_bad_location, passthrough_internal_redirect_unsafe_scheme
    case passthrough_internal_redirect_too_many_redirects, passthrough_internal_redirect_no_route
    case passthrough_internal_redirect_predicate

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_total: StatEntry("Connections accepted from clients.")
        case .downstream_cx_http1_total:
            StatEntry("Connections accepted from clients that speak HTTP/1, which is all of them.")
        case .downstream_cx_upgrades_total:
            StatEntry(
                "Connections that became a tunnel: an upstream agreed to an upgrade with status 101 or to a CONNECT with "
                    + "2xx, or a CONNECT that ends here reached its host.")
        case .downstream_cx_destroy: StatEntry("Connections of clients that were closed, by whichever side.")
        case .downstream_cx_destroy_local:
            StatEntry("Connections closed by the proxy while the client's side was open: after a timeout, by a drain.")
        case .downstream_cx_destroy_remote:
            StatEntry("Connections whose client closed or broke its side, also after a response that asked it to.")
        case .downstream_cx_destroy_active_rq: StatEntry("Connections closed while a request was in progress.")
        case .downstream_cx_destroy_local_active_rq:
            StatEntry("Connections that the proxy closed while a request was in progress.")
        case .downstream_cx_destroy_remote_active_rq:
            StatEntry("Connections that the client closed or broke while a request was in progress.")
        case .downstream_cx_protocol_error:
            StatEntry("Requests refused because their head or body is not valid HTTP/1 or their head is too large.")
        case .downstream_cx_rx_bytes_total:
            StatEntry("Bytes received from clients, those of upgraded connections included.", unit: .bytes)
        case .downstream_cx_tx_bytes_total:
            StatEntry("Bytes sent to clients, those of upgraded connections included.", unit: .bytes)
        case .downstream_cx_drain_close:
            StatEntry("Responses that asked the client to close an otherwise lasting connection because of a drain.")
        case .downstream_cx_delayed_close_timeout:
            StatEntry(
                "Connections cut because the client had not closed its side within `delayed_close_timeout` after the "
                    + "last response.")
        case .downstream_cx_idle_timeout:
            StatEntry("Connections closed because no request came for `idle_timeout`.")
        case .downstream_cx_max_duration_reached:
            StatEntry(
                "Connections that grew older than `max_connection_duration` and end, after a request in progress.")
        case .downstream_cx_max_requests_reached:
            StatEntry("Connections that end because they carried `max_requests_per_connection` requests.")
        case .downstream_flow_control_paused_reading_total:
            StatEntry(
                "Times reading from a client was paused because what it sent, or the responses to it, could not be "
                    + "passed on and filled a buffer.")
        case .downstream_flow_control_resumed_reading_total:
            StatEntry("Times reading from a client went on after such a pause.")
        case .downstream_rq_total:
            StatEntry("Requests begun, counted when their head is complete or is refused.")
        case .downstream_rq_http1_total: StatEntry("Requests begun over HTTP/1, which is all of them.")
        case .downstream_rq_completed: StatEntry("Requests answered, counted when the head of the response is written.")
        case .downstream_rq_1xx:
            StatEntry("Requests answered with 101, which upgrades the connection; interim responses do not count.")
        case .downstream_rq_2xx: StatEntry("Requests answered with a 2xx status.")
        case .downstream_rq_3xx: StatEntry("Requests answered with a 3xx status.")
        case .downstream_rq_4xx: StatEntry("Requests answered with a 4xx status, by an upstream or the proxy itself.")
        case .downstream_rq_5xx: StatEntry("Requests answered with a 5xx status, by an upstream or the proxy itself.")
        case .downstream_rq_rx_reset:
            StatEntry(
                "Requests given up because their connection ended before the response was complete: the client left, "
                    + "or the drain time was over; and those that are not HTTP as it should be.")
        case .downstream_rq_tx_reset:
            StatEntry("Responses cut off in the middle because their upstream failed or a timeout passed.")
        case .downstream_rq_too_large:
            StatEntry(
                "Requests answered with 413 because a filter waits for their body, which is larger than it may be.")
        case .downstream_rq_idle_timeout:
            StatEntry(
                "Requests, begun request heads and upgraded connections ended because nothing moved for "
                    + "`stream_idle_timeout` or the route's `idle_timeout`.")
        case .downstream_rq_timeout:
            StatEntry("Requests answered with 408 because they were not complete after `request_timeout`.")
        case .downstream_rq_header_timeout:
            StatEntry("Requests answered with 408 because their head was not complete after `request_headers_timeout`.")
        case .downstream_rq_response_before_rq_complete:
            StatEntry("Responses begun before the request was complete; the connection ends with them.")
        case .downstream_rq_ws_on_non_ws_route:
            StatEntry("Upgrade requests answered with 403 because their route does not allow the upgrade.")
        case .downstream_cx_overload_disable_keepalive:
            StatEntry("Responses that ended their connection because of the overload action `disable_http_keepalive`.")
        case .downstream_rq_overload_close:
            StatEntry("Requests answered with 503 because of the overload action `stop_accepting_requests`.")
        case .downstream_rq_failed_path_normalization:
            StatEntry(
                "Requests answered with 400 because of their path: a fragment (`#`), or what `normalize_path` or "
                    + "`path_with_escaped_slashes_action` refuse.")
        case .downstream_rq_redirected_with_normalized_path:
            StatEntry("Requests answered with 307 because of `path_with_escaped_slashes_action`.")
        case .rq_total:
            StatEntry(
                "Requests that were routed: forwarded, answered by a direct response or a redirect, or without a route."
            )
        case .no_route: StatEntry("Requests answered with 404 because no route matched.")
        case .no_cluster:
            StatEntry("Requests to a cluster that does not exist, which only `cluster_header` can ask for.")
        case .rq_direct_response:
            StatEntry("Requests answered by the `direct_response` or the `redirect` of their route.")
        case .rq_reset_after_downstream_response_started:
            StatEntry("Responses cut off in the middle, as `downstream_rq_tx_reset`.")
        case .downstream_rq_max_duration_reached:
            StatEntry(
                "Requests that took longer in all than `max_stream_duration` of their route or the connection manager.")
        case .downstream_rq_non_relative_path:
            StatEntry("Requests for a whole URL that were answered with 404, since `allow_absolute_url` is false.")
        case .passthrough_internal_redirect_bad_location:
            StatEntry("Redirects that were not followed, since their `location` is no absolute URL.")
        case .passthrough_internal_redirect_unsafe_scheme:
            StatEntry("Redirects that were not followed, since their `location` has another scheme than the request.")
        case .passthrough_internal_redirect_too_many_redirects:
            StatEntry(
                "Redirects that were not followed, since the request had `max_internal_redirects` of them already.")
        case .passthrough_internal_redirect_no_route:
            StatEntry("Redirects that were not followed, since there is no route for their `location`.")
        case .passthrough_internal_redirect_predicate:
            StatEntry("Redirects that were not followed, since one of the `predicates` does not hold.")
        }
    }
}

/// `http.<stat_prefix>.` gauges.
public enum HTTPGauge: Int, GaugeNames {
    public typealias Scope = HTTPScope

    case downstream_cx_active, downstream_cx_http1_active, downstream_cx_upgrades_active, downstream_rq_active

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_active: StatEntry("Connections of clients that are open.")
        case .downstream_cx_http1_active: StatEntry("Open connections of clients that are not upgraded.")
        case .downstream_cx_upgrades_active: StatEntry("Open connections of clients that are tunnels after an upgrade.")
        case .downstream_rq_active: StatEntry("Requests in progress; an upgraded connection is one until it ends.")
        }
    }
}

/// `http.<stat_prefix>.` histograms.
public enum HTTPHistogram: Int, HistogramNames {
    public typealias Scope = HTTPScope

    case downstream_cx_length_ms, downstream_rq_time

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_length_ms:
            StatEntry("How long connections of clients were open, recorded when they close.", unit: .milliseconds)
        case .downstream_rq_time:
            StatEntry(
                "Time from a complete request head to the end of the request and its response, or of the upgraded "
                    + "connection.", unit: .milliseconds)
        }
    }
}
