/// Filter chains, and which connections they take.
extension MessageSchema {
    static let filterChain = MessageSchema(
        "envoy.config.listener.v3.FilterChain",
        supported: "filters transport_socket filter_chain_match name", refused: "tls_context",
        unlessDefault: "use_proxy_proto", ignored: "metadata transport_socket_connect_timeout",
        hints: ["use_proxy_proto": proxyHint])

    static let defaultFilterChain = MessageSchema(
        "envoy.config.listener.v3.FilterChain",
        supported: "filters transport_socket name", refused: "tls_context",
        unlessDefault: "use_proxy_proto", ignored: "metadata transport_socket_connect_timeout filter_chain_match",
        hints: ["use_proxy_proto": proxyHint])

    static let filterChainMatch = MessageSchema(
        "envoy.config.listener.v3.FilterChainMatch",
        supported: """
            destination_port prefix_ranges direct_source_prefix_ranges source_type source_prefix_ranges source_ports \
            transport_protocol
            """,
        refused: "address_suffix suffix_len",
        unlessDefault: "server_names application_protocols",
        hints: [
            "address_suffix": "Envoy does not either", "suffix_len": "Envoy does not either",
            "server_names": tlsHint, "application_protocols": tlsHint,
        ])

    static let addressRange = MessageSchema(
        "envoy.config.core.v3.CidrRange", supported: "address_prefix prefix_len")

    private static let proxyHint =
        "deprecated by Envoy, use the listener filter envoy.filters.listener.proxy_protocol"
    private static let tlsHint = "only a TLS handshake says it, and this build reads none"
}
