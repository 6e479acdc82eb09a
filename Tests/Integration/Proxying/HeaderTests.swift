import Testing

/// What the proxy adds to heads and takes out of them, as Envoy does.
@Suite struct HeaderTests {
    /// The request head as it reached the upstream.
    private func lines(_ response: Response) -> [String] {
        response.text.split(separator: "\r\n").map(String.init)
    }

    @Test func aRequestGetsEnvoysFields() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let response = try proxy.client().get("/headers?a=b", "X-Mixed: Kept")
            let head = lines(response)
            #expect(head.first == "GET /headers?a=b HTTP/1.1")
            #expect(head.contains("host: test"))
            #expect(head.contains("x-mixed: Kept"))
            #expect(head.contains("x-forwarded-proto: http"))
            #expect(head.contains("x-envoy-expected-rq-timeout-ms: 15000"))
            let id = head.first { $0.hasPrefix("x-request-id: ") }?.dropFirst(14) ?? ""
            #expect(id.split(separator: "-", omittingEmptySubsequences: false).map(\.count) == [8, 4, 4, 4, 12])
            #expect(head.allSatisfy { !$0.hasPrefix("x-forwarded-for") })

            #expect(response["server"] == "envoy")
            #expect(response["date"]?.hasSuffix(" GMT") == true)
            #expect(response["x-envoy-upstream-service-time"].flatMap { Int($0) } != nil)
        }
    }

    @Test func anIDThatCameIsKept() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let head = lines(try proxy.client().get("/headers", "x-request-id: mine"))
            #expect(head.filter { $0.hasPrefix("x-request-id") } == ["x-request-id: mine"])
        }
    }

    @Test func theEdgeTrustsNobody() throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.manager = ["use_remote_address: true"]
            let proxy = try bed.proxy(configuration)
            let head = lines(
                try proxy.client().get(
                    "/headers", "x-forwarded-proto: https", "x-forwarded-for: 192.0.2.1", "x-request-id: theirs"))
            #expect(head.contains("x-forwarded-proto: http"))
            #expect(head.contains { $0.hasPrefix("x-forwarded-for: 192.0.2.1,") })
            #expect(head.contains { $0.hasPrefix("x-request-id: ") && $0 != "x-request-id: theirs" })
        }
    }

    @Test func hopByHopFieldsEndHere() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let head = lines(
                try proxy.client().get(
                    "/headers", "connection: x-private, keep-alive", "x-private: secret", "keep-alive: timeout=5",
                    "proxy-connection: keep-alive", "te: gzip", "x-public: seen"))
            let names = Set(head.dropFirst().map { String($0.prefix { $0 != ":" }) })
            #expect(names.contains("x-public"))
            for name in ["connection", "x-private", "keep-alive", "proxy-connection", "te"] {
                #expect(!names.contains(name), "\(name)")
            }
        }
    }

    @Test func aResponsesHopByHopFieldsEndHereToo() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.receive(through: "\r\n\r\n")
            try served.send(
                "HTTP/1.1 200 Fine\r\nServer: other\r\nConnection: x-private\r\nX-Private: secret\r\n"
                    + "Keep-Alive: timeout=5\r\nX-Public: Seen\r\nContent-Length: 2\r\n\r\nok")
            let response = try client.response()
            #expect(response["server"] == "envoy")
            #expect(response["x-public"] == "Seen")
            #expect(!response.has("connection") && !response.has("x-private") && !response.has("keep-alive"))
            #expect(response.text == "ok")
        }
    }

    @Test func trailersAreDropped() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            try client.send(
                "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
                    + "3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n")
            let served = try upstream.accept()
            let request = try served.receive(through: "0\r\n\r\n")
            #expect(request.hasSuffix("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
            try served.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 2\r\n\r\n")
            let response = try client.response()
            #expect(response.text == "ok")
            #expect(response.trailers.isEmpty)
        }
    }
}
