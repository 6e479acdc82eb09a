extension CaseRun.Ports {
    /// Asks a proxy's admin listener.
    public init(adminPort: UInt16) throws {
        let client = try RawClient(port: adminPort)
        client.send(Array("GET /listeners HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".utf8))
        _ = client.receive(silenceMs: 10_000) { client.responses(methods: []).whole.count > 0 }
        let body = client.responses(methods: []).whole.first?.body ?? []
        self.init([:])
        // A line each: `plain::127.0.0.1:40123`.
        for line in String(decoding: body, as: UTF8.self).split(separator: "\n") {
            let name = String(line.prefix { $0 != ":" })
            if let port = UInt16(line.split(separator: ":").last ?? "") { listeners[name] = port }
        }
        for (name, _) in Bootstrap.listeners where listeners[name] == nil {
            throw CaseError("/listeners does not tell of \"\(name)\"")
        }
    }
}

/// The access log of `Bootstrap`.
public enum CaseLog {
    /// Flags and details of each path.
    public static func read(_ text: String) -> [String: String] {
        var lines: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { lines[String(parts[0])] = String(parts[1]) }
        }
        return lines
    }
}
