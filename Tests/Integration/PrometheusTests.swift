import PrometheusTesting
import Testing

/// `/stats/prometheus` of a running `envoyd`, read by Prometheus' own parser.
struct PrometheusTests {
    @Test func prometheusReadsThem() throws {
        try withBed { bed in
            // Quotes, a backslash and a letter beyond ASCII in the name: `odd"é\`.
            let configuration = Configuration(try bed.upstream().port, cluster: "\"odd\\\"é\\\\\"")
            let proxy = try bed.proxy(configuration)
            for _ in 0..<3 { #expect(try proxy.client().get("/status/404").status == 404) }
            let cluster = ["envoy_cluster_name": "odd\"é\\"]
            let read = try PrometheusClient(try proxy.admin("/stats/prometheus").text)
            let expected: [PrometheusClient.Sample] = [
                .init(
                    "counter", "envoy_http_downstream_rq_total", ["envoy_http_conn_manager_prefix": "ingress_http"], 3),
                .init("counter", "envoy_cluster_upstream_rq_total", cluster, 3),
                .init(
                    "counter", "envoy_cluster_upstream_rq", cluster.merging(["envoy_response_code": "404"]) { $1 }, 3),
                .init(
                    "counter", "envoy_cluster_upstream_rq_xx",
                    cluster.merging(["envoy_response_code_class": "4"]) { $1 }, 3),
                .init("gauge", "envoy_cluster_membership_total", cluster, 1),
                .init("gauge", "envoy_server_live", [:], 1),
                .init("histogram", "envoy_cluster_upstream_rq_time_count", cluster, 3),
                .init(
                    "histogram", "envoy_cluster_upstream_rq_time_bucket", cluster.merging(["le": "+Inf"]) { $1 }, 3),
            ]
            for sample in expected { #expect(read.samples.contains(sample), "\(sample)") }
            // All that `/stats` has is there, and nothing has a label that Envoy does not know.
            let text = try proxy.admin("/stats").text.split(separator: "\n").map(String.init)
            let histograms = text.filter { $0.contains(": P0(") || $0.hasSuffix(": No recorded values") }
            let readouts = text.filter { $0.hasSuffix("\"") }
            #expect(histograms.count > 3)
            #expect(read.samples.count { $0.type == "histogram" } == histograms.count * 22)
            #expect(
                read.samples.count { $0.type != "histogram" } == text.count - histograms.count - readouts.count)
            #expect(read.samples.allSatisfy { $0.name.hasPrefix("envoy_") })
            #expect(read.samples.allSatisfy { $0.labels.keys.allSatisfy { $0 == "le" || $0.hasPrefix("envoy_") } })
            // statdump's is the same text, but for what time and looking change.
            let dump = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--format", "prometheus"]).output
            let shown = try PrometheusClient(dump)
            #expect(shown.samples.map(\.name) == read.samples.map(\.name))
            #expect(shown.samples.map(\.labels) == read.samples.map(\.labels))
            #expect(shown.samples.filter { $0.labels == cluster } == read.samples.filter { $0.labels == cluster })
        }
    }
}
