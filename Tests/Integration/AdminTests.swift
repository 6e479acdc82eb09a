import Glibc
import Synchronization
import Testing

/// The admin listener: what it shows, what it does, and where it lives over a restart.
@Suite struct AdminTests {
    @Test func itShowsTheServer() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let ready = try proxy.admin("/ready")
            #expect(ready.status == 200)
            #expect(ready.text == "LIVE\n")
            #expect(try proxy.admin("/listeners").text == "listener_0::127.0.0.1:\(proxy.port)\n")
            let clusters = try proxy.admin("/clusters").text
            #expect(clusters.contains("service::127.0.0.1:\(upstream.port)::health_flags::healthy\n"))
            #expect(try proxy.admin("/clusters?format=json").text.contains(#""port_value": \#(upstream.port)"#))
            #expect(try proxy.admin("/server_info").text.contains(#""state": "LIVE""#))
            let version = try bed.output("envoyd", ["--hot-restart-version"]).output
            #expect(try proxy.admin("/hot_restart_version").text + "\n" == version)
            #expect(try proxy.admin("/nothing").status == 404)
            #expect(try proxy.admin("/quitquitquit").status == 405)
        }
    }

    @Test func statsAreFiltered() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            _ = try proxy.client().get("/")
            let one = try proxy.admin("/stats?filter=^http\\.ingress_http\\.downstream_rq_(total|2xx)$")
            #expect(one.text == "http.ingress_http.downstream_rq_2xx: 1\nhttp.ingress_http.downstream_rq_total: 1\n")
            let encoded = try proxy.admin("/stats?usedonly&filter=%5Ecluster%5C.service%5C.upstream_rq_200%24")
            #expect(encoded.text == "cluster.service.upstream_rq_200: 1\n")
            let json = try proxy.admin("/stats?format=json&filter=upstream_rq_200$")
            #expect(json.text.contains(#"{"name":"cluster.service.upstream_rq_200","value":1}"#))
            #expect(try proxy.admin("/stats?filter=(").status == 400)
            #expect(try proxy.admin("/stats?format=other").status == 400)

            let prometheus = try proxy.admin("/stats/prometheus")
            let lines = prometheus.text.split(separator: "\n").map(String.init)
            #expect(lines.contains("# TYPE envoy_http_downstream_rq_total counter"))
            #expect(lines.contains(#"envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="ingress_http"} 1"#))
            let labels = #"envoy_response_code="200",envoy_cluster_name="service""#
            #expect(lines.contains("envoy_cluster_upstream_rq{\(labels)} 1"))
            for line in lines where !line.hasPrefix("#") {
                #expect(line.contains("{") && line.split(separator: " ").last.flatMap { Double($0) } != nil, "\(line)")
            }
        }
    }

    @Test func drainListenersStopsThem() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), ["--drain-strategy", "immediate"])
            let port = try proxy.port
            let client = try Client(port: port)
            #expect(try client.get("/").status == 200)
            #expect(try proxy.admin("/drain_listeners", method: "POST").text == "OK\n")
            try waitUntil("nobody listens any more") { Client.isRefused(port: port) }
            // What is connected is served, and asked to go.
            let last = try client.get("/")
            #expect(last.status == 200)
            #expect(last["connection"] == "close")
            #expect(try proxy.admin("/ready").status == 503)
            #expect(proxy.process.isRunning)
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    @Test func quitquitquitEndsTheProcess() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            _ = try proxy.client().get("/")
            #expect(try proxy.admin("/quitquitquit", method: "POST").text == "OK\n")
            #expect(try proxy.process.waitForEnd() == .exit(0))
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 1)
        }
    }

    @Test func itMovesWithTheRestartAndComesBack() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let admin = try parent.adminPort
            func epoch() throws -> UInt64? { try parent.stats("hot_restart_epoch")["server.hot_restart_epoch"] }
            #expect(try epoch() == 0)
            let child = try bed.proxy(Configuration(upstream.port), flags)
            #expect(try child.adminPort == admin)
            try waitUntil("the child answers") { try epoch() == 1 }
            #expect(try parent.admin("/ready").text == "LIVE\n")
            try child.process.kill9()
            try waitUntil("the parent answers") {
                do { return try epoch() == 0 } catch { return false }
            }
            #expect(try parent.admin("/ready").text == "LIVE\n")
            #expect(try parent.process.terminate() == .exit(0))
        }
    }

    @Test func askingWithoutAPauseFailsInNoRestart() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var proxy = try bed.proxy(Configuration(upstream.port), flags)
            let load = Load(port: try proxy.adminPort, connections: 2, path: "/ready", fields: ["connection: close"])
            for _ in 0..<8 {
                try load.waitForResponses(30)
                proxy = try bed.proxy(Configuration(upstream.port), flags)
            }
            let tally = load.stop()
            #expect(tally.errors == [])
            #expect(tally.responses == [200: tally.total])
        }
    }
}
