/// Runs cases against a proxy that serves `Bootstrap`, one after the other.
public final class CaseRun {
    /// Where a proxy listens.
    public struct Ports: Sendable {
        /// By name of the listener.
        public var listeners: [String: UInt16]
        public init(_ listeners: [String: UInt16]) { self.listeners = listeners }
    }

    private let ports: Ports
    private let upstream: RecordingUpstream
    private let byteByByte: Bool
    private let silenceMs: Int
    private var number = 0

    /// - Parameters:
    ///   - byteByByte: requests are sent so.
    ///   - silenceMs: how long nothing may come before it is concluded that nothing does.
    public init(_ ports: Ports, _ upstream: RecordingUpstream, byteByByte: Bool = false, silenceMs: Int) {
        self.ports = ports
        self.upstream = upstream
        self.byteByByte = byteByByte
        self.silenceMs = silenceMs
    }

    private func client(_ listener: String) throws -> RawClient {
        guard let port = ports.listeners[listener] else { throw CaseError("no listener \"\(listener)\"") }
        return try RawClient(port: port)
    }

    private static let next = Array("GET /next HTTP/1.1\r\nhost: test\r\n\r\n".utf8)

    // MARK: Requests

    /// Sends a request and what shows where it ends for whom: a plain request behind it. Returns what was observed.
    ///
    /// - Parameter expected: what is waited for; nothing is concluded from it.
    public func request(_ one: MessageCase, expected: String) throws -> String {
        upstream.begin()
        let client = try client(one.listener)
        let methods = one.bytes.starts(with: "HEAD ".utf8) ? ["HEAD"] : []
        client.send(one.bytes + Self.next, byteByByte: byteByByte)
        func reachedNext() -> Bool { client.responses(methods: methods).whole.contains { $0["x-target"] == "/next" } }
        var silent = false
        if expected.hasPrefix("waits") {
            // What it waits for never comes. That it does not answer what it has is seen when it is told so.
            silent = true
        } else if !client.receive(silenceMs: silenceMs, until: reachedNext) {
            silent = true
        }
        if silent {
            client.endSending()
            _ = client.receive(silenceMs: silenceMs) { false }
        }
        let (responses, rest) = client.responses(methods: methods)
        var words = responses.map { $0["x-target"] == "/next" ? "next" : "\($0.status)" }
        if case .begun(let message) = rest { words.append("\(message.status) cut") }
        if case .garbage = rest { words.append("garbage") }
        if silent { words.append("waits") } else if !reachedNext() { words.append("closes") }
        return words.joined(separator: " ") + " | " + Self.text(upstream.settle())
    }

    private static func text(_ seen: [RecordingUpstream.Seen]) -> String {
        let texts: [String] = seen.compactMap { one in
            if one.isGarbage { return "garbage \(one.message.startLine)" }
            let start = one.message.startLine
            guard start.hasSuffix(" HTTP/1.1") else { return "garbage \(start)" }
            let count = start.utf8.count
            let line = count < 200 ? String(start.dropLast(9)) : start.prefix(60) + "...\(count) bytes"
            let text = line + " " + one.message.facts(unfinished: !one.isWhole)
            return text == "GET /next []" ? nil : text
        }
        return texts.isEmpty ? "nothing" : texts.joined(separator: " ; ")
    }

    // MARK: Responses

    /// Lets the upstream answer with raw bytes, and sends a plain request afterwards. Returns what was observed, and the
    /// path under which the access log has the rest.
    public func response(_ one: MessageCase) throws -> (observed: String, path: String) {
        number += 1
        let path = "/raw/\(number)"
        upstream.begin(answer: (one.bytes, one.closes))
        var client = try client(one.listener)
        client.send(Array("\(one.method) \(path) HTTP/1.1\r\nhost: test\r\n\r\n".utf8))
        let answered = client.receive(silenceMs: silenceMs) {
            client.responses(methods: [one.method]).whole.contains { $0.status >= 200 || $0.status == 101 }
        }
        let (responses, rest) = client.responses(methods: [one.method])
        var words = responses.map(Self.text)
        if case .begun(let message) = rest { words.append(Self.text(message) + " cut") }
        if case .garbage = rest { words.append("garbage") }
        if !answered { words.append("waits") }
        let closed = client.hasEnded || !answered || responses.contains { $0["connection"] == "close" }
        if closed { client = try self.client(one.listener) }
        client.send(Self.next)
        let methods = closed ? [] : [one.method]
        let reached = client.receive(silenceMs: silenceMs) {
            client.responses(methods: methods).whole.contains { $0["x-target"] == "/next" }
        }
        words.append(closed ? "closes" : reached && !client.hasEnded ? "next" : "next fails")
        let seen = upstream.settle()
        let first = seen.first { $0.message.start.dropFirst().first.map(String.init) == path }
        let second = seen.last { $0.message.startLine == "GET /next HTTP/1.1" }
        var use = "unknown"
        if let first, let second { use = first.connection == second.connection ? "reused" : "not reused" }
        return (words.joined(separator: " ") + " | " + use, path)
    }

    private static func text(_ message: WireMessage) -> String {
        // The words of a local reply are other tests' subject.
        if message.fields.contains(where: { $0.name == "content-type" && $0.value == "text/plain" }) {
            return "\(message.status)"
        }
        return "\(message.status) \(message.facts())"
    }

    // MARK: Comparing

    /// Whether what was observed is what a table says. A request that upstream never got whole may not be seen at all:
    /// how much of it went out before it was found to be bad is a matter of timing.
    public static func matches(_ observed: String, _ table: String) -> Bool {
        strict(observed) == strict(table)
    }

    private static func strict(_ text: String) -> String {
        let parts = text.split(separator: " | ", maxSplits: 1)
        guard parts.count == 2 else { return text }
        let seen = parts[1].split(separator: " ; ").filter { !$0.hasSuffix(" unfinished") && $0 != "nothing" }
        return "\(parts[0]) | \(seen.joined(separator: " ; "))"
    }
}
