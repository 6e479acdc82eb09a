import Testing

/// Bytes in both directions: WebSockets and TCP proxy pairs.
extension LiveKind {
    static let streams: [LiveKind] = [
        LiveKind(name: "a WebSocket") { lane in
            let (client, served) = try webSocket(lane)
            try talk(client, served, "before")
            return LiveClient(active: 1, step: { try talk(client, served, "between") }) {
                try talk(client, served, "after")
                client.close()
                #expect(try served.receiveToEnd() == [])
            }
        },
        LiveKind(name: "a WebSocket that its upstream ends") { lane in
            let (client, served) = try webSocket(lane)
            return LiveClient(active: 1, step: { try talk(client, served, "between") }) {
                try served.send("last words")
                served.close()
                #expect(try client.receiveToEnd() == Array("last words".utf8))
            }
        },
        LiveKind(name: "a WebSocket that is asked for") { lane in
            let client = try lane.client()
            try lane.send(client, upgrade, requests: 1)
            let served = try lane.accept()
            _ = try served.request()
            return LiveClient(active: 1) {
                try accept(client, served)
                try talk(client, served, "after")
                client.close()
                #expect(try served.receiveToEnd() == [])
            }
        },
        LiveKind(name: "a TCP pair", isTCP: true) { lane in
            let (client, served) = try pair(lane)
            try talk(client, served, "before")
            return LiveClient(step: { try talk(client, served, "between") }) {
                try talk(client, served, "after")
                client.endSending()
                #expect(try served.receiveToEnd() == [])
                try served.send("last words")
                served.close()
                #expect(try client.receiveToEnd() == Array("last words".utf8))
            }
        },
        LiveKind(name: "a TCP pair that nobody has used", isTCP: true) { lane in
            let (client, served) = try pair(lane)
            return LiveClient { try talk(client, served, "after") }
        },
        LiveKind(name: "a TCP pair whose client has ended", isTCP: true) { lane in
            let (client, served) = try pair(lane)
            try client.send("question")
            client.endSending()
            #expect(try served.receiveToEnd() == Array("question".utf8))
            return LiveClient(step: { try oneWay(served, client, "between") }) {
                #expect(!client.hasEnded())
                try served.send("answer")
                served.close()
                #expect(try client.receiveToEnd() == Array("answer".utf8))
            }
        },
        LiveKind(name: "a TCP pair whose upstream has ended", isTCP: true) { lane in
            let (client, served) = try pair(lane)
            try served.send("greeting")
            served.endSending()
            #expect(try client.receiveToEnd() == Array("greeting".utf8))
            return LiveClient(step: { try oneWay(client, served, "between") }) {
                #expect(!served.hasEnded())
                try client.send("reply")
                client.endSending()
                #expect(try served.receiveToEnd() == Array("reply".utf8))
            }
        },
    ]

    static let connects: [LiveKind] = [
        LiveKind(name: "a CONNECT tunnel that ends in the proxy") { lane in
            let client = try lane.client()
            try lane.send(client, "CONNECT LANE:1 HTTP/1.1\r\nhost: LANE:1\r\n\r\n", requests: 1)
            let served = try lane.accept()
            try agreed(lane, client)
            try talk(client, served, "before")
            return LiveClient(active: 1, step: { try talk(client, served, "between") }) {
                try talk(client, served, "after")
                client.close()
                #expect(try served.receiveToEnd() == [])
            }
        },
        LiveKind(name: "a CONNECT tunnel through its upstream") { lane in
            let (client, served) = try connect(lane)
            try served.send("HTTP/1.1 200 OK\r\n\r\n")
            try agreed(lane, client)
            try talk(client, served, "before")
            return LiveClient(active: 1, step: { try talk(client, served, "between") }) {
                try served.send("last words")
                served.close()
                #expect(try client.receiveToEnd() == Array("last words".utf8))
            }
        },
        LiveKind(name: "a CONNECT that its upstream is asked for") { lane in
            let (client, served) = try connect(lane)
            return LiveClient(active: 1) {
                try served.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
                try agreed(lane, client)
                try talk(client, served, "after")
            }
        },
    ]

    static let upgrade =
        "GET PATH HTTP/1.1\r\nhost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

    /// An open WebSocket; both ends are mere bytes to the proxy, and so they are here.
    static func webSocket(_ lane: Lane, receiveBuffer: Int32? = nil) throws -> (client: Client, served: Client) {
        let client = try lane.client(receiveBuffer: receiveBuffer)
        try lane.send(client, upgrade, requests: 1)
        let served = try lane.accept()
        _ = try served.request()
        try accept(client, served)
        return (client, served)
    }

    private static func accept(_ client: Client, _ served: Client) throws {
        try served.send("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        let response = try client.response()
        #expect(response.status == 101)
        #expect(response["upgrade"] == "websocket")
    }

    /// A CONNECT that the upstream has got.
    private static func connect(_ lane: Lane) throws -> (client: Client, served: Client) {
        let client = try lane.client()
        try lane.send(client, "CONNECT LANE:2 HTTP/1.1\r\nhost: LANE:2\r\n\r\n", requests: 1)
        let served = try lane.accept()
        let request = try served.request()
        #expect(request.method == "CONNECT" && request.target == "\(lane.name):2")
        return (client, served)
    }

    /// The client is told that the tunnel is open; a length would belong to nothing.
    static func agreed(_ lane: Lane, _ client: Client) throws {
        let response = try client.response(toHead: true)
        #expect(response.status == 200 && !response.has("content-length"))
        lane.countSuccess()
    }

    static func pair(_ lane: Lane, receiveBuffer: Int32? = nil) throws -> (client: Client, served: Client) {
        let client = try lane.client(receiveBuffer: receiveBuffer)
        return (client, try lane.accept())
    }

    static func talk(_ client: Client, _ served: Client, _ text: String) throws {
        try oneWay(client, served, "\(text), said the client")
        try oneWay(served, client, "\(text), said the upstream")
    }

    private static func oneWay(_ from: Client, _ to: Client, _ text: String) throws {
        try from.send(text)
        #expect(try to.receive(count: text.utf8.count) == Array(text.utf8))
    }
}
