import Testing

@testable import Stats

/// Envoy's default tags: the name without them and the labels, in Envoy's order.
struct TagTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var full: String
        var name: String
        var labels: String
        init(_ full: String, _ name: String, _ labels: String) {
            self.full = full
            self.name = name
            self.labels = labels
        }
        var testDescription: String { full }
    }

    static let cases = [
        Case(
            "cluster.a.upstream_rq_200", "cluster.upstream_rq",
            #"envoy_response_code="200",envoy_cluster_name="a""#),
        Case(
            "cluster.a.upstream_rq_2xx", "cluster.upstream_rq_xx",
            #"envoy_response_code_class="2",envoy_cluster_name="a""#),
        Case("cluster.a.upstream_rq_total", "cluster.upstream_rq_total", #"envoy_cluster_name="a""#),
        Case(
            "cluster.a.external.upstream_rq_503", "cluster.external.upstream_rq",
            #"envoy_response_code="503",envoy_cluster_name="a""#),
        Case(
            "cluster.a.circuit_breakers.default.cx_open", "cluster.circuit_breakers.default.cx_open",
            #"envoy_cluster_name="a""#),
        Case("cluster.a-b_c.d", "cluster.d", #"envoy_cluster_name="a-b_c""#),
        Case("cluster.a", "cluster.a", ""),
        Case("cluster..a", "cluster..a", ""),
        Case("cluster_manager.cluster_added", "cluster_manager.cluster_added", ""),
        Case(
            "http.ingress_http.downstream_cx_total", "http.downstream_cx_total",
            #"envoy_http_conn_manager_prefix="ingress_http""#),
        Case(
            "http.ingress_http.downstream_rq_5xx", "http.downstream_rq_xx",
            #"envoy_response_code_class="5",envoy_http_conn_manager_prefix="ingress_http""#),
        Case(
            "listener.127.0.0.1_19100.downstream_cx_total", "listener.downstream_cx_total",
            #"envoy_listener_address="127.0.0.1_19100""#),
        Case(
            "listener.127.0.0.1_19100.worker_0.downstream_cx_total", "listener.worker.downstream_cx_total",
            #"envoy_worker_id="0",envoy_listener_address="127.0.0.1_19100""#),
        Case(
            "listener.127.0.0.1_19100.worker_12.downstream_cx_total", "listener.worker.downstream_cx_total",
            #"envoy_worker_id="12",envoy_listener_address="127.0.0.1_19100""#),
        Case(
            "listener.127.0.0.1_19100.http.ingress_http.downstream_rq_2xx", "listener.http.downstream_rq_xx",
            #"envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress_http","#
                + #"envoy_listener_address="127.0.0.1_19100""#),
        Case(
            "listener.[__1]_19100.downstream_cx_total", "listener.downstream_cx_total",
            #"envoy_listener_address="[__1]_19100""#),
        Case(
            "listener.admin.http.admin.downstream_rq_2xx", "listener.admin.http.downstream_rq_xx",
            #"envoy_response_code_class="2",envoy_http_conn_manager_prefix="admin""#),
        Case("listener.admin.downstream_cx_total", "listener.admin.downstream_cx_total", ""),
        Case(
            "listener_manager.worker_3.dispatcher.loop", "listener_manager.dispatcher.loop",
            #"envoy_worker_id="worker_3""#),
        Case("listener_manager.listener_added", "listener_manager.listener_added", ""),
        Case("tcp.x.downstream_cx_total", "tcp.downstream_cx_total", #"envoy_tcp_prefix="x""#),
        Case("tcp.x.y.downstream_cx_total", "tcp.x.y.downstream_cx_total", ""),
        Case(
            "vhost.all.vcluster.other.upstream_rq_total", "vhost.vcluster.upstream_rq_total",
            #"envoy_virtual_cluster="other",envoy_virtual_host="all""#),
        Case("server.live", "server.live", ""),
        Case("x_rq_20", "x_rq_20", ""), Case("x_rq_2000", "x_rq_2000", ""), Case("x_rq_axx", "x_rq_axx", ""),
        Case("_rq_200", "_rq", #"envoy_response_code="200""#),
        Case("_rq_2xx", "_rq_xx", #"envoy_response_code_class="2""#),
        Case("listener.", "listener.", ""), Case("tcp..", "tcp..", ""), Case("x", "x", ""), Case("", "", ""),
    ]

    @Test(arguments: cases)
    func tagsAreExtracted(_ example: Case) {
        var stat = StatValue(name: example.full, kind: .counter)
        stat.tags = TagExtractor.tags(Array(example.full.utf8))
        let (name, labels) = StatsSnapshot.extracted(stat)
        #expect(name == example.name)
        #expect(labels == example.labels)
    }

    /// The spans stored in the region are those.
    @Test(arguments: cases.filter { !$0.full.isEmpty })
    func tagsAreStoredWithTheName(_ example: Case) throws {
        let bytes = NameRecord.encode(
            name: Array(example.full.utf8), kind: .gauge, unit: .bytes, gaugeImport: .neverImport,
            flags: .hiddenWhenZero, value: 77)
        #expect(bytes.count % 8 == 0)
        let decoded = try #require(bytes.withUnsafeBytes { NameRecord($0, headLength: 24) })
        #expect(decoded.name == example.full && decoded.kind == .gauge && decoded.unit == .bytes)
        #expect(decoded.gaugeImport == .neverImport && decoded.flags == .hiddenWhenZero && decoded.value == 77)
        #expect(decoded.tags == TagExtractor.tags(Array(example.full.utf8)))
    }

    /// Bytes of a record that another build, or chance, wrote: no record, or one without the bad tag; never a crash.
    @Test func anythingMayBeInARecord() {
        var random = SystemRandomNumberGenerator()
        let good = NameRecord.encode(
            name: Array("cluster.a.upstream_rq_200".utf8), kind: .counter, unit: .unspecified,
            gaugeImport: .accumulate, flags: [], value: 0)
        var refused = 0
        for round in 0..<20_000 {
            var bytes = good
            for _ in 0...Int.random(in: 0..<3) {
                // The length is the log's to check.
                bytes[Int.random(in: 4..<bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            if round % 3 == 0 { bytes.removeLast(Int.random(in: 0...bytes.count)) }
            let record = bytes.withUnsafeBytes { NameRecord($0, headLength: 24) }
            guard let record else {
                refused += 1
                continue
            }
            var stat = StatValue(name: record.name, kind: record.kind)
            stat.tags = record.tags
            _ = StatsSnapshot.extracted(stat)
        }
        #expect(refused > 100 && refused < 20_000)
    }
}
