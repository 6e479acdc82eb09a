import ProxyConfig
import Testing

@Suite("The PROXY protocol in the configuration")
struct ProxyProtocolConfigTests {
    private static let filterType =
        "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"
    private static let originalType =
        "type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst"
    private static let socketType =
        "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
    private static let rawType = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
    private static let tlsType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    private static let raw = "{name: r, typed_config: {\"@type\": \(rawType)}}"

    /// The fields stand in line 5.
    private static func filter(_ fields: String, more: String = "") -> String {
        let config = "{\"@type\": \(filterType)\(fields.isEmpty ? "" : ", ")\(fields)}"
        return Sample.oneListener(
            Sample.plainTCP, fields: "listener_filters: [{name: f, typed_config: \(config)}],\(more)")
    }

    private static func socket(_ fields: String) -> String {
        Sample.bootstrap(
            listeners: Sample.listener(Sample.plainTCP),
            clusters: "{name: c, transport_socket: {name: s, typed_config: {\"@type\": \(socketType)\(fields)}}}")
    }

    @Test func aListenersFilterHasEnvoysDefaults() throws {
        let listener = try #require(try load(Self.filter("")).bootstrap.listeners.first)
        let filter = try #require(listener.proxyProtocol)
        #expect(!filter.allowsWithout && filter.takesV1 && filter.takesV2 && filter.statPrefix.isEmpty)
        #expect(listener.listenerFiltersTimeoutMs == 15_000)
        #expect(!listener.continuesOnListenerFiltersTimeout)
        let none = try load(Sample.oneListener(Sample.plainTCP, fields: "listener_filters: [],")).bootstrap.listeners
        #expect(none.count == 1 && none.first?.proxyProtocol == nil)
    }

    @Test func aListenersFilterIsRead() throws {
        let text = Self.filter(
            "allow_requests_without_proxy_protocol: true, disallowed_versions: [V2], stat_prefix: x, rules: []",
            more: "listener_filters_timeout: 0s, continue_on_listener_filters_timeout: true,")
        let listener = try #require(try load(text).bootstrap.listeners.first)
        let filter = try #require(listener.proxyProtocol)
        #expect(filter.allowsWithout && filter.takesV1 && !filter.takesV2 && filter.statPrefix == "x")
        #expect(listener.listenerFiltersTimeoutMs == 0)
        #expect(listener.continuesOnListenerFiltersTimeout)
    }

    @Test func aClustersHeaderIsRead() throws {
        func version(_ fields: String) throws -> ProxyProtocolVersion? {
            try #require(try load(Self.socket(fields)).bootstrap.clusters.first).proxyProtocol
        }
        #expect(try version(", transport_socket: \(Self.raw)") == .v1)
        #expect(try version(", config: {}, transport_socket: \(Self.raw)") == .v1)
        #expect(try version(", config: {version: V2}, transport_socket: \(Self.raw)") == .v2)
        let plain = Sample.bootstrap(
            listeners: Sample.listener(Sample.plainTCP), clusters: "{name: c, transport_socket: \(Self.raw)}")
        let clusters = try load(plain).bootstrap.clusters
        #expect(clusters.count == 1 && clusters.first?.proxyProtocol == nil)
    }

    private static let config = "static_resources.listeners[0].listener_filters[0].typed_config"
    private static let inner = "static_resources.clusters[0].transport_socket.typed_config"
    private static let forgotten =
        "is an Envoy field that this build does not support; TLVs of a header are checked "
        + "and then forgotten"

    static let refused: [(text: String, errors: [String])] = [
        (filter("rules: [{tlv_type: 1}]"), ["\(config).rules: \"rules\" \(forgotten)"]),
        (
            filter("pass_through_tlvs: {match_type: INCLUDE_ALL}"),
            ["\(config).pass_through_tlvs: \"pass_through_tlvs\" \(forgotten)"]
        ),
        (
            filter("tlv_location: FILTER_STATE"),
            ["\(config).tlv_location: \"FILTER_STATE\" is not supported by this build; supported: DYNAMIC_METADATA"]
        ),
        (
            filter("disallowed_versions: [V1, V2]"),
            ["\(config).disallowed_versions: no version is left, one must be allowed"]
        ),
        (
            Sample.oneListener(
                Sample.plainTCP,
                fields: "listener_filters: [{name: t, typed_config: {\"@type\": "
                    + "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}],"),
            [
                "\(config).@type: \"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector\" "
                    + "is not supported by this build; expected \(filterType) or \(originalType)"
            ]
        ),
        (
            Sample.oneListener(
                Sample.plainTCP,
                fields: "listener_filters: [{name: a, typed_config: {\"@type\": \(filterType)}}, "
                    + "{name: b, typed_config: {\"@type\": \(filterType)}}],"),
            [
                "static_resources.listeners[0].listener_filters[1]: only one proxy_protocol filter for each "
                    + "listener is supported by this build"
            ]
        ),
        (socket(""), ["\(inner): required field \"transport_socket\" is missing"]),
        (
            socket(", config: {pass_through_tlvs: {}}, transport_socket: \(raw)"),
            ["\(inner).config.pass_through_tlvs: \"pass_through_tlvs\" \(forgotten)"]
        ),
        (
            socket(", transport_socket: {name: s, typed_config: {\"@type\": \(tlsType)}}"),
            [
                "\(inner).transport_socket.typed_config.@type: \"\(tlsType)\" is not supported by this build; "
                    + "expected \(rawType)"
            ]
        ),
    ]

    @Test(arguments: refused.indices)
    func whatIsNotSupportedIsRefused(_ index: Int) {
        let (text, expected) = Self.refused[index]
        let found = errors(text)
        // Without file, line and column.
        #expect(found.map { $0.split(separator: " ", maxSplits: 1).last.map(String.init) ?? $0 } == expected)
    }
}
