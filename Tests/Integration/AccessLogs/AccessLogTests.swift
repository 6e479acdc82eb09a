import CLinux
import Glibc
import Testing

/// What an access log says of requests and connections. Envoy 1.40 has written the same lines for the same configuration
/// and the same bytes, but for times, ids and ports.
@Suite struct AccessLogTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        /// The request's target; nil: `send` does all.
        var target: String?
        var send: String?
        /// Reads so many bytes of a body after the head and goes away.
        var leavesAfter: Int?
        var text: String
        var json: String
        var testDescription: String { name }

        init(
            _ name: String, _ target: String?, send: String? = nil, leavesAfter: Int? = nil, _ text: String,
            _ json: String
        ) {
            self.name = name
            self.target = target
            self.send = send
            self.leavesAfter = leavesAfter
            self.text = text
            self.json = json
        }
    }

    static let cases = [
        Case(
            "200", "/ok?q=1",
            #"[<time>] "GET /ok?q=1 HTTP/1.1" 200 - 0 14 <ms> <ms> "-" "UA/1" "<id>" "ex.com" "UP""#,
            #"{"bytes":[0,14],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/ok?q=1"},"#
                + #""response":{"code":200,"details":"via_upstream","flags":"-","server":"envoy"},"route":"route ok","#
                + #""upstream":{"attempts":1,"cluster":"service","failure":null}}"#),
        Case(
            "404", "/none",
            #"[<time>] "GET /none HTTP/1.1" 404 NR 0 0 <ms> - "-" "UA/1" "<id>" "ex.com" "-""#,
            #"{"bytes":[0,0],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/none"},"#
                + #""response":{"code":404,"details":"route_not_found","flags":"NoRouteFound","server":"envoy"},"#
                + #""route":"route -","upstream":{"attempts":0,"cluster":null,"failure":null}}"#),
        Case(
            "503 UF", "/dead",
            #"[<time>] "GET /dead HTTP/1.1" 503 UF 0 98 <ms> - "-" "UA/1" "<id>" "ex.com" "DEAD""#,
            #"{"bytes":[0,98],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/dead"},"#
                + #""response":{"code":503,"details":"upstream_reset_before_response_started{remote_connection_failure|"#
                + #"delayed_connect_error:_Connection_refused}","flags":"UpstreamConnectionFailure","server":"envoy"},"#
                + #""route":"route dead","upstream":{"attempts":1,"cluster":"dead","#
                + #""failure":"delayed_connect_error:_Connection_refused"}}"#),
        Case(
            "504 UT", "/hang",
            #"[<time>] "GET /hang HTTP/1.1" 504 UT 0 24 <ms> - "-" "UA/1" "<id>" "ex.com" "UP""#,
            #"{"bytes":[0,24],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/hang"},"#
                + #""response":{"code":504,"details":"response_timeout","flags":"UpstreamRequestTimeout","server":"envoy"},"#
                + #""route":"route slow","upstream":{"attempts":1,"cluster":"service","failure":null}}"#),
        Case(
            "DC in the response", "/part", leavesAfter: 5,
            #"[<time>] "GET /part HTTP/1.1" 200 DC 0 5 <ms> <ms> "-" "UA/1" "<id>" "ex.com" "OWN""#,
            #"{"bytes":[0,5],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/part"},"#
                + #""response":{"code":200,"details":"downstream_remote_disconnect","#
                + #""flags":"DownstreamConnectionTermination","server":"envoy"},"route":"route part","#
                + #""upstream":{"attempts":1,"cluster":"own","failure":null}}"#),
        Case(
            "DPE", nil, send: "GET /ok HTTP/1.1 foo\r\n\r\n",
            #"[<time>] "- - HTTP/1.1" 400 DPE 0 11 <ms> - "-" "-" "-" "-" "-""#,
            #"{"bytes":[0,11],"protocol":"HTTP/1.1","request":{"agent":null,"method":null,"path":null},"#
                + #""response":{"code":400,"details":"http1.codec_error","flags":"DownstreamProtocolError","#
                + #""server":"envoy"},"route":"route -","upstream":{"attempts":0,"cluster":null,"failure":null}}"#),
        Case(
            "direct response", "/direct",
            #"[<time>] "GET /direct HTTP/1.1" 200 - 0 5 <ms> - "-" "UA/1" "<id>" "ex.com" "-""#,
            #"{"bytes":[0,5],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/direct"},"#
                + #""response":{"code":200,"details":"direct_response","flags":"-","server":"envoy"},"#
                + #""route":"route direct","upstream":{"attempts":0,"cluster":null,"failure":null}}"#),
        Case(
            "503 UH", "/empty",
            #"[<time>] "GET /empty HTTP/1.1" 503 UH 0 19 <ms> - "-" "UA/1" "<id>" "ex.com" "-""#,
            #"{"bytes":[0,19],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/empty"},"#
                + #""response":{"code":503,"details":"no_healthy_upstream","flags":"NoHealthyUpstream","server":"envoy"},"#
                + #""route":"route empty","upstream":{"attempts":1,"cluster":"empty","failure":null}}"#),
        Case(
            "503 UC", "/reset",
            #"[<time>] "GET /reset HTTP/1.1" 503 UC 0 95 <ms> - "-" "UA/1" "<id>" "ex.com" "UP""#,
            #"{"bytes":[0,95],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"GET","path":"/reset"},"#
                + #""response":{"code":503,"details":"upstream_reset_before_response_started{connection_termination}","#
                + #""flags":"UpstreamConnectionTermination","server":"envoy"},"route":"route reset","#
                + #""upstream":{"attempts":1,"cluster":"service","failure":null}}"#),
        Case(
            "DC in the head", nil, send: "GET /ok HTTP/1.1\r\nho", leavesAfter: 0,
            #"[<time>] "- - HTTP/1.1" 0 DC 0 0 <ms> - "-" "-" "-" "-" "-""#,
            #"{"bytes":[0,0],"protocol":"HTTP/1.1","request":{"agent":null,"method":null,"path":null},"#
                + #""response":{"code":0,"details":"downstream_remote_disconnect","#
                + #""flags":"DownstreamConnectionTermination","server":null},"route":"route -","#
                + #""upstream":{"attempts":0,"cluster":null,"failure":null}}"#),
        Case(
            "no host", nil, send: "GET /ok HTTP/1.1\r\n\r\n",
            #"[<time>] "GET /ok HTTP/1.1" 400 - 0 0 <ms> - "-" "-" "-" "-" "-""#,
            #"{"bytes":[0,0],"protocol":"HTTP/1.1","request":{"agent":null,"method":"GET","path":"/ok"},"#
                + #""response":{"code":400,"details":"missing_host_header","flags":"-","server":"envoy"},"#
                + #""route":"route -","upstream":{"attempts":0,"cluster":null,"failure":null}}"#),
    ]

    static func cluster(_ name: String, _ port: UInt16?) -> String {
        let endpoint = port.map {
            "{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \($0) } } } }] }"
        }
        return
            "{ name: \(name), type: STATIC, load_assignment: { cluster_name: \(name), endpoints: [\(endpoint ?? "")] } }"
    }

    @Test(arguments: cases)
    func aRequest(_ example: Case) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let own = try Listener()
            let dead = try Listener().port
            let files = LogFiles(bed)
            var configuration = Configuration(upstream.port)
            configuration.manager = files.lines
            configuration.routes = [
                "{ name: direct, match: { prefix: /direct }, direct_response: { status: 200, body: { inline_string: hello } } }",
                "{ name: dead, match: { prefix: /dead }, route: { cluster: dead } }",
                "{ name: empty, match: { prefix: /empty }, route: { cluster: empty } }",
                "{ name: slow, match: { prefix: /hang }, route: { cluster: service, timeout: 0.2s } }",
                "{ name: part, match: { prefix: /part }, route: { cluster: own } }",
                "{ name: reset, match: { prefix: /reset }, route: { cluster: service } }",
                "{ name: ok, match: { prefix: /ok }, route: { cluster: service } }",
            ]
            configuration.moreClusters = [
                Self.cluster("dead", dead), Self.cluster("empty", nil), Self.cluster("own", own.port),
            ]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            if let target = example.target {
                try client.send("GET \(target) HTTP/1.1\r\nhost: ex.com\r\nuser-agent: UA/1\r\n\r\n")
            }
            if let send = example.send { try client.send(send) }
            if let count = example.leavesAfter {
                if count > 0 {
                    let host = try own.accept()
                    try host.skipHead()
                    try host.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabcde")
                    try client.skipHead()
                    _ = try client.receive(count: count)
                    client.close()
                    _ = try host.receiveToEnd()
                } else {
                    try waitUntil("the proxy has read") {
                        try proxy.stats()["http.ingress_http.downstream_cx_rx_bytes_total"] ?? 0 > 0
                    }
                    client.close()
                }
            } else {
                _ = try client.response()
            }
            let text = try waitFor("a line in \(files.text)") { LogFiles.lines(files.text).first }
            let expected = example.text.replacing("UP", with: "127.0.0.1:\(upstream.port)")
                .replacing("DEAD", with: "127.0.0.1:\(dead)").replacing("OWN", with: "127.0.0.1:\(own.port)")
            #expect(LogPattern.match(text, expected) != nil, "\(text)\nis not\n\(expected)")
            #expect(try waitFor("a line in \(files.json)") { LogFiles.lines(files.json).first } == example.json)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(LogFiles.lines(files.text).count == 1)
        }
    }

    @Test func aConnectionOfATCPProxy() throws {
        try withBed { bed in
            let own = try Listener()
            let files = LogFiles(bed)
            var configuration = Configuration(own.port)
            configuration.tcp = files.lines
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            try client.send("abc")
            let host = try own.accept()
            #expect(try host.receive(count: 3) == Array("abc".utf8))
            try host.send("defghi")
            #expect(try client.receive(count: 6) == Array("defghi".utf8))
            client.close()
            _ = try host.receiveToEnd()
            host.close()
            let line = try waitFor("a line") { LogFiles.lines(files.text).first }
            let expected = "[<time>] \"- - -\" 0 - 3 6 <ms> - \"-\" \"-\" \"-\" \"-\" \"127.0.0.1:\(own.port)\""
            #expect(LogPattern.match(line, expected) != nil, "\(line)")
            #expect(
                try waitFor("a line") { LogFiles.lines(files.json).first }
                    == #"{"bytes":[3,6],"protocol":null,"request":{"agent":null,"method":null,"path":null},"#
                    + #""response":{"code":0,"details":null,"flags":"-","server":null},"route":"route -","#
                    + #""upstream":{"attempts":1,"cluster":"service","failure":null}}"#)
        }
    }

    @Test func aTCPProxyWhoseHostIsGone() throws {
        try withBed { bed in
            let dead = try Listener().port
            let files = LogFiles(bed)
            var configuration = Configuration(dead)
            configuration.tcp = files.textLines
            let proxy = try bed.proxy(configuration, promptLogs)
            _ = try proxy.client().receiveToEnd()
            let line = try waitFor("a line") { LogFiles.lines(files.text).first }
            let expected = "[<time>] \"- - -\" 0 UF,URX 0 0 <ms> - \"-\" \"-\" \"-\" \"-\" \"127.0.0.1:\(dead)\""
            #expect(LogPattern.match(line, expected) != nil, "\(line)")
        }
    }

    @Test func anUpgradedConnection() throws {
        try withBed { bed in
            let own = try Listener()
            let files = LogFiles(bed)
            var configuration = Configuration(own.port)
            configuration.manager = files.textLines + ["upgrade_configs: [{ upgrade_type: websocket }]"]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            try client.send("GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            let host = try own.accept()
            try host.skipHead()
            try host.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            try client.skipHead()
            try client.send("abc")
            #expect(try host.receive(count: 3).count == 3)
            try host.send("defghi")
            #expect(try client.receive(count: 6).count == 6)
            client.close()
            _ = try host.receiveToEnd()
            let line = try waitFor("a line") { LogFiles.lines(files.text).first }
            let expected =
                "[<time>] \"GET /ws HTTP/1.1\" 101 DC 3 6 <ms> - \"-\" \"-\" \"<id>\" \"x\" \"127.0.0.1:\(own.port)\""
            #expect(LogPattern.match(line, expected) != nil, "\(line)")
        }
    }
}
