extension CaseRun.Ports {
    /// Asks a proxy's admin listener.
    ///
    /// - Parameter names: of the listeners that it must tell of.
    public init(adminPort: UInt16, names: [String] = Bootstrap.listeners.map(\.name)) throws {
        self.init([:])
        let body = try AdminPage.get("/listeners", port: adminPort)
        // A line each: `plain::127.0.0.1:40123`.
        for line in body.split(separator: "\n") {
            let name = String(line.prefix { $0 != ":" })
            if let port = UInt16(line.split(separator: ":").last ?? "") { listeners[name] = port }
        }
        for name in names where listeners[name] == nil {
            throw CaseError("/listeners does not tell of \"\(name)\"")
        }
    }
}

/// What an admin listener says.
public enum AdminPage {
    public static func get(_ path: String, port: UInt16) throws -> String {
        let client = try RawClient(port: port)
        client.send(Array("GET \(path) HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".utf8))
        _ = client.receive(silenceMs: 10_000) { client.responses(methods: []).whole.count > 0 }
        guard let page = client.responses(methods: []).whole.first, page.status == 200 else {
            throw CaseError("the admin listener does not answer \(path)")
        }
        return String(decoding: page.body, as: UTF8.self)
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
