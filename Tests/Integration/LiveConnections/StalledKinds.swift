import Testing

/// Ends that do not read while the other sends, so that the proxy holds unsent bytes; and upstreams that do not answer yet.
extension LiveKind {
    /// More than the sockets and the proxy hold between them.
    private static let length = 40 << 20
    private static let small: Int32 = 65536

    static let stalled: [LiveKind] = [
        LiveKind(name: "a client that does not read its response") { lane in
            let client = try lane.client(receiveBuffer: small)
            try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            let served = try lane.accept()
            _ = try served.request()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: \(length)\r\n\r\n")
            let flood = PatternFlood(served, length)
            return LiveClient(active: 1, isReady: { flood.isStalled }) {
                try client.skipHead()
                try Pattern.receive(client, length)
                #expect(flood.join() == length)
                lane.countSuccess()
                try lane.exchange(client, served, "next")
            }
        },
        LiveKind(name: "a client that does not read its last response") { lane in
            let client = try lane.client(receiveBuffer: small)
            // It sends more than it said, so the proxy waits for its end.
            try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\nmore", requests: 1)
            let served = try lane.accept()
            _ = try served.request()
            // All of it fits into what the proxy and its sockets hold, but not into the client's.
            let length = 1 << 20
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: \(length)\r\n\r\n")
            let flood = PatternFlood(served, length)
            #expect(flood.join() == length)
            lane.settleUpstream(length)
            return LiveClient {
                try client.skipHead()
                try Pattern.receive(client, length)
                #expect(try client.receiveToEnd() == [])
                lane.countSuccess()
            }
        },
        LiveKind(name: "an upstream that does not read its request") { lane in
            let client = try lane.client()
            try lane.send(client, "POST PATH HTTP/1.1\r\nhost: test\r\ncontent-length: \(length)\r\n\r\n", requests: 1)
            let served = try lane.accept()
            var flood: PatternFlood?
            let isReady = {
                // Begun when the others have settled, who count bytes.
                let begun = flood ?? PatternFlood(client, length)
                flood = begun
                return begun.isStalled
            }
            return LiveClient(active: 1, isReady: isReady) {
                try served.skipHead()
                try Pattern.receive(served, length)
                #expect(flood?.join() == length)
                try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                try lane.success(client, "ok")
                try lane.exchange(client, served, "next")
            }
        },
        LiveKind(name: "a WebSocket whose client does not read") { lane in
            let (client, served) = try webSocket(lane, receiveBuffer: small)
            let flood = PatternFlood(served, length)
            return LiveClient(active: 1, isReady: { flood.isStalled }) {
                try Pattern.receive(client, length)
                #expect(flood.join() == length)
                try talk(client, served, "after")
            }
        },
        LiveKind(name: "a TCP pair that neither end reads", isTCP: true) { lane in
            let (client, served) = try pair(lane, receiveBuffer: small)
            let up = PatternFlood(client, length, endsSending: true)
            let down = PatternFlood(served, length, endsSending: true)
            return LiveClient(isReady: { up.isStalled && down.isStalled }) {
                try Pattern.receive(served, length)
                #expect(try served.receiveToEnd() == [])
                try Pattern.receive(client, length)
                #expect(try client.receiveToEnd() == [])
                #expect(up.join() == length)
                #expect(down.join() == length)
            }
        },
        LiveKind(name: "a TCP pair whose client has ended behind much unsent", isTCP: true) { lane in
            let (client, served) = try pair(lane)
            // Both of the proxy's buffers and its own are full, and FIN waits behind all of it.
            let flood = PatternFlood(client, length, endsSending: true)
            return LiveClient(isReady: { flood.isStalled }) {
                try Pattern.receive(served, length)
                #expect(try served.receiveToEnd() == [])
                #expect(flood.join() == length)
                try served.send("answer")
                served.close()
                #expect(try client.receiveToEnd() == Array("answer".utf8))
            }
        },
        // Nothing is unsent when these move: only later does an end stop reading, and the process that has them must hear
        // when it goes on.
        LiveKind(name: "a client at rest that does not read its next response") { lane in
            let client = try lane.client(receiveBuffer: small)
            try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            let served = try lane.accept()
            try lane.serve(served, "first")
            try lane.success(client, "first")
            return LiveClient {
                try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
                _ = try served.request()
                try served.send("HTTP/1.1 200 OK\r\ncontent-length: \(length)\r\n\r\n")
                let flood = PatternFlood(served, length)
                try waitUntil("the response is stuck") { flood.isStalled }
                try client.skipHead()
                try Pattern.receive(client, length)
                #expect(flood.join() == length)
                lane.countSuccess()
                try lane.exchange(client, served, "next")
            }
        },
        LiveKind(name: "a WebSocket that neither end reads later") { lane in
            let (client, served) = try webSocket(lane, receiveBuffer: small)
            return LiveClient(active: 1) {
                let up = PatternFlood(client, length)
                let down = PatternFlood(served, length)
                try waitUntil("both ways are stuck") { up.isStalled && down.isStalled }
                try Pattern.receive(served, length)
                try Pattern.receive(client, length)
                #expect(up.join() == length)
                #expect(down.join() == length)
                try talk(client, served, "after")
            }
        },
    ]

    // MARK: Connecting

    static let connecting: [LiveKind] = [
        LiveKind(name: "a request whose upstream is being connected", backlog: 0) { lane in
            let filler = try Client(port: lane.upstream.port)
            let client = try lane.client()
            try lane.send(client, "POST PATH HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody", requests: 1)
            lane.settle("upstream_rq_pending_active", 1)
            lane.settle()
            return LiveClient(active: 1) {
                try release(lane, filler)
                let served = try lane.accept()
                #expect(try lane.serve(served, "ok").text == "body")
                try lane.success(client, "ok")
                try lane.exchange(client, served, "next")
            }
        },
        LiveKind(name: "a CONNECT whose upstream is being connected", backlog: 0) { lane in
            let filler = try Client(port: lane.upstream.port)
            let client = try lane.client()
            try lane.send(client, "CONNECT LANE:1 HTTP/1.1\r\nhost: LANE:1\r\n\r\nearly", requests: 1)
            lane.settle("upstream_cx_active", 1)
            lane.settle()
            return LiveClient(active: 1) {
                try release(lane, filler)
                let served = try lane.accept()
                try agreed(lane, client)
                #expect(try served.receive(count: 5) == Array("early".utf8))
                try talk(client, served, "after")
            }
        },
        LiveKind(name: "a TCP pair whose upstream is being connected", isTCP: true, backlog: 0) { lane in
            let filler = try Client(port: lane.upstream.port)
            let client = try lane.client()
            try client.send("early")
            lane.settle("upstream_cx_active", 1)
            return LiveClient {
                try release(lane, filler)
                let served = try lane.accept()
                #expect(try served.receive(count: 5) == Array("early".utf8))
                try talk(client, served, "after")
            }
        },
    ]

    /// Makes room in the queue: the kernel's next try gets through.
    private static func release(_ lane: Lane, _ filler: Client) throws {
        let accepted = try lane.upstream.accept()
        filler.close()
        accepted.close()
    }
}
