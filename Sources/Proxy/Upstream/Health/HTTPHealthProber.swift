import CLinux
import Glibc
import ProxyConfig

/// A check that sends an HTTP/1.1 request and looks at the status of the response.
final class HTTPHealthProber: HealthProber {
    private let check: HTTPHealthCheck
    private let reuses: Bool
    private let request: [UInt8]
    private let address: () -> cl_address
    private let done: (ProbeResult) -> Void
    private let connection: ProbeConnection
    private var isActive = false
    private var response: ProbeResponse

    init(
        _ check: HTTPHealthCheck, reuses: Bool, host: String, loop: MainLoop, header: ProxyHeader.Version? = nil,
        sockets: SocketSettings? = nil,
        address: @escaping () -> cl_address, done: @escaping (ProbeResult) -> Void
    ) {
        self.check = check
        self.reuses = reuses
        self.address = address
        self.done = done
        request = Self.request(check, host: host)
        connection = ProbeConnection(loop: loop, header: header, sockets: sockets)
        response = ProbeResponse(isHead: check.isHead)
    }

    /// The request as it goes out; fields and their order are Envoy's.
    static func request(_ check: HTTPHealthCheck, host: String) -> [UInt8] {
        var fields: [(name: String, value: String)] = [("host", host), ("user-agent", "Envoy/HC")]
        for header in check.headers {
            let known = fields.firstIndex { $0.name == header.name }
            switch (header.action, known) {
            case (.append, let known?): fields[known].value += ",\(header.value)"
            case (.overwriteOrAdd, let known?), (.overwriteIfExists, let known?): fields[known].value = header.value
            case (.addIfAbsent, _?), (.overwriteIfExists, nil): break
            case (_, nil): fields.append((header.name, header.value))
            }
        }
        fields.removeAll { check.removedHeaders.contains($0.name) }
        let lines = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
        return Array("\(check.isHead ? "HEAD" : "GET") \(check.path) HTTP/1.1\r\n\(lines)\r\n".utf8)
    }

    func begin() {
        isActive = true
        response = ProbeResponse(isHead: check.isHead)
        if !connection.isOpen { connection.open(address()) { [weak self] in self?.happened($0) } }
        if isActive { connection.send(request) }
    }

    func glance() {
        if isActive { connection.glance() }
    }

    func cancel() {
        isActive = false
        connection.close()
    }

    private func happened(_ event: ProbeConnection.Event) {
        switch event {
        case .connected: break
        case .data(let bytes):
            // A host has nothing to say that nobody asked for.
            guard isActive else { return connection.close() }
            response.take(bytes)
            conclude()
        case .closed(let code):
            // Between two checks it may.
            guard isActive else { return }
            response.end()
            if response.state == .complete { return conclude() }
            finish(
                ProbeResult(
                    failure: .network, reason: code == 0 ? "closed by the host" : SystemError.text(code)))
        }
    }

    private func conclude() {
        switch response.state {
        case .incomplete: break
        case .malformed:
            connection.close()
            finish(ProbeResult(failure: .network, reason: "the answer is not HTTP/1.1 as it should be"))
        case .complete:
            if !reuses || !response.keepsAlive { connection.close() }
            let status = UInt32(response.status)
            var result = ProbeResult(isImmediate: response.isImmediateFailure, isDegraded: response.isDegraded)
            if !check.expectedStatuses.contains(where: { $0.contains(status) }) {
                result.failure = .answer(retriable: check.retriableStatuses.contains { $0.contains(status) })
                result.reason = "status \(status)"
                result.status = status
            }
            finish(result)
        }
    }

    private func finish(_ result: ProbeResult) {
        guard isActive else { return }
        isActive = false
        done(result)
    }
}

/// A response as it arrives: its status, and where it ends. Interim responses are passed over.
struct ProbeResponse {
    enum State { case incomplete, complete, malformed }

    private static let limits = HeadLimits(bytes: 60 * 1024, fields: 100)
    /// The parser scans eight bytes at a time.
    private static let slack = 16

    private(set) var state = State.incomplete
    private(set) var status: UInt16 = 0
    private(set) var keepsAlive = true
    private(set) var isImmediateFailure = false
    private(set) var isDegraded = false
    private let method: Method
    private var head: [UInt8] = []
    private var body: BodyDecoder?

    init(isHead: Bool) { method = isHead ? .head : .get }

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        guard state == .incomplete else {
            // Bytes behind the response: the connection is not to be used again.
            keepsAlive = false
            return
        }
        if body != nil { return takeBody(bytes) }
        head.append(contentsOf: bytes)
        while body == nil, state == .incomplete {
            guard let length = parseHead() else { return }
            head.removeFirst(length)
        }
        let rest = head
        head = []
        rest.withUnsafeBytes { takeBody($0) }
    }

    /// The connection has ended.
    mutating func end() {
        if let body, body.state == .untilClose, state == .incomplete { state = .complete }
    }

    /// Returns the length of a head, nil when there is none yet or never will be.
    private mutating func parseHead() -> Int? {
        let count = head.count
        var copy = head
        copy.append(contentsOf: repeatElement(0, count: Self.slack))
        var parsed = MessageHead(capacity: Self.limits.fields + 1)
        defer { parsed.free() }
        let placeholder = parsed.base
        defer { placeholder.deallocate() }
        return copy.withUnsafeBufferPointer { buffer -> Int? in
            guard let base = buffer.baseAddress else { return nil }
            switch parsed.parseResponse(base, count, limits: Self.limits, requestMethod: method) {
            case .incomplete: return nil
            case .failed:
                state = .malformed
                return nil
            case .complete(let length):
                // Nobody asked for an upgrade.
                if parsed.status == 101 {
                    state = .malformed
                    return nil
                }
                if parsed.status < 200 { return length }
                status = parsed.status
                keepsAlive = parsed.keepsAlive && parsed.framing != .untilClose
                isImmediateFailure = parsed.present.contains(.xEnvoyImmediateHealthCheckFail)
                isDegraded = parsed.present.contains(.xEnvoyDegraded)
                body = BodyDecoder(framing: parsed.framing, length: parsed.contentLength)
                return length
            }
        }
    }

    private mutating func takeBody(_ bytes: UnsafeRawBufferPointer) {
        guard var decoder = body else { return }
        defer { body = decoder }
        var p = 0
        while true {
            if decoder.isDone {
                state = .complete
                if p < bytes.count { keepsAlive = false }
                return
            }
            guard p < bytes.count, let base = bytes.baseAddress else { return }
            let start = base.advanced(by: p).assumingMemoryBound(to: UInt8.self)
            switch decoder.next(start, bytes.count - p) {
            case .data(_, _, let consumed), .trailer(_, _, let consumed): p += consumed
            case .needMore: return
            case .end(let consumed):
                p += consumed
                state = .complete
                if p < bytes.count { keepsAlive = false }
                return
            case .failed:
                state = .malformed
                return
            }
        }
    }
}
