import ProxyConfig
import Testing

/// `preconnect_policy` of clusters.
@Suite struct PreconnectConfigTests {
    private static func policy(_ text: String) throws -> PreconnectPolicy? {
        try load(Sample.cluster("preconnect_policy: {\(text)}")).bootstrap.clusters.first?.preconnect
    }

    @Test func ratios() throws {
        let both = try #require(
            try Self.policy("per_upstream_preconnect_ratio: 1.5, predictive_preconnect_ratio: 3"))
        #expect(both.perUpstream == 1.5 && both.predictive == 3)
        #expect(try Self.policy("predictive_preconnect_ratio: 1.01")?.perUpstream == 1)
        // These change nothing.
        for text in ["", "per_upstream_preconnect_ratio: 1", "predictive_preconnect_ratio: 1.0"] {
            #expect(try Self.policy(text) == nil)
        }
    }

    @Test func bounds() {
        for text in ["0.9", "3.1", "-1", "0"] {
            for field in ["per_upstream_preconnect_ratio", "predictive_preconnect_ratio"] {
                #expect(
                    errors(Sample.cluster("preconnect_policy: {\(field): \(text)}")).contains {
                        $0.contains("\(field): must be a number from 1 to 3")
                    })
            }
        }
    }

    @Test func notForOneClientEach() {
        let extensions = "type.googleapis.com/envoy.extensions.transport_sockets"
        let socket =
            "transport_socket: {name: p, typed_config: {\"@type\": \(extensions).proxy_protocol.v3.ProxyProtocolUpstreamTransport, "
            + "config: {version: V1}, transport_socket: {name: raw, typed_config: {\"@type\": "
            + "\(extensions).raw_buffer.v3.RawBuffer}}}}"
        #expect(
            errors(Sample.cluster("preconnect_policy: {per_upstream_preconnect_ratio: 2}, \(socket)")).contains {
                $0.contains("preconnect_policy: is not supported with upstream_proxy_protocol")
            })
        #expect(errors(Sample.cluster("preconnect_policy: {}, \(socket)")).isEmpty)
    }
}
