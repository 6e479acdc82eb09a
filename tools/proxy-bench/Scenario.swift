/// One line of a table: a load that every peer gets.
struct Scenario: Sendable {
    /// What a figure is per.
    enum Unit { case request, byte }

    /// As `--only` takes it.
    let name: String
    let title: String
    let client: Client
    var path = "/13"
    var unit = Unit.request
    /// Bytes of body that an answer has at least; fewer are an error.
    var answerBytes = 13.0
    var isTCP = false
    var isQuick = false

    private static let closing = Client.wrk(connections: 64, closes: true)
    private static func wrk(_ connections: Int) -> Client { .wrk(connections: connections) }
    private static func upload(_ bytes: Int, _ connections: Int, _ more: String...) -> Client {
        .load(["--connections", "\(connections)", "--body", "\(bytes)"] + more)
    }

    /// With one worker and one route.
    static let all: [Scenario] = [
        Scenario(name: "keepalive-64", title: "keep-alive GET, 64 connections", client: wrk(64), isQuick: true),
        Scenario(name: "keepalive-1", title: "keep-alive GET, 1 connection", client: wrk(1), isQuick: true),
        Scenario(name: "keepalive-1000", title: "keep-alive GET, 1 000 connections", client: wrk(1000)),
        Scenario(
            name: "h2load-64", title: "keep-alive GET, 64 connections, by h2load", client: .h2load(connections: 64),
            answerBytes: 0),
        Scenario(
            name: "new-connection", title: "a new connection for each request", client: closing, isQuick: true),
        Scenario(
            name: "pipelining", title: "16 requests at once", client: .wrk(connections: 64, depth: 16), isQuick: true),
        // With Host, and with the three that the upstream always has; Envoy and envoyd take no more by default.
        Scenario(
            name: "headers", title: "100 header fields both ways", client: .wrk(connections: 64, fields: 99),
            path: "/headers/97"),
        Scenario(name: "get-1k", title: "1 KB response", client: wrk(64), path: "/1024", answerBytes: 1024),
        Scenario(
            name: "get-64k", title: "64 KB response", client: wrk(64), path: "/65536", unit: .byte, answerBytes: 65536),
        Scenario(
            name: "get-1m", title: "1 MB response", client: wrk(16), path: "/1048576", unit: .byte,
            answerBytes: 1_048_576,
            isQuick: true),
        Scenario(
            name: "get-100m", title: "100 MB response", client: .load(["--connections", "4"]), path: "/104857600",
            unit: .byte, answerBytes: 0, isQuick: true),
        Scenario(
            name: "get-chunked", title: "64 KB response in chunks of 16 KB", client: wrk(64), path: "/chunked/65536",
            unit: .byte, answerBytes: 65536),
        Scenario(name: "put-1k", title: "1 KB upload", client: upload(1024, 64)),
        Scenario(name: "put-64k", title: "64 KB upload", client: upload(65536, 64), unit: .byte),
        Scenario(name: "put-1m", title: "1 MB upload", client: upload(1_048_576, 16), unit: .byte),
        Scenario(
            name: "put-100m", title: "100 MB upload", client: upload(104_857_600, 4), unit: .byte, answerBytes: 0),
        Scenario(
            name: "put-chunked", title: "64 KB upload and response, both in chunks",
            client: upload(65536, 64, "--chunked"), path: "/chunked/65536", unit: .byte, answerBytes: 65536,
            isQuick: true),
        Scenario(
            name: "tcp-64", title: "TCP proxy, keep-alive GET, 64 connections", client: wrk(64), isTCP: true,
            isQuick: true),
        Scenario(
            name: "tcp-1m", title: "TCP proxy, 1 MB response", client: wrk(16), path: "/1048576", unit: .byte,
            answerBytes: 1_048_576, isTCP: true),
        Scenario(
            name: "tcp-new-connection", title: "TCP proxy, a new connection for each request", client: closing,
            isTCP: true),
    ]
}
