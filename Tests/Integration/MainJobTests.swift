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
}
