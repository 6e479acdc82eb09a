import Testing

/// `/healthcheck/fail`, as Envoy does it: the process serves on, and tells whoever asks to go elsewhere.
@Suite struct HealthCheckFailTests {
    @Test func itLastsOverARestartUntilItIsTakenBack() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            #expect(try parent.admin("/healthcheck/fail").status == 405)
            #expect(try parent.admin("/ready").status == 200)
            #expect(try parent.admin("/healthcheck/fail", method: "POST").text == "OK\n")
            try Self.expectFailing(parent)
            let child = try bed.proxy(Configuration(upstream.port), flags)
            try Self.expectFailing(child)
            #expect(try child.admin("/healthcheck/ok", method: "POST").text == "OK\n")
            try waitUntil("the workers know it") { try !child.client().get("/").closes }
            let ready = try child.admin("/ready")
            #expect(ready.status == 200)
            #expect(ready.text == "LIVE\n")
            #expect(try child.stats("server.live")["server.live"] == 1)
        }
    }

    private static func expectFailing(_ proxy: Proxy) throws {
        let ready = try proxy.admin("/ready")
        #expect(ready.status == 503)
        #expect(ready.text == "DRAINING\n")
        let stats = try proxy.stats("^server.(live|state)$")
        #expect(stats["server.live"] == 0)
        #expect(stats["server.state"] == 1)
        #expect(try proxy.admin("/server_info").text.contains("\"state\": \"DRAINING\""))
        try waitUntil("responses ask their clients to go away") {
            let answer = try proxy.client().get("/")
            return answer.status == 200 && answer.closes
        }
    }
}
