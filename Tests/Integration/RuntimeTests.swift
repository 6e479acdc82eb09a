import Testing

/// Runtime values: a route for a share of the requests, a cluster in maintenance, and both over a hot restart.
@Suite struct RuntimeTests {
    private static func configuration(_ upstream: UInt16) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.routes = [
            "{ match: { prefix: /, runtime_fraction: { default_value: { numerator: 0 }, runtime_key: canary } }, "
                + "direct_response: { status: 200, body: { inline_string: canary } } }",
            "{ match: { prefix: / }, route: { cluster: service } }",
        ]
        configuration.top = [
            "layered_runtime: { layers: [{ name: base, static_layer: { canary: 0 } }, { name: admin, admin_layer: {} }] }"
        ]
        return configuration
    }

    @Test func overridesActAtOnceAndLastOverARestart() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Self.configuration(upstream.port), flags)
            let live = try parent.client()
            #expect(try live.get("/").text != "canary")
            #expect(try parent.admin("/runtime_modify?canary=100", method: "POST").text == "OK\n")
            #expect(try live.get("/").text == "canary")
            let child = try bed.proxy(Self.configuration(upstream.port), flags)
            #expect(try live.get("/").text == "canary", "the connection has moved")
            for _ in 0..<20 { #expect(try child.client().get("/").text == "canary") }
            #expect(try child.stats("runtime")["runtime.admin_overrides_active"] == 1)
            #expect(try child.admin("/runtime").text.contains("\"final_value\": \"100\""))
            #expect(try child.admin("/runtime_modify?canary=", method: "POST").text == "OK\n")
            #expect(try live.get("/").text != "canary")
        }
    }

    @Test func aShareIsAShare() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            #expect(try proxy.admin("/runtime_modify?canary=30", method: "POST").text == "OK\n")
            let client = try proxy.client()
            let hits = try (0..<1000).count { _ in try client.get("/").text == "canary" }
            // Six standard deviations of a binomial distribution with n = 1 000 and p = 0.3 are 87.
            #expect((213...387).contains(hits))
        }
    }

    /// `upstream.maintenance_mode.<cluster>`, as Envoy's router answers it.
    @Test func aClusterInMaintenance() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            let client = try proxy.client()
            #expect(
                try proxy.admin("/runtime_modify?upstream.maintenance_mode.service=100", method: "POST").text == "OK\n")
            let answer = try client.get("/")
            #expect(answer.status == 503 && answer.text == "maintenance mode")
            #expect(answer["x-envoy-overloaded"] == "true")
            #expect(try proxy.stats("maintenance")["cluster.service.upstream_rq_maintenance_mode"] == 1)
            #expect(
                try proxy.admin("/runtime_modify?upstream.maintenance_mode.service=", method: "POST").text == "OK\n")
            #expect(try client.get("/").status == 200)
        }
    }
}
