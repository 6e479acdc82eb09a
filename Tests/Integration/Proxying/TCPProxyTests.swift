import Testing

/// Plain TCP through the proxy.
@Suite struct TCPProxyTests {
    private func proxy(_ bed: Bed, _ port: UInt16, _ lines: String...) throws -> Proxy {
        var configuration = Configuration(port)
        configuration.tcp = lines
        return try bed.proxy(configuration)
    }

    @Test func bytesGoBothWays() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try proxy(bed, upstream.port)
            let client = try proxy.client()
            #expect(try client.get("/").text == upstream.hello)
            #expect(try client.get("/bytes/300000").body.count == 300_000)
            let stats = try bed.statdump()
            #expect(stats["tcp.ingress_tcp.downstream_cx_total"] == 1)
            #expect(stats["cluster.service.upstream_cx_active"] == 1)
        }
    }

    @Test func theClientMayEndFirst() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try proxy(bed, upstream.port)
            let client = try proxy.client()
            try client.send("question")
            client.endSending()
            let served = try upstream.accept()
            #expect(try served.receiveToEnd() == Array("question".utf8))
            try served.send("answer")
            served.close()
            #expect(try client.receiveToEnd() == Array("answer".utf8))
        }
    }

    @Test func theUpstreamMayEndFirst() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try proxy(bed, upstream.port)
            let client = try proxy.client()
            let served = try upstream.accept()
            try served.send("greeting")
            served.endSending()
            #expect(try client.receiveToEnd() == Array("greeting".utf8))
            try client.send("reply")
            client.endSending()
            #expect(try served.receiveToEnd() == Array("reply".utf8))
            try waitUntil("both are closed") {
                let stats = try bed.statdump()
                return stats["cluster.service.upstream_cx_active"] == 0
                    && stats["listener.127.0.0.1_0.downstream_cx_active"] ?? 0 == 0
            }
        }
    }

    @Test func anUpstreamThatIsNotThereEndsTheConnection() throws {
        try withBed { bed in
            let port: UInt16
            do { port = try Listener().port }
            let proxy = try proxy(bed, port, "max_connect_attempts: 3")
            #expect(try proxy.client().receiveToEnd() == [])
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_cx_connect_fail"] == 3)
            #expect(stats["cluster.service.upstream_cx_connect_attempts_exceeded"] == 1)
        }
    }

    @Test func aSilentPairIsClosed() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try proxy(bed, upstream.port, "idle_timeout: 0.3s")
            let client = try proxy.client()
            let served = try upstream.accept()
            #expect(try client.receiveToEnd() == [])
            #expect(try served.receiveToEnd() == [])
            #expect(try bed.statdump()["tcp.ingress_tcp.idle_timeout"] == 1)
        }
    }
}
