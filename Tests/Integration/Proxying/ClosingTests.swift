import Testing

/// How a client's connection ends after its last answer (RFC 9112 §9.6).
@Suite struct ClosingTests {
    private let last = "GET /bytes/100 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"

    /// The connections that ended from this side and from the clients'.
    private func waitForEnds(_ bed: Bed, local: Int, remote: Int) throws {
        try waitUntil("the ends are counted") {
            let stats = try bed.statdump("^http.ingress_http.downstream_cx")
            return stats["http.ingress_http.downstream_cx_active"] == 0
                && stats["http.ingress_http.downstream_cx_destroy_local"] == UInt64(local)
                && stats["http.ingress_http.downstream_cx_destroy_remote"] == UInt64(remote)
        }
    }

    /// Who says that a request is its last one gets the answer and then the end, from this side, as with Envoy: nobody
    /// waits for the client to close.
    @Test(arguments: ["connection: close", "Connection: Close, x"])
    func theClientAsksForTheEnd(field: String) throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            let response = try client.get("/bytes/100", field)
            #expect(response["connection"] == "close")
            #expect(response.body.count == 100)
            #expect(try client.receiveToEnd() == [])
            try waitForEnds(bed, local: 1, remote: 0)
        }
    }

    /// A client that has no room takes its answer as slowly as it likes; the end comes behind the last byte.
    @Test func aSlowClientGetsAllOfIt() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client(receiveBuffer: 4096)
            try client.send("GET /bytes/4194304 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            try client.skipHead()
            #expect(try client.skip(4_194_304) == 4_194_304)
            #expect(try client.receiveToEnd() == [])
        }
    }

    /// Who does not read its last answer is waited for as long as one that does not close.
    @Test func aLastAnswerThatNobodyReadsIsGivenUp() throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.manager = ["delayed_close_timeout: 0.3s"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client(receiveBuffer: 4096)
            // More than sockets hold, and less than the proxy may keep.
            try client.send("GET /bytes/4000000 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            try waitUntil("it is given up") {
                try bed.statdump()["http.ingress_http.downstream_cx_delayed_close_timeout"] == 1
            }
            #expect(try bed.statdump()["http.ingress_http.downstream_cx_active"] == 0)
            client.close()
        }
    }

    /// What a client sends although it has said that nothing follows is neither answered nor does a reset for it destroy the
    /// answer that is on its way.
    @Test func whatFollowsTheLastRequestIsThrownAway() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            try client.send(last + "GET /bytes/7 HTTP/1.1\r\nhost: test\r\n\r\n")
            #expect(try client.response().body.count == 100)
            #expect(try client.receiveToEnd() == [])
            client.close()
            try waitForEnds(bed, local: 0, remote: 1)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 1)
        }
    }
}
