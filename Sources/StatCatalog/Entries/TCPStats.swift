/// `tcp.<stat_prefix>.` counters.
public enum TCPCounter: Int, CounterNames {
    public typealias Scope = TCPScope

    case downstream_cx_total, downstream_cx_rx_bytes_total, downstream_cx_tx_bytes_total, downstream_cx_no_route
    case downstream_flow_control_paused_reading_total, downstream_flow_control_resumed_reading_total
    case idle_timeout, max_downstream_connection_duration

    public var entry: StatEntry {
        switch self {
        case .downstream_cx_total: StatEntry("Connections accepted from clients.")
        case .downstream_cx_no_route: StatEntry("Connections closed because their cluster is not there.")
        case .downstream_cx_rx_bytes_total: StatEntry("Bytes received from clients.", unit: .bytes)
        case .downstream_cx_tx_bytes_total: StatEntry("Bytes sent to clients.", unit: .bytes)
        case .downstream_flow_control_paused_reading_total:
            StatEntry("Times reading from a client was paused because the upstream took no more bytes.")
        case .downstream_flow_control_resumed_reading_total:
            StatEntry(
                "Times reading from a client went on after a pause, and once for each connection, when its upstream "
                    + "is connected.")
        case .idle_timeout: StatEntry("Connections closed because no byte moved on either side for `idle_timeout`.")
        case .max_downstream_connection_duration:
            StatEntry("Connections closed because they grew older than `max_downstream_connection_duration`.")
        }
    }
}
