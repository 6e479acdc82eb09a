/// The PROXY protocol, of listeners and of clusters.
extension MessageSchema {
    static let listenerFilter = MessageSchema(
        "envoy.config.listener.v3.ListenerFilter",
        supported: "name typed_config", refused: "config_discovery config", unlessDefault: "filter_disabled",
        hints: ["config": "a field of the v2 API, replaced by typed_config"],
        oneofs: ["typed_config config_discovery"])

    static let originalDstFilter = MessageSchema(
        "envoy.extensions.filters.listener.original_dst.v3.OriginalDst")

    static let proxyProtocolFilter = MessageSchema(
        "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
        supported: "allow_requests_without_proxy_protocol disallowed_versions stat_prefix",
        refused: "pass_through_tlvs", unlessDefault: "rules",
        fixed: ["tlv_location": ["DYNAMIC_METADATA"]],
        hints: ["rules": noEntries, "pass_through_tlvs": noEntries])

    static let upstreamProxyProtocol = MessageSchema(
        "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        supported: "config transport_socket", unlessDefault: "allow_unspecified_address tlv_as_pool_key")

    static let proxyProtocolConfig = MessageSchema(
        "envoy.config.core.v3.ProxyProtocolConfig",
        supported: "version", refused: "pass_through_tlvs", unlessDefault: "added_tlvs",
        hints: ["pass_through_tlvs": noEntries])

    private static let noEntries = "TLVs of a header are checked and then forgotten"
}
