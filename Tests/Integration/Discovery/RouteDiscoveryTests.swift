import Glibc
import Testing
import ThreadTesting

/// RDS from files, from outside.
@Suite struct RouteDiscoveryTests {
    private static let prefix = "http.ingress_http.rds.rc."

    private static func stats(_ proxy: Proxy) throws -> [String: Int] {
        let stats = try proxy.stats("rds")
        let names = [
            "config_reload", "update_attempt", "update_success", "update_failure", "update_rejected", "update_empty",
        ]
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in stats[prefix + name].map { (name, Int($0)) } })
    }

    private static func proxy(_ bed: Bed, _ file: String, _ filters: [String] = [], _ flags: [String] = []) throws
        -> Proxy
    {
        var configuration = Configuration(1)
        configuration.routeFile = file
        configuration.filters = filters
        return try bed.proxy(configuration, flags)
    }

    @Test func newRoutesAreUsedAndLiveConnectionsStay() throws {
        try withBed { bed in
            let file = try bed.file("rds.yaml", DiscoveryScene.routes(DiscoveryScene.says("one"), version: "1"))
            let proxy = try Self.proxy(bed, file)
            let live = try proxy.client()
            #expect(try live.get("/").text == "one")
            try DiscoveryScene.replace(
                file,
                DiscoveryScene.routes(
                    DiscoveryScene.says("special", prefix: "/s"), DiscoveryScene.says("two"), version: "2"))
            try waitUntil("the new routes are used") { try live.get("/").text == "two" }
            #expect(try live.get("/s").text == "special")
            for _ in 0..<10 { #expect(try proxy.client().get("/").text == "two") }
            #expect(
                try Self.stats(proxy) == [
                    "config_reload": 2, "update_attempt": 2, "update_success": 2, "update_failure": 0,
                    "update_rejected": 0, "update_empty": 0,
                ])
            #expect(try proxy.admin("/stats?filter=version_text").text == "\(Self.prefix)version_text: \"2\"\n")
            // The same once more, with another version: nothing to reload.
            try DiscoveryScene.replace(
                file,
                DiscoveryScene.routes(
                    DiscoveryScene.says("special", prefix: "/s"), DiscoveryScene.says("two"), version: "3"))
            try waitUntil("it is taken") { try Self.stats(proxy)["update_success"] == 3 }
            #expect(try Self.stats(proxy)["config_reload"] == 2)
        }
    }

    @Test func whatIsWrongChangesNothing() throws {
        try withBed { bed in
            let file = try bed.file("rds.yaml", DiscoveryScene.routes(DiscoveryScene.says("one")))
            let limit = FilterScene.limit("p", most: 100)
            let proxy = try Self.proxy(bed, file, [limit])
            let live = try proxy.client()
            let good = DiscoveryScene.routes(DiscoveryScene.says("two"))
            let cors = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy"
            for (text, kind, line) in [
                ("resources: [", "update_failure", "\(file):2:1: YAML syntax"),
                (good.replacing("name: rc", with: "name: other"), "update_rejected", "no RouteConfiguration \"rc\""),
                (good.replacing("status", with: "state"), "update_rejected", "direct_response.state: unknown field"),
                (
                    DiscoveryScene.routes(
                        DiscoveryScene.says(
                            "two", ", typed_per_filter_config: { limit: { \"@type\": \(cors) } }")),
                    "update_rejected", "and this is of the kind cors"
                ),
                ("resources: []", "update_empty", ""),
            ] {
                let before = try Self.stats(proxy)
                try DiscoveryScene.replace(file, text)
                try waitUntil("\(kind) is counted") {
                    try Self.stats(proxy)[kind, default: 0] == before[kind, default: 0] + 1
                }
                try waitUntil("\(line) is told: \(proxy.log)") {
                    line.isEmpty || proxy.log.contains("rds: ") && proxy.log.contains(line)
                }
                #expect(try live.get("/").text == "one")
            }
            try DiscoveryScene.replace(file, good)
            try waitUntil("what is right is used again") { try live.get("/").text == "two" }
        }
    }

    @Test func aClusterThatIsNotThereIsNotFound() throws {
        try withBed { bed in
            let upstream = try bed.upstream("one")
            let file = try bed.file(
                "rds.yaml", DiscoveryScene.routes("{ match: { prefix: / }, route: { cluster: nowhere } }"))
            var configuration = Configuration(upstream.port)
            configuration.routeFile = file
            let proxy = try bed.proxy(configuration)
            let live = try proxy.client()
            let answer = try live.get("/")
            #expect(answer.status == 503 && answer.text == "")
            #expect(try proxy.stats("no_cluster")["http.ingress_http.no_cluster"] == 1)
            try waitUntil("a warning: \(proxy.log)") {
                proxy.log.contains("cluster \"nowhere\" does not exist: requests to it get a 503")
            }
            try DiscoveryScene.replace(
                file, DiscoveryScene.routes("{ match: { prefix: / }, route: { cluster: service, priority: HIGH } }"))
            try waitUntil("the cluster is asked") { try live.get("/").text == upstream.hello }
        }
    }

    /// A request that waits when the routes change goes on with the new ones, as in a hot restart, and buckets keep their level.
    @Test func whatWaitsGoesOnAndRateLimitsStay() throws {
        try withBed { bed in
            let always = "type.googleapis.com/envoy.extensions.filters.http"
            func routes(_ text: String) -> String {
                let fault =
                    "fault: { \"@type\": \(always).fault.v3.HTTPFault, delay: { fixed_delay: 1s, "
                    + "percentage: { numerator: 100 } } }"
                let limit =
                    "limit: { \"@type\": \(always).local_ratelimit.v3.LocalRateLimit, stat_prefix: routed, "
                    + "token_bucket: { max_tokens: 2, fill_interval: 36000s }, "
                    + "filter_enabled: { \(FilterScene.always) }, filter_enforced: { \(FilterScene.always) } }"
                return DiscoveryScene.routes(
                    DiscoveryScene.says(text, prefix: "/slow", ", typed_per_filter_config: { \(fault) }"),
                    DiscoveryScene.says(text, prefix: "/limited", ", typed_per_filter_config: { \(limit) }"),
                    DiscoveryScene.says(text))
            }
            let file = try bed.file("rds.yaml", routes("one"))
            let proxy = try Self.proxy(bed, file, [FilterScene.faults, FilterScene.limit("p", most: 1000)])
            let waiting = try proxy.client()
            let live = try proxy.client()
            #expect(try live.get("/limited").text == "one")
            try waiting.send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n")
            try waitUntil("it waits") { try proxy.stats("active_faults")["http.ingress_http.fault.active_faults"] == 1 }
            try DiscoveryScene.replace(file, routes("two"))
            try waitUntil("the new routes are used") { try live.get("/").text == "two" }
            #expect(try waiting.receive(through: "two").contains("200 OK"))
            #expect(try live.get("/limited").text == "two")
            #expect(try live.get("/limited").status == 429)
            #expect(try proxy.stats("routed")["routed.http_local_rate_limit.rate_limited"] == 1)
        }
    }

    /// No request of several clients fails or sees anything but one of the two.
    @Test func manyChangesUnderLoadLoseNothing() throws {
        try withBed { bed in
            let upstream = try bed.upstream("one")
            func routes(_ i: Int) -> String {
                i % 2 == 0
                    ? DiscoveryScene.routes(
                        "{ match: { prefix: / }, route: { cluster: service, retry_policy: { retry_on: "
                            + "retriable-headers, retriable_headers: [{ name: x-a, present_match: true }] } } }")
                    : DiscoveryScene.routes(
                        DiscoveryScene.says(
                            "two", ", request_headers_to_add: [{ header: { key: a, value: \"\(i)\" } }]"))
            }
            let file = try bed.file("rds.yaml", routes(0))
            var configuration = Configuration(upstream.port)
            configuration.routeFile = file
            let proxy = try bed.proxy(configuration)
            let callers = Callers(port: try proxy.port, count: 4)
            let live = try proxy.client()
            for i in 1...60 {
                let reloads = try Self.stats(proxy)["config_reload"] ?? 0
                try DiscoveryScene.replace(file, routes(i))
                try waitUntil("change \(i)") { try Self.stats(proxy)["config_reload"] ?? 0 > reloads }
                #expect(try live.get("/").text == (i % 2 == 0 ? upstream.hello : "two"))
            }
            try callers.waitForAnswers(20)
            let tally = callers.stop()
            #expect(tally.turnedAway == 0 && tally.waited == 0)
            #expect(Set(tally.answers.keys).isSubset(of: [upstream.hello, "two"]), "\(tally.answers)")
        }
    }

    /// The process that takes over reads the file as it is then; the other one looks again when it serves again.
    @Test func restartsReadWhatThereIs() throws {
        try withBed { bed in
            let file = try bed.file("rds.yaml", DiscoveryScene.routes(DiscoveryScene.says("one")))
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try Self.proxy(bed, file, [], flags)
            let live = try parent.client()
            #expect(try live.get("/").text == "one")
            let child = try Self.proxy(bed, file, [], flags)
            #expect(try live.get("/").text == "one")
            try DiscoveryScene.replace(file, DiscoveryScene.routes(DiscoveryScene.says("two")))
            try waitUntil("the child sees it") { try live.get("/").text == "two" }
            child.process.signal(SIGKILL)
            try child.process.waitForEnd()
            try waitUntil("the parent serves again, with the new routes") {
                (try? parent.client().get("/").text) == "two"
            }
        }
    }
}
