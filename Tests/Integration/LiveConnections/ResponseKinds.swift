import Testing

/// Clients whose response is on its way.
extension LiveKind {
    static let responses: [LiveKind] =
        [
            head("in the version", "HTT|P/1.1 200 OK\r\nx-token: abcdef\r\ncontent-length: 2\r\n\r\nok"),
            head("in the status", "HTTP/1.1 20|0 OK\r\nx-token: abcdef\r\ncontent-length: 2\r\n\r\nok"),
            head("in a name", "HTTP/1.1 200 OK\r\nx-tok|en: abcdef\r\ncontent-length: 2\r\n\r\nok"),
            head("in a value", "HTTP/1.1 200 OK\r\nx-token: abc|def\r\ncontent-length: 2\r\n\r\nok"),
            head("between CR and LF", "HTTP/1.1 200 OK\r\nx-token: abcdef\r|\ncontent-length: 2\r\n\r\nok"),
            head("before the last LF", "HTTP/1.1 200 OK\r\nx-token: abcdef\r\ncontent-length: 2\r\n\r|\nok"),
            head(
                "behind an interim one, which is not passed on",
                "HTTP/1.1 103 Early Hints\r\nx-token: abcdef\r\n\r\n|"
                    + "HTTP/1.1 200 OK\r\nx-token: abcdef\r\ncontent-length: 2\r\n\r\nok"),
            body("before its first byte", "content-length: 10\r\n\r\n|0123456789", "0123456789"),
            body("inside its length", "content-length: 10\r\n\r\n0123|4567|89", "0123456789"),
            body("before its last byte", "content-length: 10\r\n\r\n012345678|9", "0123456789"),
            body("that ends with its connection, before its first byte", "\r\n|0123456789", "0123456789"),
            body("that ends with its connection, in the middle", "\r\n01234|567|89", "0123456789"),
            body("that ends with its connection, before that", "\r\n0123456789|", "0123456789"),
            oldClient,
        ]
        + chunkCuts.map { name, text in
            body("chunked, cut \(name)", "transfer-encoding: chunked\r\n\r\n" + text, chunkedBody, trailers)
        }

    private static func head(_ name: String, _ text: String) -> LiveKind {
        inPieces("a response head, cut \(name)", text, body: "ok", trailers: "")
    }

    private static func body(_ name: String, _ text: String, _ body: String, _ trailers: String = "") -> LiveKind {
        inPieces(
            "a response body, \(name)", "HTTP/1.1 200 OK\r\nx-token: abcdef\r\n" + text, body: body, trailers: trailers)
    }

    /// The first piece comes before the first restart, one more after each, the rest in the end.
    private static func inPieces(
        _ name: String, _ text: String, body: String, trailers: String
    ) -> LiveKind {
        let endsWithConnection = !text.contains("content-length") && !text.contains("chunked")
        return LiveKind(name: name) { lane in
            let client = try lane.client()
            try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            let served = try lane.accept()
            #expect(try served.request().target == lane.path)
            var pieces = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)[...]
            var sent = 0
            func sendNext() throws {
                let piece = pieces.removeFirst()
                try served.send(piece)
                sent += piece.utf8.count
                lane.settleUpstream(sent)
            }
            try sendNext()
            return LiveClient(
                active: 1,
                step: { if pieces.count > 1 { try sendNext() } },
                finish: {
                    while !pieces.isEmpty { try sendNext() }
                    if endsWithConnection { served.close() }
                    let response = try client.response()
                    lane.countSuccess()
                    #expect(response.status == 200)
                    #expect(response["x-token"] == "abcdef")
                    #expect(!response.has("connection"))
                    #expect(response.text == body)
                    #expect(response.trailers == trailers)
                    try next(lane, client, served, onNewConnection: endsWithConnection)
                })
        }
    }

    /// Another request on the same connection of the client.
    private static func next(_ lane: Lane, _ client: Client, _ served: Client, onNewConnection: Bool) throws {
        guard onNewConnection else { return try lane.exchange(client, served, "next") }
        try lane.send(client, "GET PATHnext HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        try lane.serve(try lane.accept(), "next", target: "next")
        try lane.success(client, "next")
        #expect(!client.hasEnded())
    }

    /// An HTTP/1.0 client gets what has no length until its connection ends.
    private static let oldClient = LiveKind(name: "a response body, that ends an HTTP/1.0 client's connection") {
        lane in
        let client = try lane.client()
        try lane.send(client, "GET PATH HTTP/1.0\r\nhost: test\r\n\r\n", requests: 1)
        let served = try lane.accept()
        _ = try served.request()
        try served.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n")
        try client.skipHead()
        #expect(try client.receive(count: 5) == Array("01234".utf8))
        return LiveClient(active: 1) {
            try served.send("5\r\n56789\r\n0\r\n\r\n")
            #expect(try client.receiveToEnd() == Array("56789".utf8))
            lane.countSuccess()
        }
    }
}
