/// Bootstrap, admin, node and addresses.
extension MessageSchema {
    static let bootstrap = MessageSchema(
        "envoy.config.bootstrap.v3.Bootstrap",
        supported: """
            node static_resources cluster_manager admin stats_flush_interval stats_flush_on_admin stats_sinks \
            layered_runtime overload_manager dynamic_resources stats_config
            """,
        refused: """
            hds_config stats_eviction_interval tracing stats_server_version_override \
            dns_resolution_config typed_dns_resolver_config default_config_source default_regex_engine \
            xds_delegate_extension xds_config_tracker_extension listener_manager runtime
            """,
        unlessDefault: """
            flags_path deferred_stat_options \
            watchdog watchdogs enable_dispatcher_stats \
            use_tcp_for_dns_lookups bootstrap_extensions fatal_actions config_sources default_socket_interface \
            certificate_provider_instances inline_headers perf_tracing_file_path application_log_config \
            memory_allocator_manager
            """,
        fixed: ["header_prefix": ["x-envoy", ""]],
        ignored: "node_context_params grpc_async_client_manager_config",
        hints: [
            "runtime": "a field of the v2 API, replaced by layered_runtime"
        ],
        oneofs: ["stats_flush_interval stats_flush_on_admin"])

    static let staticResources = MessageSchema(
        "envoy.config.bootstrap.v3.Bootstrap.StaticResources",
        supported: "listeners clusters", unlessDefault: "secrets")

    static let admin = MessageSchema(
        "envoy.config.bootstrap.v3.Admin",
        supported: "access_log access_log_path address", unlessDefault: "socket_options allow_paths",
        ignored: "profile_path ignore_global_conn_limit")

    static let node = MessageSchema(
        "envoy.config.core.v3.Node",
        supported: "id cluster locality",
        ignored: """
            metadata dynamic_parameters user_agent_name user_agent_version user_agent_build_version extensions \
            client_features listening_addresses
            """,
        oneofs: ["user_agent_version user_agent_build_version"])

    static let locality = MessageSchema("envoy.config.core.v3.Locality", supported: "region zone sub_zone")

    static let address = MessageSchema(
        "envoy.config.core.v3.Address",
        supported: "socket_address pipe", refused: "envoy_internal_address",
        oneofs: ["socket_address pipe envoy_internal_address"])

    static let socketAddress = MessageSchema(
        "envoy.config.core.v3.SocketAddress",
        supported: "protocol address port_value ipv4_compat", refused: "named_port",
        unlessDefault: "resolver_name network_namespace_filepath",
        hints: ["named_port": "give the number in port_value"],
        oneofs: ["port_value named_port"])

    static let pipe = MessageSchema("envoy.config.core.v3.Pipe", supported: "path", unlessDefault: "mode")

    static let dataSource = MessageSchema(
        "envoy.config.core.v3.DataSource",
        supported: "inline_string filename inline_bytes environment_variable", refused: "watched_directory",
        hints: ["watched_directory": "files are read once, when the configuration is"],
        oneofs: ["filename inline_bytes inline_string environment_variable"])

    static let transportSocket = MessageSchema(
        "envoy.config.core.v3.TransportSocket",
        supported: "name typed_config", refused: "config",
        hints: ["config": "a field of the v2 API, replaced by typed_config"])

    static let rawBuffer = MessageSchema(
        "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer")
}
