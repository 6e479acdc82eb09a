import Testing

/// Clients between requests, and those whose request is on its way.
extension LiveKind {
    static let idle: [LiveKind] = [
        LiveKind(name: "a client that has not sent anything") { lane in
            let client = try lane.client()
            lane.settleConnections()
            return LiveClient { try lane.exchange(client, try newUpstream(lane, client, "first"), "second") }
        },
        LiveKind(name: "an idle client") { lane in
            let client = try lane.client()
            let served = try newUpstream(lane, client, "first")
            return LiveClient(step: { try lane.exchange(client, served, "between") }) {
                try lane.exchange(client, served, "second")
                try lane.exchange(client, served, "third")
                #expect(!client.hasEnded())
            }
        },
        LiveKind(name: "a client that was told that its connection closes") { lane in
            let client = try lane.client()
            // It sends more than it said, so the proxy waits for its end.
            try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\nmore", requests: 1)
            let served = try lane.accept()
            try lane.serve(served, "bye")
            let response = try client.response()
            lane.countSuccess()
            #expect(response.text == "bye")
            #expect(response.closes)
            #expect(try client.receiveToEnd() == [])
            return LiveClient {
                // Thrown away: no reset comes back.
                try client.send("too late")
                #expect(try client.receiveToEnd() == [])
                client.endSending()
            }
        },
    ]

    /// A request on a connection to the upstream that is made for it.
    private static func newUpstream(_ lane: Lane, _ client: Client, _ text: String) throws -> Client {
        try lane.send(client, "GET PATH\(text) HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        let served = try lane.accept()
        try lane.serve(served, text, target: text)
        try lane.success(client, text)
        return served
    }

    // MARK: Requests in pieces

    private static let head = "POST PATHa HTTP/1.1\r\nhost: test\r\nx-token: abcdef\r\n"
    private static let chunks = "10\r\n0123456789abcdef\r\n5;a=b\r\nhello\r\n0\r\nx-first: 1\r\nx-second: 2\r\n\r\n"

    static let requests: [LiveKind] =
        [
            head("in the method", "PO|ST PATHa HTTP/1.1\r\nhost: test\r\nx-token: abcdef\r\ncontent-length: 0\r\n\r\n"),
            head("in the target", "POST PATH|a HTTP/1.1\r\nhost: test\r\nx-token: abcdef\r\ncontent-length: 0\r\n\r\n"),
            head("in a name", "POST PATHa HTTP/1.1\r\nhost: test\r\nx-to|ken: abcdef\r\ncontent-length: 0\r\n\r\n"),
            head("in a value", "POST PATHa HTTP/1.1\r\nhost: test\r\nx-token: abc|def\r\ncontent-length: 0\r\n\r\n"),
            head(
                "between CR and LF",
                "POST PATHa HTTP/1.1\r\nhost: test\r\nx-token: abcdef\r|\ncontent-length: 0\r\n\r\n"),
            head(
                "before the last CRLF",
                "POST PATHa HTTP/1.1\r\nhost: test\r\nx-token: abcdef\r\ncontent-length: 0\r\n|\r\n"),
            head(
                "before the last LF",
                "POST PATHa HTTP/1.1\r\nhost: test\r\nx-token: abcdef\r\ncontent-length: 0\r\n\r|\n"),
            body("before its first byte", "content-length: 10\r\n\r\n|0123456789", "0123456789"),
            body("inside its length", "content-length: 10\r\n\r\n0123|4567|89", "0123456789"),
            body("before its last byte", "content-length: 10\r\n\r\n012345678|9", "0123456789"),
            expectContinue,
        ]
        + chunkCuts.map { name, text in
            body("chunked, cut \(name)", "transfer-encoding: chunked\r\n\r\n" + text, chunkedBody, trailers)
        }
        + [waiting, waitingForHead, pipelined]

    static let chunkedBody = "0123456789abcdefhello"
    static let trailers = "x-first: 1\nx-second: 2\n"

    /// A chunked body with `|` where it is cut.
    static let chunkCuts: [(name: String, text: String)] = [
        ("before the first size", "|" + chunks),
        ("in a size", chunks.replacing("10\r\n", with: "1|0\r\n")),
        ("between CR and LF of a size", chunks.replacing("10\r\n", with: "10\r|\n")),
        ("in an extension", chunks.replacing("a=b", with: "a|=b")),
        ("in the data", chunks.replacing("789", with: "78|9")),
        ("between data and CRLF", chunks.replacing("f\r\n5", with: "f|\r\n5")),
        ("between CR and LF of data", chunks.replacing("f\r\n5", with: "f\r|\n5")),
        ("before the next size", chunks.replacing("f\r\n5", with: "f\r\n|5")),
        ("in the last size", chunks.replacing("0\r\nx-first", with: "0|\r\nx-first")),
        ("before the trailers", chunks.replacing("x-first", with: "|x-first")),
        ("in a trailer", chunks.replacing("x-first: 1", with: "x-fir|st: 1")),
        ("between two trailers", chunks.replacing("x-second", with: "|x-second")),
        ("before the last CRLF", chunks.replacing("2\r\n\r\n", with: "2\r\n|\r\n")),
        ("before the last LF", chunks.replacing("2\r\n\r\n", with: "2\r\n\r|\n")),
        (
            "again and again",
            "1|0\r\n0123|456789abcdef|\r|\n5;a=b\r\nhel|lo\r\n|0\r\nx-|first: 1\r\nx-second: 2\r\n|\r\n"
        ),
    ]

    private static func head(_ name: String, _ text: String) -> LiveKind {
        inPieces("a request head, cut \(name)", text, body: "", trailers: "")
    }

    private static func body(_ name: String, _ text: String, _ body: String, _ trailers: String = "") -> LiveKind {
        inPieces("a request body, \(name)", head + text, body: body, trailers: trailers)
    }

    /// The first piece is sent before the first restart, one more after each, the rest in the end.
    private static func inPieces(_ name: String, _ text: String, body: String, trailers: String) -> LiveKind {
        LiveKind(name: name) { lane in
            let client = try lane.client()
            var pieces = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)[...]
            let first = pieces.removeFirst()
            try lane.send(client, first, requests: 1)
            lane.settle()
            var served = first.contains("\r\n\r\n") ? try lane.accept() : nil
            return LiveClient(
                active: served == nil ? 0 : 1,
                step: {
                    // The end is left for the end.
                    guard pieces.count > 1 else { return }
                    try lane.send(client, pieces.removeFirst())
                    lane.settle()
                },
                finish: {
                    try lane.send(client, pieces.joined())
                    let upstream = try served ?? lane.accept()
                    served = upstream
                    let request = try lane.serve(upstream, "ok", target: "a")
                    #expect(request.method == "POST")
                    #expect(request["x-token"] == "abcdef")
                    #expect(request.text == body)
                    #expect(request.trailers == trailers)
                    try lane.success(client, "ok")
                    try lane.exchange(client, upstream, "next")
                    #expect(!client.hasEnded())
                })
        }
    }

    /// The client has its 100 and thinks about the body.
    private static let expectContinue = LiveKind(name: "a request body that was asked for with 100") { lane in
        let client = try lane.client()
        try lane.send(client, head + "expect: 100-continue\r\ncontent-length: 10\r\n\r\n", requests: 1)
        #expect(try client.response().status == 100)
        let served = try lane.accept()
        return LiveClient(active: 1) {
            try lane.send(client, "0123456789")
            #expect(try lane.serve(served, "ok", target: "a").text == "0123456789")
            try lane.success(client, "ok")
            try lane.exchange(client, served, "next")
        }
    }

    // MARK: Requests without a response

    private static let waiting = LiveKind(name: "a client that waits for its response") { lane in
        let client = try lane.client()
        try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        let served = try lane.accept()
        lane.settle()
        return LiveClient(active: 1) {
            try lane.serve(served, "answer")
            try lane.success(client, "answer")
            try lane.exchange(client, served, "next")
        }
    }

    /// What is done to a response's headers comes along with the request that it needs.
    static let changed = [
        LiveKind(name: "a client whose response will get other headers") { lane in
            let client = try lane.client()
            try lane.send(client, "GET PATHchanged HTTP/1.1\r\nhost: test\r\nx-ask: this\r\n\r\n", requests: 1)
            let served = try lane.accept()
            #expect(try served.request()["x-ask"] == "this")
            return LiveClient(active: 1) {
                try served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-secret: a\r\nx-other: b\r\n\r\n")
                let response = try client.response()
                lane.countSuccess()
                #expect(response["x-asked"] == "this" && response["x-secret"] == nil && response["x-other"] == "b")
                try lane.exchange(client, served, "next")
            }
        }
    ]

    private static let waitingForHead = LiveKind(name: "a client that waits for the response to a HEAD") { lane in
        let client = try lane.client()
        try lane.send(client, "HEAD PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        let served = try lane.accept()
        #expect(try served.request().method == "HEAD")
        return LiveClient(active: 1) {
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
            let response = try client.response(toHead: true)
            lane.countSuccess()
            #expect(response.status == 200)
            #expect(response["content-length"] == "5000")
            // Nothing but the next response follows.
            try lane.exchange(client, served, "next")
        }
    }

    private static let pipelined = LiveKind(name: "a client with five requests, the first unanswered") { lane in
        let client = try lane.client()
        let names = ["a", "b", "c", "d", "e"]
        let requests = names.map { "GET PATH\($0) HTTP/1.1\r\nhost: test\r\n\r\n" }
        try lane.send(client, requests.joined(), requests: names.count)
        let served = try lane.accept()
        lane.settle()
        return LiveClient(active: 1) {
            for name in names { try lane.serve(served, "answer to \(name)", target: name) }
            for name in names { try lane.success(client, "answer to \(name)") }
            try lane.exchange(client, served, "next")
        }
    }
}
