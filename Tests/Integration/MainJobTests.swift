import Glibc
import Testing

/// What the project is for: a second process takes over, the first one ends, and the stats go on counting.
@Suite struct MainJobTests {
    @Test func aSecondProcessTakesOver() throws {
        try withBed { bed in
            let (v1, v2) = (try bed.upstream("v1"), try bed.upstream("v2"))
            let socket = ["--hot-restart-file", bed.path("restart.sock")]
            let first = try bed.proxy(Configuration(v1.port, cluster: "some_service"), socket)
            let port = try first.port
            let before = try Client(port: port).get("/")
            #expect(before.status == 200)
            #expect(before.text == v1.hello)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 1)

            let second = try bed.proxy(Configuration(v2.port, cluster: "some_service_v2"), socket)
            #expect(try second.port == port)
            #expect(try Client(port: port).get("/").text == v2.hello)
            #expect(try first.process.terminate() == .exit(0))
            #expect(try Client(port: port).get("/").text == v2.hello)

            let stats = try bed.statdump()
            #expect(stats["http.ingress_http.downstream_rq_total"] == 3)
            #expect(stats["cluster.some_service.upstream_rq_200"] == 1)
            #expect(stats["cluster.some_service_v2.upstream_rq_200"] == 2)
            #expect(stats["server.hot_restart_epoch"] == 1)
            #expect(stats["server.hot_restart_generation"] == 2)
            #expect(stats["server.live"] == 1)
            #expect(try second.process.terminate() == .exit(0))
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 3)
        }
    }

    @Test func statdumpShowsWhatWasCounted() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            _ = try proxy.client().get("/status/503")
            #expect(try proxy.process.terminate() == .exit(0))

            let id = ["--base-id", "\(bed.baseID)"]
            let text = try bed.output("statdump", id + ["^cluster\\.service\\.upstream_rq_503$"])
            #expect(text.output == "cluster.service.upstream_rq_503: 1\n")
            #expect(text.ending == .exit(0))
            let json = try bed.output("statdump", id + ["--format", "json", "upstream_rq_503"]).output
            #expect(json.contains(#"{"name":"cluster.service.upstream_rq_503","value":1}"#))
            let labels = #"{envoy_response_code="503",envoy_cluster_name="service"} 1"#
            let prometheus = try bed.output("statdump", id + ["--format", "prometheus", "upstream_rq_503"]).output
            #expect(prometheus.contains("# TYPE envoy_cluster_upstream_rq counter\n"))
            #expect(prometheus.contains("envoy_cluster_upstream_rq\(labels)\n"))
        }
    }

    @Test func statdumpListsRegionsAndTheirProcesses() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let live = try bed.output("statdump", ["--list"])
            #expect(live.output.contains("\(bed.baseID)\tpid \(proxy.process.pid) epoch 0 serving\tlive\t"))
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(try bed.output("statdump", ["--list"]).output.contains("\(bed.baseID)\tno live process\tleft over\t"))
        }
    }

    @Test func statdumpSaysThatThereIsNoRegion() throws {
        try withBed { bed in
            let (output, errors, ending) = try bed.output("statdump", ["--base-id", "\(bed.baseID)"])
            #expect(output.isEmpty)
            #expect(errors.hasPrefix("statdump: no stats for base id \(bed.baseID); there "))
            #expect(errors.hasSuffix("\n") && errors.split(separator: "\n").count == 1)
            #expect(ending == .exit(2))
        }
    }
}
