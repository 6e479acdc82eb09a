import Glibc
import Testing

/// What one client has to itself: a cluster whose upstream the test plays, and the way there through the proxy.
final class Lane {
    /// What the client did, for the comparison with the stats.
    struct Tally {
        var connections = 0
        var requests = 0
        /// Requests that were answered with 2xx.
        var successes = 0
        var upstreamConnections = 0
    }

    let name: String
    let upstream: Listener
    private(set) var tally = Tally()
    let kind: LiveKind
    private unowned let stage: Stage
    private var clients: [Client] = []
    private var served: [Client] = []

    init(_ name: String, _ kind: LiveKind, _ stage: Stage) throws {
        self.name = name
        self.stage = stage
        self.kind = kind
        upstream = try Listener(backlog: kind.backlog)
    }

    var isTCP: Bool { kind.isTCP }
    /// Where the lane's requests go.
    var path: String { "/\(name)/" }

    // MARK: The two ends

    func client(of listener: String? = nil, receiveBuffer: Int32? = nil) throws -> Client {
        let port = try stage.port(of: listener ?? (isTCP ? name : "listener_0"))
        let client = try Client(port: port, receiveBuffer: receiveBuffer)
        tally.connections += 1
        clients.append(client)
        return client
    }

    /// The proxy's next connection to the upstream.
    func accept() throws -> Client {
        let client = try upstream.accept()
        tally.upstreamConnections += 1
        served.append(client)
        return client
    }

    /// Sends text in which PATH stands for the lane's path and LANE for its name.
    func send(_ client: Client, _ text: String, requests: Int = 0) throws {
        tally.requests += requests
        let bytes = Array(text.replacing("PATH", with: path).replacing("LANE", with: name).utf8)
        try client.send(bytes)
        if !isTCP { stage.sentBytes += bytes.count }
    }

    /// The next response, which must be a success and leave the connection open.
    func success(_ client: Client, _ text: String, _ comment: Comment? = nil) throws {
        let response = try client.response()
        tally.successes += 1
        #expect(response.status == 200, comment)
        #expect(response.text == text, comment)
        #expect(!response.has("connection"), comment)
    }

    /// The next request at the upstream, which must ask for nothing special.
    @discardableResult
    func serve(_ served: Client, _ answer: String, target: String = "") throws -> Request {
        let request = try served.request()
        #expect(request.target == path + target)
        #expect(request["connection"] == nil)
        try served.send("HTTP/1.1 200 OK\r\ncontent-length: \(answer.utf8.count)\r\n\r\n\(answer)")
        return request
    }

    /// A whole request and its response.
    func exchange(_ client: Client, _ served: Client, _ text: String) throws {
        try send(client, "GET PATH\(text) HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        try serve(stage.mixesWorkers ? whoIsAsked() : served, text, target: text)
        try success(client, text)
    }

    /// The same, on whichever connection the proxy takes for it.
    func exchange(_ client: Client, _ text: String) throws {
        try send(client, "GET PATH\(text) HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        try serve(whoIsAsked(), text, target: text)
        try success(client, text)
    }

    /// The connection on which the next request comes, a new one if need be.
    private func whoIsAsked() throws -> Client {
        let known = served.filter { $0.descriptor >= 0 && !$0.hasEnded() }
        if let one = known.first(where: { !$0.unread.isEmpty }) { return one }
        var polled = (known.map(\.descriptor) + [upstream.descriptor]).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        guard poll(&polled, nfds_t(polled.count), Int32(generousSeconds * 1000)) > 0 else {
            throw Failure("no request comes")
        }
        return try zip(known, polled).first { $1.revents != 0 }?.0 ?? accept()
    }

    func countSuccess() { tally.successes += 1 }

    // MARK: What the proxy knows

    /// The clients are where they are to be only when the proxy has read all that was sent so far.
    func settle() { stage.awaitsBytes = true }

    /// ... when it has accepted all of them.
    func settleConnections() { stage.awaitsConnections = true }

    /// ... when it has read so many bytes from the upstream.
    func settleUpstream(_ count: Int) { settle("upstream_cx_rx_bytes_total", count) }

    /// ... when this stat of the cluster has that value.
    func settle(_ name: String, _ value: Int) { stage.awaited["cluster.\(self.name).\(name)"] = UInt64(value) }

    // MARK: The end

    /// Client connections that have ended, by whomever.
    var lost: Int { clients.count { $0.descriptor < 0 || $0.hasEnded() } }

    /// The client and the upstream are done with each other.
    func close() {
        for client in clients { client.close() }
        for client in served { client.close() }
    }
}

extension [Lane] {
    func sum(_ part: KeyPath<Lane.Tally, Int>) -> Int { reduce(0) { $0 + $1.tally[keyPath: part] } }
}
