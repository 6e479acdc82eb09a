import ToolSupport

/// What makes the load.
enum Client: Sendable {
    /// wrk with one thread: closed loop, `depth` requests at once on each of the connections.
    case wrk(connections: Int, depth: Int = 1, fields: Int = 0, closes: Bool = false)
    /// C/load.c with these options.
    case load([String])
    /// h2load with HTTP/1.1: another client's word for the same.
    case h2load(connections: Int)
}

extension Tools {
    /// Runs a client against a port of 127.0.0.1.
    /// - Throws: when it fails, or saw anything but whole answers with 200.
    func run(_ client: Client, host: String = "127.0.0.1", port: Int, path: String, seconds: Double) throws(Failure)
        -> Load
    {
        let command = command(client, "http://\(host):\(port)\(path)", port, path, seconds)
        let child = try Child(command[0], command, output: "\(work)/client", processors: clientProcessors)
        let status = child.wait()
        let text = contents("\(work)/client") ?? ""
        guard status == 0 else { throw Failure("\(child.name) failed: \(child.lastWords)") }
        if case .h2load = client { return try Load(h2load: text) }
        guard let line = text.lines.last(where: { $0.contains("requests=") && $0.contains("bytes_in=") }) else {
            throw Failure("\(child.name) said nothing: \(child.lastWords)")
        }
        return try Load(String(line))
    }

    private func command(_ client: Client, _ url: String, _ port: Int, _ path: String, _ seconds: Double) -> [String] {
        switch client {
        case .wrk(let connections, let depth, let fields, let closes):
            [
                "wrk", "-t1", "-c\(connections)", "-d\(Int(seconds.rounded(.up)))s", "-s", "\(sources)/wrk.lua", url,
                "--",
                "\(depth)", "\(fields)", closes ? "1" : "0",
            ]
        case .load(let options):
            ["\(binaries)/load", "--port", "\(port)", "--path", path, "--seconds", fixed(seconds, 3)] + options
        case .h2load(let connections):
            [
                "h2load", "--h1", "-t1", "-c\(connections)", "-m1", "-D\(Int(seconds.rounded(.up)))", url,
            ]
        }
    }
}
