import Glibc
import Testing

/// What is counted for virtual clusters and for routes with a `stat_prefix` where Tests/EnvoyCases cannot look: routes that change, hot
/// restarts, access logs.
@Suite struct RequestClassTests {
    private static func cluster(_ name: String) -> String {
        "{ name: \(name), headers: [{ name: \":path\", string_match: { prefix: /\(name) } }] }"
    }

    private static func routes(_ clusters: String..., statPrefix: String) -> String {
        "{ name: site, domains: [\"*\"], virtual_clusters: [\(clusters.map(cluster).joined(separator: ", "))], "
            + "routes: [{ match: { prefix: / }, route: { cluster: service }, stat_prefix: \(statPrefix) }] }"
    }

    private static func file(_ host: String) -> String {
        DiscoveryScene.response(
            "v",
            "{ \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: rc, virtual_hosts: [\(host)] }"
        )
    }

    private static func configuration(_ port: UInt16, _ host: String) -> Configuration {
        var configuration = Configuration(port)
        configuration.hosts = [host.replacing("domains: [\"*\"]", with: "domains: [test]")]
        return configuration
    }

    /// Names that come again count where they did, and there is room for any number of them.
    @Test func routesThatChange() throws {
        try withBed { bed in
            let file = try bed.file("rds.yaml", Self.file(Self.routes("a", statPrefix: "first")))
            var configuration = Configuration(try bed.upstream().port)
            configuration.routeFile = file
            let proxy = try bed.proxy(configuration, concurrency: 2)
            let client = try proxy.client()
            #expect(try client.get("/a").status == 200)
            for round in 1...20 {
                try DiscoveryScene.replace(file, Self.file(Self.routes("a", "b\(round)", statPrefix: "r\(round)")))
                try waitUntil("the routes are used") {
                    try proxy.stats("config_reload")["http.ingress_http.rds.rc.config_reload"] == UInt64(round + 1)
                }
                #expect(try client.get("/b\(round)").status == 200)
            }
            #expect(try client.get("/a").status == 200)
            let stats = try proxy.stats("vhost")
            #expect(stats["vhost.site.vcluster.a.upstream_rq_200"] == 2)
            #expect(stats["vhost.site.vcluster.other.upstream_rq_total"] == 0)
            #expect(stats["vhost.site.route.first.upstream_rq_total"] == 1)
            for round in 1...20 {
                #expect(stats["vhost.site.vcluster.b\(round).upstream_rq_completed"] == 1)
                #expect(stats["vhost.site.route.r\(round).upstream_rq_2xx"] == (round == 20 ? 2 : 1))
            }
        }
    }

    /// A request that is under way counts for what it was, whether or not the new configuration has that.
    @Test(arguments: [true, false]) func restarts(isKnown: Bool) throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let before = Self.configuration(upstream.port, Self.routes("a", statPrefix: "r"))
            let after = isKnown ? before : Self.configuration(upstream.port, Self.routes("b", statPrefix: "s"))
            let old = try bed.proxy(before, flags)
            let client = try old.client()
            try client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.request()
            _ = try bed.proxy(after, flags)
            #expect(try old.process.terminate() == .exit(0))
            #expect(try bed.statdump()["vhost.site.route.r.upstream_rq_total"] == 1)
            try served.send("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            #expect(try client.response().status == 404)
            let stats = try bed.statdump()
            for part in ["vcluster.a", "route.r"] {
                #expect(stats["vhost.site.\(part).upstream_rq_total"] == 1)
                #expect(stats["vhost.site.\(part).upstream_rq_404"] == 1)
                #expect(stats["vhost.site.\(part).upstream_rq_4xx"] == 1)
                #expect(stats["vhost.site.\(part).upstream_rq_completed"] == 1)
            }
        }
    }

    @Test func theyAreLogged() throws {
        try withBed { bed in
            let path = bed.freshPath("access.log")
            var configuration = Self.configuration(try bed.upstream().port, Self.routes("a", statPrefix: "r"))
            configuration.manager = [
                "access_log:", "- name: text", "  typed_config:",
                "    \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "    path: \(path)",
                "    log_format: { text_format_source: { inline_string: \"%REQ(:PATH)% %VIRTUAL_CLUSTER_NAME%\\n\" } }",
            ]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            for target in ["/a", "/b"] { #expect(try client.get(target).status == 200) }
            try client.send("GET /c HTTP/1.1\r\nhost: elsewhere\r\n\r\n")
            #expect(try client.response().status == 200)
            try waitUntil("the lines are there") { LogFiles.lines(path).count == 3 }
            #expect(LogFiles.lines(path) == ["/a a", "/b other", "/c -"])
        }
    }
}
