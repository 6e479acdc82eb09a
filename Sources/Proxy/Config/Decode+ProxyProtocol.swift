/// The PROXY protocol, of listeners and of clusters.
extension Decoder {
    func listenerFilters(_ message: Message, _ listener: inout Listener) {
        if let timeout = message["listener_filters_timeout"]?.duration() {
            listener.listenerFiltersTimeoutMs = timeout
        }
        if let continues = message["continue_on_listener_filters_timeout"]?.bool() {
            listener.continuesOnListenerFiltersTimeout = continues
        }
        let filters = message["listener_filters"]?.list() ?? []
        for filter in filters { listenerFilter(filter, &listener) }
        guard let value = message["use_original_dst"], value.bool() == true else { return }
        listener.handsOff = true
        // As in Envoy.
        listener.restoresDestination = true
        if listener.proxyProtocol != nil {
            value.error("is not supported by this build beside the listener filter proxy_protocol")
        }
    }

    private func listenerFilter(_ value: Value, _ listener: inout Listener) {
        guard let message = value.message(.listenerFilter) else { return }
        _ = message.require("name")?.nonEmptyString()
        let config = message.requireOne(of: ["typed_config"], else: ["config_discovery", "config"])
        guard let (schema, filter) = config?.extensionMessage([.proxyProtocolFilter, .originalDstFilter]) else {
            return
        }
        if schema == MessageSchema.originalDstFilter.name {
            if listener.proxyProtocol != nil { value.error("must stand before proxy_protocol") }
            listener.restoresDestination = true
            return
        }
        if listener.proxyProtocol != nil {
            value.error("only one proxy_protocol filter for each listener is supported by this build")
        }
        listener.proxyProtocol = proxyProtocol(filter)
    }

    private func proxyProtocol(_ filter: Message) -> ProxyProtocolFilter {
        var result = ProxyProtocolFilter()
        result.allowsWithout = filter["allow_requests_without_proxy_protocol"]?.bool() ?? false
        result.statPrefix = filter["stat_prefix"]?.string() ?? ""
        guard let versions = filter["disallowed_versions"] else { return result }
        for version in versions.list() {
            switch proxyProtocolVersion(version) {
            case .v1: result.takesV1 = false
            case .v2: result.takesV2 = false
            case nil: break
            }
        }
        if !result.takesV1, !result.takesV2 { versions.error("no version is left, one must be allowed") }
        return result
    }

    /// A cluster's transport socket: `raw_buffer`, or a PROXY header in front of it. nil: there is no header.
    func upstreamTransportSocket(_ value: Value?) -> ProxyProtocolVersion? {
        guard let message = value?.message(.transportSocket) else { return nil }
        _ = message.require("name")?.nonEmptyString()
        let config = message.requireOne(of: ["typed_config"], else: ["config"])
        guard let (schema, socket) = config?.extensionMessage([.rawBuffer, .upstreamProxyProtocol]),
            schema == MessageSchema.upstreamProxyProtocol.name
        else { return nil }
        checkTransportSocket(socket.require("transport_socket"))
        let version = socket["config"]?.message(.proxyProtocolConfig)?["version"]
        return version.flatMap(proxyProtocolVersion) ?? .v1
    }

    private func proxyProtocolVersion(_ value: Value) -> ProxyProtocolVersion? {
        value.choice([("V1", 0, .v1), ("V2", 1, .v2)])
    }
}
