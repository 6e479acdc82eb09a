import ProxyConfig
import Testing

@Suite("Original destinations in the configuration")
struct OriginalDstConfigTests {
    private static let filters = "type.googleapis.com/envoy.extensions.filters.listener"
    private static let original = "{name: o, typed_config: {\"@type\": \(filters).original_dst.v3.OriginalDst}}"
    private static let proxy = "{name: p, typed_config: {\"@type\": \(filters).proxy_protocol.v3.ProxyProtocol}}"

    private static func listener(_ fields: String) throws -> Listener {
        try #require(try load(Sample.oneListener(Sample.plainTCP, fields: "\(fields),")).bootstrap.listeners.first)
    }

    private static func config(_ fields: String) throws -> OriginalDst? {
        let text = Sample.cluster("type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED\(fields)")
        guard case .originalDst(let config)? = try load(text).bootstrap.clusters.first?.balancing else { return nil }
        return config
    }

    @Test func listenersAreRead() throws {
        let plain = try Self.listener("bind_to_port: true, use_original_dst: false")
        #expect(plain.bindsToPort && !plain.restoresDestination && !plain.handsOff)
        let unbound = try Self.listener("bind_to_port: false")
        #expect(!unbound.bindsToPort)
        let filtered = try Self.listener("listener_filters: [\(Self.original), \(Self.proxy)]")
        #expect(filtered.restoresDestination && !filtered.handsOff && filtered.proxyProtocol != nil)
        let handing = try Self.listener("use_original_dst: true")
        #expect(handing.restoresDestination && handing.handsOff)
    }

    @Test func clustersAreRead() throws {
        #expect(try Self.config("") == OriginalDst())
        var config = OriginalDst()
        config.cleanupMs = 250
        config.header = "x-envoy-original-dst-host"
        #expect(try Self.config(", cleanup_interval: 0.25s, original_dst_lb_config: {use_http_header: true}") == config)
        config.header = "x-there"
        config.port = 81
        config.cleanupMs = 5000
        #expect(
            try Self.config(
                ", original_dst_lb_config: {use_http_header: true, http_header_name: X-There, upstream_port_override: 81}"
            )
                == config)
        #expect(try load(Sample.cluster("cleanup_interval: 1s")).bootstrap.clusters.count == 1)
    }

    @Test(arguments: [
        (", original_dst_lb_config: {http_header_name: a}", "http_header_name: is for use_http_header: true"),
        (
            ", original_dst_lb_config: {use_http_header: true, http_header_name: \"a b\"}",
            "\"a b\" is not the name of a header"
        ),
        (
            ", original_dst_lb_config: {metadata_key: {key: k}}",
            "that this build does not support; there is no dynamic metadata in this build"
        ),
        (", original_dst_lb_config: {upstream_port_override: 65536}", "65536 is out of range (0 to 65535)"),
        (", cleanup_interval: 0s", "cleanup_interval: must be greater than 0s"),
        (
            ", outlier_detection: {}",
            "outlier_detection: is not supported by this build in a cluster of type ORIGINAL_DST"
        ),
        (", load_assignment: {cluster_name: c}", "a cluster of type ORIGINAL_DST has no load_assignment"),
    ])
    func whatIsWrongWithClustersIsTold(fields: String, message: String) {
        let found = errors(Sample.cluster("type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED\(fields)"))
        #expect(found.count == 1 && found.first?.contains(message) == true, "\(found)")
    }

    @Test func whatIsWrongWithListenersIsTold() {
        let order = errors(
            Sample.oneListener(Sample.plainTCP, fields: "listener_filters: [\(Self.proxy), \(Self.original)],"))
        #expect(order.count == 1 && order.first?.hasSuffix("must stand before proxy_protocol") == true, "\(order)")
        let both = errors(
            Sample.oneListener(Sample.plainTCP, fields: "listener_filters: [\(Self.proxy)], use_original_dst: true,"))
        #expect(
            both.count == 1
                && both.first?.contains("use_original_dst: is not supported by this build beside") == true, "\(both)")
    }
}
