/// Options of sockets, and what connections to hosts are bound to.
extension MessageSchema {
    static let socketOption = MessageSchema(
        "envoy.config.core.v3.SocketOption",
        supported: "level name int_value buf_value state", unlessDefault: "type", ignored: "description",
        oneofs: ["int_value buf_value"])

    static let tcpKeepalive = MessageSchema(
        "envoy.config.core.v3.TcpKeepalive", supported: "keepalive_probes keepalive_time keepalive_interval")

    static let bindConfig = MessageSchema(
        "envoy.config.core.v3.BindConfig",
        supported: "source_address freebind socket_options", refused: "local_address_selector",
        unlessDefault: "additional_source_addresses extra_source_addresses")

    static let upstreamConnectionOptions = MessageSchema(
        "envoy.config.cluster.v3.UpstreamConnectionOptions",
        supported: "tcp_keepalive", refused: "happy_eyeballs_config",
        unlessDefault: "set_local_interface_name_on_upstream_connections")

    static let clusterManager = MessageSchema(
        "envoy.config.bootstrap.v3.ClusterManager",
        supported: "upstream_bind_config", refused: "outlier_detection load_stats_config",
        unlessDefault: "local_cluster_name enable_deferred_cluster_creation")
}
