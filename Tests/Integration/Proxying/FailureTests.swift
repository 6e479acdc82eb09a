import Testing

/// What a client gets when there is no answer from upstream, in Envoy's words.
@Suite struct FailureTests {
    @Test func noRoute() throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.routes = ["{ match: { prefix: /app }, route: { cluster: service } }"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            let response = try client.get("/other")
            #expect(response.status == 404)
            #expect(response["server"] == "envoy")
            #expect(response.text.isEmpty)
            #expect(try client.get("/app").status == 200)
            #expect(try bed.statdump()["http.ingress_http.no_route"] == 1)
        }
    }

    @Test func aDirectResponse() throws {
        try withBed { bed in
            var configuration = Configuration(1)
            configuration.routes = [
                #"{ match: { path: /healthz }, direct_response: { status: 200, body: { inline_string: "ok\n" } } }"#
            ]
            let response = try bed.proxy(configuration).client().get("/healthz")
            #expect(response.status == 200)
            #expect(response.text == "ok\n")
        }
    }

    @Test func noHealthyUpstream() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration())
            let response = try proxy.client().get("/")
            #expect(response.status == 503)
            #expect(response.text == "no healthy upstream")
            #expect(try bed.statdump()["cluster.service.upstream_cx_none_healthy"] == 1)
        }
    }

    @Test func connectFailure() throws {
        try withBed { bed in
            let port: UInt16
            do { port = try Listener().port }
            let proxy = try bed.proxy(Configuration(port))
            let client = try proxy.client()
            let response = try client.get("/")
            #expect(response.status == 503)
            #expect(
                response.text == "upstream connect error or disconnect/reset before headers. "
                    + "reset reason: remote connection failure")
            #expect(try client.get("/").status == 503)
            #expect(try bed.statdump()["cluster.service.upstream_cx_connect_fail"] == 2)
        }
    }

    @Test func aConnectionThatEndsWithoutAnAnswer() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            let response = try client.get("/reset")
            #expect(response.status == 503)
            #expect(
                response.text == "upstream connect error or disconnect/reset before headers. "
                    + "reset reason: connection termination")
            #expect(try client.get("/").status == 200)
        }
    }

    @Test func aResponseThatIsNotHTTP() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.receive(through: "\r\n\r\n")
            try served.send("SSH-2.0-nonsense\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 502)
            #expect(response.text.hasSuffix("reset reason: protocol error"))
        }
    }

    @Test func aResponseThatBreaksOffIsSeenToBeIncomplete() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.receive(through: "\r\n\r\n")
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            #expect(try client.receive(through: "half").hasPrefix("HTTP/1.1 200 OK\r\n"))
            served.close()
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test func theRoutesTimeout() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.routes = ["{ match: { prefix: / }, route: { cluster: service, timeout: 0.3s } }"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            let response = try client.get("/hang")
            #expect(response.status == 504)
            #expect(response.text == "upstream request timeout")
            #expect(try client.get("/").status == 200)
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_rq_timeout"] == 1)
            #expect(stats["cluster.service.upstream_rq_504"] == 1)
            #expect(stats["cluster.service.upstream_rq_active"] == 0)
        }
    }

    @Test func aClientThatGoesAwayTakesItsRequestAlong() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            try client.send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntil("the request is upstream") { try upstream.count == 1 }
            client.close()
            try waitUntil("the request is given up") {
                let stats = try bed.statdump()
                return stats["http.ingress_http.downstream_rq_active"] == 0
                    && stats["cluster.service.upstream_cx_active"] == 0
            }
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_rx_reset"] == 1)
        }
    }

    @Test func hostsTakeTurns() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            let proxy = try bed.proxy(Configuration(a.port, b.port), concurrency: 1)
            let client = try proxy.client()
            for _ in 0..<10 { #expect(try client.get("/").status == 200) }
            #expect(try a.count == 5)
            #expect(try b.count == 5)
        }
    }
}
