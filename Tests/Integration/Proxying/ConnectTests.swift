import Testing

/// CONNECT (RFC 9110 §9.3.6), as Envoy answers it: ended here and passed on as TCP, or passed on as it is.
@Suite struct ConnectTests {
    /// Port 1 of any name ends here, port 2 goes on, port 3 is not allowed, port 4 leads nowhere.
    private static func configuration(_ upstream: UInt16) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.manager = ["upgrade_configs: [{ upgrade_type: CONNECT }]", "via: here"]
        let match = "match: { connect_matcher: {} }"
        configuration.hosts = [
            "{ name: one, domains: [\"a:1\"], routes: [{ \(match), route: { cluster: service, "
                + "upgrade_configs: [{ upgrade_type: CONNECT, connect_config: {} }] }, "
                + "response_headers_to_add: [{ header: { key: x-asked, value: '%REQ(:authority)%' } }] }] }",
            "{ name: two, domains: [\"a:2\"], routes: [{ \(match), route: { cluster: service, "
                + "host_rewrite_literal: \"b:3\" } }] }",
            "{ name: three, domains: [\"a:3\"], routes: [{ \(match), route: { cluster: service, "
                + "upgrade_configs: [{ upgrade_type: CONNECT, enabled: false }] } }] }",
        ]
        return configuration
    }

    private static func connect(_ authority: String, _ more: String = "") -> String {
        "CONNECT \(authority) HTTP/1.1\r\nhost: \(authority)\r\n\(more)\r\n"
    }

    @Test func endsHere() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            let client = try proxy.client()
            try client.send(Self.connect("a:1") + "early")
            let served = try upstream.accept()
            let response = try client.response(toHead: true)
            #expect(response.status == 200)
            #expect(response.fields.map(\.name) == ["date", "server", "via", "x-asked"])
            #expect(response["x-asked"] == "a:1")
            #expect(try served.receive(count: 5) == Array("early".utf8))
            try served.send("answer")
            #expect(try client.receive(count: 6) == Array("answer".utf8))
            let open = try bed.statdump()
            #expect(open["http.ingress_http.downstream_cx_upgrades_active"] == 1)
            #expect(open["cluster.service.upstream_rq_active"] == 1)
            client.endSending()
            #expect(try served.receiveToEnd() == [])
            try waitUntil("the tunnel is gone") {
                let stats = try bed.statdump()
                return stats["cluster.service.upstream_rq_active"] == 0
                    && stats["http.ingress_http.downstream_rq_active"] == 0
                    && stats["cluster.service.upstream_cx_active"] == 0
            }
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_rq_200"] == 1 && stats["cluster.service.upstream_rq_total"] == 1)
            #expect(stats["http.ingress_http.downstream_cx_upgrades_total"] == 1)
        }
    }

    @Test func goesOn() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            let client = try proxy.client()
            try client.send(Self.connect("a:2", "connection: upgrade\r\nupgrade: x\r\n"))
            let served = try upstream.accept()
            let request = try served.request()
            #expect(request.method == "CONNECT" && request.target == "b:3")
            #expect(request["host"] == "b:3" && request["x-envoy-original-host"] == "a:2")
            #expect(request["connection"] == nil && request["upgrade"] == nil && request["content-length"] == nil)
            // A length in the answer belongs to nothing: what follows is the tunnel.
            try served.send("HTTP/1.1 200 OK\r\nx-up: 1\r\ncontent-length: 100\r\n\r\nhello")
            let response = try client.response(toHead: true)
            #expect(response.status == 200 && response["x-up"] == "1" && !response.has("content-length"))
            #expect(try client.receive(count: 5) == Array("hello".utf8))
            try client.send("abc")
            #expect(try served.receive(count: 3) == Array("abc".utf8))
        }
    }

    @Test func aRefusalOfTheUpstreamIsPassedOn() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            let client = try proxy.client()
            try client.send(Self.connect("a:2"))
            let served = try upstream.accept()
            _ = try served.request()
            try served.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno\n")
            let response = try client.response()
            #expect(response.status == 403 && response.text == "no\n" && response.closes)
        }
    }

    static let refused: [(head: String, status: Int, text: String)] = [
        (connect("a:3"), 403, ""), (connect("a:4"), 404, ""),
        (connect("a:1", "content-length: 5\r\n"), 400, "Bad Request"),
        (connect("a:1", "transfer-encoding: chunked\r\n"), 501, "Not Implemented"),
        (connect("a"), 400, "Bad Request"), (connect("/a:1"), 400, "Bad Request"), (connect(":1"), 400, "Bad Request"),
        (connect("a:"), 400, "Bad Request"), (connect("a:65536"), 400, "Bad Request"),
        (connect("http://a:1/"), 400, "Bad Request"),
        ("CONNECT a:1 HTTP/1.0\r\nhost: a:1\r\n\r\n", 426, "Upgrade Required"),
    ]

    @Test func whatIsRefused() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            for (head, status, text) in Self.refused {
                let client = try proxy.client()
                try client.send(head)
                let response = try client.response()
                #expect(response.status == status && response.text == text && response.closes, "\(head)")
            }
            // The target is the authority, whatever Host says.
            let client = try proxy.client()
            try client.send("CONNECT a:3 HTTP/1.1\r\nhost: a:1\r\n\r\n")
            #expect(try client.response().status == 403)
            // An ordinary request does not match it.
            let other = try proxy.client()
            try other.send("GET / HTTP/1.1\r\nhost: a:1\r\n\r\n")
            #expect(try other.response().status == 404)
            #expect(!upstream.hasWaitingConnection)
        }
    }

    @Test func aHostThatCannotBeReached() throws {
        try withBed { bed in
            let port = try { try Listener().port }()
            let proxy = try bed.proxy(Self.configuration(port))
            let client = try proxy.client()
            try client.send(Self.connect("a:1") + "early")
            let response = try client.response()
            #expect(response.status == 503 && response.text.hasSuffix("remote connection failure"))
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_rq_active"] == 0)
            #expect(stats["cluster.service.upstream_rq_503"] == 1)
        }
    }

    /// A client that goes away while the host is still asked leaves nothing behind.
    @Test func aClientThatLeavesEarly() throws {
        try withBed { bed in
            let upstream = try Listener(backlog: 0)
            let filler = try Client(port: upstream.port)
            defer { filler.close() }
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            let client = try proxy.client()
            try client.send(Self.connect("a:1"))
            try waitUntil("the host is asked") { try bed.statdump()["cluster.service.upstream_cx_active"] == 1 }
            client.close()
            try waitUntil("it is given up") {
                let stats = try bed.statdump()
                return stats["cluster.service.upstream_cx_active"] == 0
                    && stats["cluster.service.upstream_rq_active"] == 0
                    && stats["http.ingress_http.downstream_rq_active"] == 0
            }
            #expect(try bed.statdump()["cluster.service.upstream_rq_cancelled"] == 1)
        }
    }
}
