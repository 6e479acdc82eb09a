import CLinux
import Glibc

/// What an upstream answers: each request says it.
extension Host {
    /// One request; false: the connection is to end.
    func answer(_ wire: Wire) throws -> Bool {
        let head = try wire.head()
        let target = Target(head.start.count > 1 ? head.start[1] : "")
        let id = head["x-soak-id"].flatMap { UInt64($0) } ?? 0
        guard let tries = id > 0 ? noticed(id) : 1 else { return false }
        switch target.name {
        case "health":
            try wire.send(isWell ? "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" : Self.unavailable)
        case "content":
            _ = try wire.body(head.requestFraming) { _, _ in }
            try content(wire, target, toHead: head.start[0] == "HEAD")
        case "take": try take(wire, head, target)
        case "echo": try echoBody(wire, head)
        case "fields": try fields(wire, head, target)
        case "status":
            try wire.send("HTTP/1.1 \(target["c"]) Some\r\nx-host: \(name)\r\n\r\n")
        case "flaky":
            _ = try wire.body(head.requestFraming) { _, _ in }
            if tries <= target["k"] {
                if target["m"] == 0 {
                    try wire.send(Self.unavailable)
                    return true
                }
                if target["m"] == 1 { wire.resetAtEnd() }
                return false
            }
            try content(wire, target, toHead: false)
        case "stall", "hold":
            // Until the proxy gives up, or its client does.
            while true {
                try wire.receive()
                wire.take(wire.unread.count)
            }
        case "upgrade":
            try wire.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            try echo(wire)
        case "lie": return try lie(wire, head, target)
        default: try wire.send("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        }
        return true
    }

    private static let unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"

    /// `n` bytes of content `s`, in chunks of `chunk` if that is not 0, `pause` milliseconds after the head.
    private func content(_ wire: Wire, _ target: Target, toHead: Bool) throws {
        let content = Content(seed: target["s"])
        let framing = target["chunk"] > 0 ? "transfer-encoding: chunked" : "content-length: \(target["n"])"
        try wire.send("HTTP/1.1 200 OK\r\nx-host: \(name)\r\n\(framing)\r\n\r\n")
        if toHead { return }
        if target["pause"] > 0 { usleep(UInt32(target["pause"]) * 1000) }
        if target["chunk"] > 0 {
            try wire.sendChunks(content, target["n"], most: target["chunk"])
        } else {
            try wire.send(content, 0..<target["n"])
        }
    }

    /// Compares the body and says how long it was.
    private func take(_ wire: Wire, _ head: Head, _ target: Target) throws {
        let content = Content(seed: target["s"])
        var wrong: Int?
        let count = try wire.body(head.requestFraming) { bytes, offset in
            if wrong == nil { wrong = content.firstDifference(bytes, at: offset) }
        }
        let text = wrong.map { "of \(count) bytes that at \($0) is wrong" } ?? "took \(count)"
        try wire.send(
            "HTTP/1.1 200 OK\r\nx-host: \(name)\r\ncontent-length: \(text.utf8.count)\r\n\r\n\(text)")
    }

    private func echoBody(_ wire: Wire, _ head: Head) throws {
        try wire.send("HTTP/1.1 200 OK\r\nx-host: \(name)\r\ntransfer-encoding: chunked\r\n\r\n")
        _ = try wire.body(head.requestFraming) { bytes, _ in
            try wire.send(String(bytes.count, radix: 16) + "\r\n")
            try wire.send(bytes)
            try wire.send("\r\n")
        }
        try wire.send("0\r\n\r\n")
    }

    /// The value of a field by seed and number.
    static func value(_ seed: Int, _ number: Int) -> String {
        var random = Random(seed: UInt64(truncatingIfNeeded: seed &* 1000 &+ number))
        return String(random.next(), radix: 36) + String(repeating: "x", count: random.below(60))
    }

    /// Compares `n` fields and answers with as many of its own.
    private func fields(_ wire: Wire, _ head: Head, _ target: Target) throws {
        let wrong = (0..<target["n"]).filter { head["x-f-\($0)"] != Self.value(target["s"], $0) }
        var text = "HTTP/1.1 \(wrong.isEmpty ? "200 OK" : "500 Wrong")\r\nx-host: \(name)\r\ncontent-length: 0\r\n"
        for number in 0..<target["n"] { text += "x-g-\(number): \(Self.value(target["s"] + 1, number))\r\n" }
        try wire.send(text + "\r\n")
    }
}
