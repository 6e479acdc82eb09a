import HotRestart
import ProxyConfig
import Testing

@testable import Proxy
@testable import Stats

/// Whatever stands in names, values and requests: an answer's head is ours, its one HTML page is ours, JSON is JSON, and a line
/// of text is one line.
@Suite("What names and requests can do to the admin listener's answers")
struct InjectionTests {
    static let texts = [
        "<script>alert(1)</script>", "a\"b'c\\d`", "x\r\nset-cookie: a=1\r\n\r\n<b>", "line\nother::line: 1",
        "nul\0nul",
        "esc\u{1b}[31m\u{7f}", "c1\u{9b}2J\u{85}", "é☃\u{202e}", "%0d%0ax:%20y", "*/--><!--", "{{1}}${2}", "\t",
    ]

    /// All that can be named has this name.
    private static func context(_ text: String) -> FakeContext {
        let context = FakeContext()
        context.addCluster()
        context.clusters[0].cluster.name = text
        context.clusters[0].cluster.altStatName = text
        context.clusters[0].hosts[1].hostname = text
        context.openListeners = [(text, [address("127.0.0.1", 80)])]
        if let pipe = SocketAddress.make(.pipe(path: "/" + text)) { context.openListeners.append((text, [pipe])) }
        context.node.id = text
        context.node.cluster = text
        context.options.configPath = text
        context.options.configYAML = text
        context.lastHotRestart = LastHotRestart(
            result: .aborted, pid: 1, atSeconds: 1, report: HandOverReport(moved: 0, kept: 0), text: text)
        context.count("cluster.\(text).upstream_rq_total", 3)
        context.record("http.\(text).downstream_rq_time", 5)
        do throws(Runtime.ModifyError) { try context.runtime.modify([(text, text)]) } catch { Issue.record("\(error)") }
        return context
    }

    private static let targets =
        AdminEndpoints.all.filter { !$0.isMutating }.map(\.path) + [
            "/stats?format=json", "/stats?format=prometheus", "/stats?histogram_buckets=detailed",
            "/clusters?format=json",
            "/listeners?format=json",
        ]

    @Test("Heads", arguments: texts)
    func heads(text: String) {
        let context = Self.context(text)
        let asked = [text, "/" + text, "/stats?filter=\(text)", "/stats?format=\(text)", "/stats?type=(\(text)"]
        for target in Self.targets + asked + EndpointsTests.postOnly {
            let answer = context.get(target)
            let bytes = answer.encoded(minorVersion: 1, isHead: false, closes: true, date: "DATE")
            let message = String(decoding: bytes, as: UTF8.self)
            let head =
                "HTTP/1.1 \(answer.status) \(StatusText.reason(answer.status))\r\n"
                + "content-type: \(answer.content.rawValue)\r\ncache-control: no-cache, max-age=0\r\n"
                + "x-content-type-options: nosniff\r\ndate: DATE\r\nserver: envoy\r\nconnection: close\r\n"
                + "transfer-encoding: chunked\r\n\r\n"
            #expect(message.utf8.starts(with: head.utf8), "\(target)")
        }
    }

    @Test("The home page depends on nothing but the node, and only what is one is HTML", arguments: texts)
    func page(text: String) {
        let context = Self.context(text)
        let bare = FakeContext()
        bare.node = context.node
        let page = bare.get("/")
        #expect(context.get("/") == page)
        #expect(context.get("/?\(text)") == page)
        for target in Self.targets + [text, "/" + text, "/stats?format=\(text)"]
        where target != "/" {
            #expect(context.get(target).content != .html || target == text && text == "/", "\(target)")
        }
        let open = page.body.split(separator: "&").dropFirst()
        let escapes = ["amp;", "lt;", "gt;", "quot;", "#39;"]
        #expect(open.allSatisfy { part in escapes.contains { part.hasPrefix($0) } })
    }

    @Test("JSON is JSON, and says the names as they are", arguments: texts)
    func json(text: String) throws {
        let context = Self.context(text)
        func parsed(_ target: String) throws -> JSONValue {
            let answer = context.get(target)
            #expect(answer.content == .json)
            #expect(answer.body.unicodeScalars.allSatisfy { $0 == "\n" || !ControlCharacters.has($0) })
            return try JSONValue(Array(answer.body.utf8))
        }
        #expect(try parsed("/clusters?format=json")["cluster_statuses"]?.array?.first?["name"]?.string == text)
        #expect(try parsed("/listeners?format=json")["listener_statuses"]?.array?.first?["name"]?.string == text)
        #expect(try parsed("/runtime")["entries"]?[text]?["final_value"]?.string == text)
        #expect(try parsed("/server_info")["node"]?["id"]?.string == text)
        #expect(try parsed("/hot_restart")["text"]?.string == text)
        let names = try parsed("/stats?format=json")["stats"]?.array?.compactMap { $0["name"]?.string }
        #expect(names?.contains("cluster.\(text).upstream_rq_total") == true)
    }

    /// Names that hold the separators of a format cannot be helped, but they can add no line.
    @Test("A line of text is one line", arguments: texts)
    func lines(text: String) {
        let harmless = Self.context("name")
        let context = Self.context(text)
        for target in ["/stats", "/clusters", "/stats?filter=upstream", "/stats?histogram_buckets=disjoint"] {
            let body = context.get(target).body
            let expected = harmless.get(target).body
            #expect(body.split(separator: "\n").count == expected.split(separator: "\n").count, "\(target)")
            #expect(body.unicodeScalars.allSatisfy { $0 == "\n" || !ControlCharacters.has($0) }, "\(target)")
        }
        #expect(context.get("/listeners").body.split(separator: "\n").count == context.openListeners.count)
        let refused = context.get("/stats?filter=(\(text.replacing("&", with: "")))(")
        #expect(refused.status == 400 && refused.content == .text)
        #expect(refused.body.unicodeScalars.allSatisfy { !ControlCharacters.has($0) })
    }

    @Test("Prometheus' lines are lines", arguments: texts)
    func prometheus(text: String) {
        let body = Self.context(text).get("/stats/prometheus?filter=upstream_rq_total").body
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count(where: { $0.hasPrefix("envoy_") }) == 1 && lines.count <= 4, "\(body)")
        #expect(body.unicodeScalars.allSatisfy { $0 == "\n" || !ControlCharacters.has($0) })
        // A quote inside of a label has a backslash before it, so the last one ends it.
        #expect(lines.contains { $0.hasSuffix("\"} 3") })
    }

    @Test(
        "Requests that are none are refused, whatever they name",
        arguments: [
            "GET /a\r\n\u{0}b HTTP/1.1\r\nhost: a\r\n\r\n", "GET /\u{0} HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\u{0}\r\n\r\n", "GET / HTTP/1.1\r\nhost: <b>\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n", "<GET> / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /a\u{7f} HTTP/1.1\r\nhost: a\r\n\r\n",
        ])
    func refused(request: String) throws {
        let client = try AdminClient()
        client.send(request)
        #expect(client.answers() == answer("400 Bad Request", "Bad Request", closes: true))
    }

    @Test(
        "Others are answered and not repeated",
        arguments: [
            "/<script>alert(1)</script>", "/\"'`", "/%0d%0aset-cookie:%20a=1", "/%00", "/é", "/stats?format=<b>",
            "/stats?%0d%0ax:%20y=1&type=%0d%0ax:%20y", "/clusters/..%2f<i>",
        ])
    func answered(target: String) throws {
        let client = try AdminClient()
        client.send(
            "GET \(target) HTTP/1.1\r\nhost: a\r\nuser-agent: <script>\"\t\u{9b}é\r\nreferer: http://<b>\r\n\r\n")
        let text = client.answers()
        #expect(
            text.hasPrefix("HTTP/1.1 404 Not Found\r\n") || text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"), "\(text)")
        for part in ["script", "cookie", "x: y", "<b>", "<i>", "`", "é"] { #expect(!text.contains(part), "\(text)") }
        #expect(text.contains("\r\ncontent-type: text/plain; charset=UTF-8\r\n"))
        #expect(text.contains("\r\nx-content-type-options: nosniff\r\n"))
    }
}
