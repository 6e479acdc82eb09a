import Glibc

/// What an upstream must not do. The proxy has to take each for what it is, and no client may be told more than is true.
extension Host {
    enum Lie: String, CaseIterable {
        /// The length is larger than what comes, then the connection ends.
        case long
        /// The length is smaller than what comes.
        case short
        /// After half of the content a chunk has no size.
        case chunk
        /// The connection breaks in the middle of the content.
        case reset
        /// Not a response.
        case garbage
        /// A length and chunks.
        case both
        /// The connection ends, and nothing was answered.
        case silent
        /// Interim responses come first; which is no lie at all.
        case interim
        /// The answer comes before the request has; the rest of that is read.
        case early
        /// A second response that nobody asked for.
        case twice
    }

    /// Answers `n` bytes of content `s`, in the way that the target names.
    func lie(_ wire: Wire, _ head: Head, _ target: Target) throws -> Bool {
        guard let lie = Lie(rawValue: target.detail) else { return false }
        let content = Content(seed: target["s"])
        let count = target["n"]
        func ok(_ framing: String) -> String { "HTTP/1.1 200 OK\r\nx-host: \(name)\r\n\(framing)\r\n\r\n" }
        switch lie {
        case .long:
            try wire.send(ok("content-length: \(count + 1000)"))
            try wire.send(content, 0..<count)
            return false
        case .short:
            // At once: who has a whole response may ask again before bytes come that nobody asked for.
            try sendAtOnce(wire, ok("content-length: \(count)"), content, count + 100, "")
            // The proxy ends it.
            return true
        case .chunk:
            try wire.send(ok("transfer-encoding: chunked"))
            try wire.sendChunks(content, count, most: 1000, whole: false)
            try wire.send("zz\r\n")
            return true
        case .reset:
            try wire.send(ok("content-length: \(count + 1000)"))
            try wire.send(content, 0..<count)
            // So that the bytes are not overtaken by the RST.
            usleep(20_000)
            wire.resetAtEnd()
            return false
        case .garbage:
            try wire.send("this is not HTTP at all\r\n\r\n")
            return true
        case .both:
            try wire.send(ok("content-length: \(count)\r\ntransfer-encoding: chunked"))
            return true
        case .silent: return false
        case .interim:
            try wire.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
            try wire.send(ok("content-length: \(count)"))
            try wire.send(content, 0..<count)
            return true
        case .early:
            try wire.send(ok("content-length: \(count)"))
            try wire.send(content, 0..<count)
            _ = try wire.body(head.requestFraming) { _, _ in }
            return true
        case .twice:
            try sendAtOnce(wire, ok("content-length: \(count)"), content, count, ok("content-length: 5") + "hello")
            return true
        }
    }

    private func sendAtOnce(_ wire: Wire, _ head: String, _ content: Content, _ count: Int, _ tail: String) throws {
        let bytes = content.withBytes(at: 0, count) { Array(head.utf8) + $0 + Array(tail.utf8) }
        try bytes.withUnsafeBytes { try wire.send($0) }
    }
}
