import CLinux
import Glibc
import PrometheusTesting
import Testing

/// Names of a configuration and bytes of requests that would like to be something else: a header, a line, HTML, JSON.
@Suite struct AdminInjectionTests {
    /// As YAML writes it; `decoded` is what it means.
    static let written = #""<script>\"'\\\r\nx-evil: 1\r\n\r\n<b>\e[31m\x9b2Jé""#
    static let decoded = "<script>\"'\\\r\nx-evil: 1\r\n\r\n<b>\u{1b}[31m\u{9b}2Jé"

    private static func configuration(_ upstream: UInt16) -> Configuration {
        var configuration = Configuration(upstream, cluster: written)
        configuration.listeners[0].name = written
        configuration.listeners.append(.init(name: "plain"))
        configuration.top = [
            "layered_runtime: { layers: [{ name: \(written), static_layer: { \(written): \(written) } }, "
                + "{ name: admin, admin_layer: {} }] }",
            "node: { id: \(written), cluster: \(written) }",
        ]
        return configuration
    }

    private static func controls(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.filter { $0 != "\n" && ($0.value < 0x20 || (0x7f..<0xa0).contains($0.value)) }
    }

    /// Python's parser, which is strict about control characters.
    private static func expectJSON(_ bed: Bed, _ response: Response, says name: String) throws {
        #expect(response["content-type"] == "application/json")
        #expect(controls(response.text) == [])
        let (body, wanted) = (try bed.file("json", response.text), try bed.file("name", name))
        let script =
            "import json, sys; text = open(sys.argv[1], encoding='utf-8', newline='').read(); "
            + "name = open(sys.argv[2], encoding='utf-8', newline='').read(); "
            + "found = lambda v: v == name or name in str(v) if isinstance(v, str) else "
            + "any(map(found, v.values())) if isinstance(v, dict) else any(map(found, v)) if isinstance(v, list) else False; "
            + "print(found(json.loads(text)))"
        #expect(try Command.output("/usr/bin/python3", ["-c", script, body, wanted]) == "True\n")
    }

    @Test func namesStayNames() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            #expect(try Client(port: proxy.port(of: "plain")).get("/").status == 200)
            for path in ["/", "/stats", "/clusters", "/listeners", "/stats/prometheus", "/help", "/ready"] {
                let response = try proxy.admin(path)
                #expect(
                    response.status == 200 && !response.has("x-evil") && Self.controls(response.text) == [], "\(path)")
                #expect(response["x-content-type-options"] == "nosniff")
                #expect(response["content-type"] == "\(path == "/" ? "text/html" : "text/plain"); charset=UTF-8")
                #expect(
                    !response.text.split(separator: "\n").contains { $0.hasPrefix("x-evil") || $0.hasPrefix("<b>") })
            }
            #expect(!(try proxy.admin("/").text.contains("<script")))
            for path in [
                "/stats?format=json", "/clusters?format=json", "/listeners?format=json", "/runtime", "/server_info",
            ] {
                // In names of stats a colon is an underscore, as in Envoy.
                let name = path.hasPrefix("/stats") ? Self.decoded.replacing(":", with: "_") : Self.decoded
                try Self.expectJSON(bed, try proxy.admin(path), says: name)
            }
            let read = try PrometheusClient(try proxy.admin("/stats/prometheus").text)
            #expect(
                read.samples.contains { $0.name == "envoy_cluster_upstream_rq_total" && $0.value == 1 }, "with a label")
            // What is logged of them, and what a reader of the region sees.
            #expect(Self.controls(proxy.log) == [])
            let dump = try bed.output("statdump", ["--base-id", "\(bed.baseID)"])
            #expect(Self.controls(dump.output) == [] && dump.output.contains("<script>"))
            for line in proxy.log.split(separator: "\n") { #expect(line.hasPrefix("["), "\(line)") }
        }
    }

    /// Complaints about a configuration quote it.
    @Test func complaintsAreLines() throws {
        try withBed { bed in
            let text = Self.configuration(1).text.replacing(
                "cluster: \(Self.written) }", with: "cluster: \"no\\e[31m\\nx\" }")
            let (errors, ending) = try bed.failingProxy(text, [])
            #expect(ending == .exit(1))
            #expect(Self.controls(errors) == [], "\(errors)")
            for line in errors.split(separator: "\n") { #expect(line.hasPrefix("envoyd: "), "\(line)") }
        }
    }

    @Test func requestsAreNotRepeated() throws {
        try withBed { bed in
            let log = bed.path("admin.log")
            var configuration = Configuration(try bed.upstream().port)
            configuration.top = ["layered_runtime: { layers: [{ name: admin, admin_layer: {} }] }"]
            let text = configuration.text.replacing(
                "admin:\n", with: "admin:\n  access_log_path: \(log)\n")
            let proxy = try bed.startProxy(text)
            try bed.waitUntilServing(proxy)
            let targets = [
                "/<script>", "/\"'", "/%0d%0ax-evil:%201", "/%00", "/stats?filter=(%0d%0a<b>",
                "/stats?format=%0d%0ax-evil:1",
                "/stats?type=<script>", "/clusters?filter=(%1b[31m", "/quitquitquit?%0d%0a",
                "/?<script>alert(1)</script>",
                "/\u{9b}31m",
            ]
            for target in targets {
                let client = try Client(port: try proxy.adminPort)
                try client.send(
                    "GET \(target) HTTP/1.1\r\nhost: test\r\nuser-agent: <script>\"\t\u{9b}2J\u{85}\r\n"
                        + "connection: close\r\n\r\n")
                let response = try client.response()
                #expect([200, 400, 404, 405].contains(response.status), "\(target)")
                #expect(!response.has("x-evil") && Self.controls(response.text) == [], "\(target)")
                if response["content-type"]?.hasPrefix("text/html") == true {
                    #expect(!response.text.contains("<script"), "\(target)")
                } else {
                    #expect(
                        response["content-type"] == "text/plain; charset=UTF-8"
                            && response["x-content-type-options"] == "nosniff")
                }
            }
            for raw in [
                "GET /\r\n\0 HTTP/1.1", "GET /a\0b HTTP/1.1", "GET /\nx HTTP/1.1", "GET / HTTP/1.1\r\nhost: a\0b",
            ] {
                let client = try Client(port: try proxy.adminPort)
                try client.send(raw + "\r\nhost: test\r\n\r\n")
                #expect(try client.response().status == 400, "\(raw)")
            }
            // Keys and values of the runtime may be anything, and come back as they are.
            let key = "%3Cb%3E%22%0d%0a%00%1b%c2%9b"
            #expect(try proxy.admin("/runtime_modify?\(key)=\(key)", method: "POST").text == "OK\n")
            try Self.expectJSON(bed, try proxy.admin("/runtime"), says: "<b>\"\r\n\0\u{1b}\u{9b}")
            let lines = (Files.read(log) ?? "").split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(lines.count >= targets.count + 4 && lines.allSatisfy { $0.hasPrefix("[2") })
            for text in [Files.read(log) ?? "", proxy.log] { #expect(Self.controls(text) == [], "\(text)") }
            #expect(proxy.process.isRunning)
        }
    }

    /// The proxy's own answers and its access log, with the same bytes.
    @Test func proxiedRequestsAreNotRepeatedEither() throws {
        try withBed { bed in
            let logs = LogFiles(bed)
            var configuration = Configuration(try bed.upstream().port)
            configuration.routes = [
                "{ match: { prefix: /direct }, direct_response: { status: 200, body: { inline_string: ok } } }"
            ]
            configuration.manager = logs.lines
            let proxy = try bed.proxy(configuration, promptLogs)
            let targets = ["/direct/%0d%0ax-evil:%201", "/<script>", "/%00%1b[31m", "/direct?\"'`", "/none\"'"]
            for target in targets {
                let client = try proxy.client()
                try client.send(
                    "GET \(target) HTTP/1.1\r\nhost: test\r\nuser-agent: <b>\"\\\t\u{e9}\r\nx-request-id: \"><b>\r\n\r\n"
                )
                let response = try client.response()
                #expect(response.status == (target.hasPrefix("/direct") ? 200 : 404))
                let names = Set(response.fields.map(\.name))
                #expect(names.isSubset(of: ["content-length", "content-type", "date", "server"]), "\(names)")
                #expect(response.text == (response.status == 200 ? "ok" : ""))
            }
            for raw in [
                "GET /a\0b HTTP/1.1\r\nhost: test", "GET / HTTP/1.1\r\nhost: a\rb",
                "GET / HTTP/1.1\r\nhost: a\r\nx: \u{1b}[1m",
            ] {
                let client = try proxy.client()
                try client.send(raw + "\r\n\r\n")
                #expect(try client.response().status == 400)
            }
            try waitUntil("all is logged") { LogFiles.lines(logs.json).count == targets.count + 3 }
            let text = LogFiles.lines(logs.text)
            #expect(text.count == targets.count + 3 && text.allSatisfy { $0.hasPrefix("[2") })
            // A tab is what a field may have.
            #expect(text.allSatisfy { Self.controls($0).allSatisfy { $0 == "\t" } })
            for line in LogFiles.lines(logs.json) {
                #expect(Self.controls(line) == [])
                let file = try bed.file("line", line)
                _ = try Command.output(
                    "/usr/bin/python3", ["-c", "import json, sys; json.loads(open(sys.argv[1]).read())", file])
            }
        }
    }
}
