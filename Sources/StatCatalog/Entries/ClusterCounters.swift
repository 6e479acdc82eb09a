/// `cluster.<name>.` counters of connections and requests.
public enum ClusterCounter: Int, CounterNames {
    public typealias Scope = ClusterScope

    case upstream_cx_total, upstream_cx_http1_total, upstream_cx_connect_fail, upstream_cx_connect_timeout
    case upstream_cx_idle_timeout, upstream_cx_overflow, upstream_cx_pool_overflow, upstream_cx_max_requests
    case upstream_cx_destroy, upstream_cx_destroy_local, upstream_cx_destroy_remote
    case upstream_cx_destroy_with_active_rq, upstream_cx_destroy_local_with_active_rq
    case upstream_cx_destroy_remote_with_active_rq, upstream_cx_close_notify, upstream_cx_connect_attempts_exceeded
    case upstream_cx_rx_bytes_total, upstream_cx_tx_bytes_total, upstream_cx_protocol_error
    case upstream_cx_none_healthy
    case upstream_rq_total, upstream_rq_completed, upstream_rq_pending_total, upstream_rq_pending_overflow
    case upstream_rq_active_overflow, upstream_rq_pending_failure_eject
    case upstream_rq_cancelled, upstream_rq_timeout, upstream_rq_rx_reset
    case upstream_rq_tx_reset, upstream_rq_per_try_timeout, upstream_rq_per_try_idle_timeout, upstream_rq_retry
    case upstream_rq_retry_backoff_exponential, upstream_rq_retry_backoff_ratelimited
    case upstream_rq_retry_limit_exceeded, upstream_rq_retry_overflow
    case upstream_rq_retry_success, retry_or_shadow_abandoned
    case upstream_rq_maintenance_mode
    case upstream_rq_max_duration_reached
    case upstream_internal_redirect_succeeded_total, upstream_internal_redirect_failed_total
    // One after the other: who counts adds the class to the first.
    case upstream_rq_1xx, upstream_rq_2xx, upstream_rq_3xx, upstream_rq_4xx, upstream_rq_5xx
    case upstream_flow_control_paused_reading_total, upstream_flow_control_resumed_reading_total
    case upstream_flow_control_backed_up_total, upstream_flow_control_drained_total
    case lb_healthy_panic, bind_errors, original_dst_host_invalid

    public var entry: StatEntry {
        switch self {
        case .upstream_cx_total: StatEntry("Connections to hosts begun, those that failed included.")
        case .upstream_cx_http1_total: StatEntry("Connections to hosts begun for HTTP/1; those of a TCP proxy are not.")
        case .upstream_cx_connect_fail:
            StatEntry(
                "Connections to hosts that could not be made: refused, unreachable, timed out, or without socket.")
        case .upstream_cx_connect_timeout:
            StatEntry("Connections to hosts that were not made within `connect_timeout`.")
        case .upstream_cx_idle_timeout:
            StatEntry("Connections closed because no request used them for `idle_timeout`.")
        case .upstream_cx_overflow:
            StatEntry(
                "Times no further connection was made because `max_connections` were open: a request then waits for "
                    + "one, a client of a TCP proxy is closed.")
        case .upstream_cx_pool_overflow: .alwaysZero("the number of connection pools has no limit.")
        case .upstream_cx_max_requests:
            StatEntry("Connections closed because they carried `max_requests_per_connection` requests.")
        case .upstream_cx_destroy:
            StatEntry("Connections to hosts that ended, attempts that did not fail at once included.")
        case .upstream_cx_destroy_local: StatEntry("Connections that the proxy closed, or could not make.")
        case .upstream_cx_destroy_remote: StatEntry("Connections that the host closed or broke first.")
        case .upstream_cx_destroy_with_active_rq: StatEntry("Connections that ended while they carried a request.")
        case .upstream_cx_destroy_local_with_active_rq:
            StatEntry("Connections that the proxy closed while they carried a request.")
        case .upstream_cx_destroy_remote_with_active_rq:
            StatEntry("Connections that the host closed or broke while they carried a request.")
        case .upstream_cx_close_notify:
            StatEntry(
                "Connections closed after a response because its head said so, its end was that of the connection, "
                    + "or it was the last of `max_requests_per_connection`.")
        case .upstream_cx_connect_attempts_exceeded:
            StatEntry("Clients of a TCP proxy closed because `max_connect_attempts` connections could not be made.")
        case .upstream_cx_rx_bytes_total: StatEntry("Bytes received from hosts.", unit: .bytes)
        case .upstream_cx_tx_bytes_total: StatEntry("Bytes sent to hosts.", unit: .bytes)
        case .upstream_cx_protocol_error:
            StatEntry("Responses that are not valid HTTP/1 or break off in the head, and bytes that nobody asked for.")
        case .upstream_cx_none_healthy:
            StatEntry("Requests and connections of a TCP proxy that failed because the cluster had no host for them.")
        case .upstream_rq_total:
            StatEntry("Requests given to a connection; for a TCP proxy, connections begun for a client.")
        case .upstream_rq_completed:
            StatEntry("Requests answered, by a host or, where it failed, by the proxy in its place.")
        case .upstream_rq_pending_total: StatEntry("Requests that had to wait for a connection.")
        case .upstream_rq_pending_overflow:
            StatEntry("Requests answered with 503 because `max_pending_requests` was reached.")
        case .upstream_rq_active_overflow:
            StatEntry("Requests answered with 503 because `max_requests` was reached.")
        case .upstream_rq_pending_failure_eject:
            StatEntry("Requests answered with 503 because the connection that they waited for could not be made.")
        case .upstream_rq_cancelled:
            StatEntry("Requests given up while they waited for a connection: the client left or a timeout passed.")
        case .upstream_rq_timeout:
            StatEntry("Requests ended because the response was not complete within the `timeout` of their route.")
        case .upstream_rq_rx_reset:
            StatEntry("Requests whose connection the host closed or broke before the response was complete.")
        case .upstream_rq_tx_reset:
            StatEntry("Requests on a connection that the proxy gave up: the client left or a timeout passed.")
        case .upstream_rq_per_try_idle_timeout:
            StatEntry(
                "Tries ended because nothing came from the host for the `per_try_idle_timeout` of the route, also in the "
                    + "middle of its response.")
        case .upstream_rq_per_try_timeout:
            StatEntry("Tries ended because no response had begun within the `per_try_timeout` of the route.")
        case .upstream_rq_retry: StatEntry("Times that a request is sent again.")
        case .upstream_rq_retry_backoff_exponential: StatEntry("Of these, after a time from an exponential back-off.")
        case .upstream_rq_retry_backoff_ratelimited:
            StatEntry("Of these, after the time that the host has said (`rate_limited_retry_back_off`).")
        case .upstream_rq_retry_limit_exceeded:
            StatEntry("Requests that failed once more after all their `num_retries`.")
        case .upstream_rq_retry_overflow:
            StatEntry(
                "Requests that were not sent again, since `max_retries` of the cluster, or as many as its `retry_budget` "
                    + "allows, were under way.")
        case .upstream_rq_retry_success:
            StatEntry("Requests that ended, after a retry, in a way that asks for no other.")
        case .retry_or_shadow_abandoned:
            StatEntry(
                "Requests that are not sent again, since they are larger than what is kept of one; and copies of requests "
                    + "that were given up, since their host took the body too slowly.")
        case .upstream_rq_maintenance_mode:
            StatEntry(
                "Requests answered with 503 at once, since the runtime key upstream.maintenance_mode.<name> says so.")
        case .upstream_rq_max_duration_reached:
            StatEntry(
                "Requests, or tries of them, that took longer on their connection than `max_stream_duration` of the cluster."
            )
        case .upstream_internal_redirect_succeeded_total:
            StatEntry(
                "Responses that were followed to another place (`internal_redirect_policy`) and count nowhere else.")
        case .upstream_internal_redirect_failed_total:
            StatEntry(
                "Responses that were to be followed and went to the client, for `passthrough_internal_redirect_*`.")
        case .upstream_rq_1xx: StatEntry("Responses with a 1xx status, interim ones included.")
        case .upstream_rq_2xx: StatEntry("Responses with a 2xx status.")
        case .upstream_rq_3xx: StatEntry("Responses with a 3xx status.")
        case .upstream_rq_4xx: StatEntry("Responses with a 4xx status.")
        case .upstream_rq_5xx:
            StatEntry("Responses with a 5xx status, those that the proxy gave in place of a failed host included.")
        case .upstream_flow_control_paused_reading_total:
            StatEntry("Times reading from a host was paused because the client took no more bytes.")
        case .upstream_flow_control_resumed_reading_total:
            StatEntry("Times reading from a host went on after such a pause.")
        case .upstream_flow_control_backed_up_total:
            StatEntry("Times a client was no longer read because the host took no more bytes and a buffer was full.")
        case .upstream_flow_control_drained_total:
            StatEntry("Times a client was read again because the host had taken what was buffered for it.")
        case .lb_healthy_panic:
            StatEntry(
                "Times a host was chosen among all, healthy or not, because too few were healthy "
                    + "(`healthy_panic_threshold`).")
        case .bind_errors:
            StatEntry("Connections to hosts that could not be bound to their own address (`upstream_bind_config`).")
        case .original_dst_host_invalid:
            StatEntry("Requests to a cluster of type ORIGINAL_DST whose header names no host.")
        }
    }
}

/// `cluster.<name>.` counters of single statuses.
public enum ClusterStatusCounter: Int, CounterNames {
    public typealias Scope = ClusterScope

    case upstream_rq_code

    public var name: String { "upstream_rq_<code>" }

    public var entry: StatEntry {
        switch self {
        case .upstream_rq_code:
            StatEntry(
                "Responses with this status, interim ones and those that the proxy gave in place of a failed host "
                    + "included.", flags: .hiddenWhenZero)
        }
    }
}

/// `cluster.<name>.` counters of discovery.
public enum MembershipCounter: Int, CounterNames {
    public typealias Scope = ClusterScope

    case update_attempt, update_success, update_failure, update_empty, update_no_rebuild, membership_change

    public var entry: StatEntry {
        switch self {
        case .update_attempt:
            StatEntry(
                "Resolutions begun, one for each endpoint of a DNS cluster; of an EDS cluster: "
                    + "readings of its file.")
        case .update_success:
            StatEntry(
                "Resolutions that were answered, be it with no address; readings that were taken.")
        case .update_failure:
            StatEntry(
                "Resolutions that failed, and files that could not be read; the hosts stay as they "
                    + "were.")
        case .update_empty:
            StatEntry(
                "Resolutions that were answered with no address, and files without an assignment.")
        case .update_no_rebuild:
            StatEntry(
                "Resolutions and readings that left the hosts of the cluster as they were.")
        case .membership_change: StatEntry("Times the hosts of the cluster changed, the first time included.")
        }
    }
}
