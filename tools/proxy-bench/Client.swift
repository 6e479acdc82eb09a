/// What makes the load.
enum Client: Sendable {
    /// wrk with one thread: closed loop, `depth` requests at once on each of the connections.
    case wrk(connections: Int, depth: Int = 1, fields: Int = 0, closes: Bool = false)
    /// C/load.c with these options.
    case load([String])
    /// h2load with HTTP/1.1: another client's word for the same.
    case h2load(connections: Int)
}

/// What a client saw.
struct Load {
    var requests = 0.0
    var bytesIn = 0.0
    var bytesOut = 0.0
    var seconds = 0.0
    /// With a fixed rate: how many should have been asked.
    var planned = Double.nan
    /// Microseconds; NaN where the client does not tell.
    var p50 = Double.nan
    var p99 = Double.nan
    var p999 = Double.nan
    var max = Double.nan
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
        if case .h2load = client { return try parseH2load(text) }
        guard let line = text.lines.last(where: { $0.contains("requests=") && $0.contains("bytes_in=") }) else {
            throw Failure("\(child.name) said nothing: \(child.lastWords)")
        }
        return try parse(String(line))
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

    /// A line of C/load.c or of wrk.lua.
    private func parse(_ line: String) throws(Failure) -> Load {
        let values = pairs(line)
        guard let requests = values["requests"], let bytes = values["bytes_in"], let seconds = values["seconds"] else {
            throw Failure("cannot read: \(line)")
        }
        if let errors = values["errors"], errors > 0 { throw Failure("errors: \(line)") }
        guard requests > 0 else { throw Failure("no request was answered: \(line)") }
        // wrk knows no latency of requests that go out together, and says 0.
        func positive(_ name: String) -> Double { values[name].flatMap { $0 > 0 ? $0 : nil } ?? .nan }
        return Load(
            requests: requests, bytesIn: bytes, bytesOut: values["bytes_out"] ?? 0, seconds: seconds,
            planned: values["planned"] ?? .nan, p50: positive("p50_us"), p99: positive("p99_us"),
            p999: positive("p999_us"), max: positive("max_us"))
    }

    /// "requests: 10 total, 10 started, 10 done, 10 succeeded, 0 failed, 0 errored, 0 timeout"
    private func parseH2load(_ text: String) throws(Failure) -> Load {
        var load = Load()
        for line in text.lines {
            let words = line.words
            if line.hasPrefix("finished in"), words.count > 2 {
                load.seconds = Double(words[2].prefix(while: { $0.isNumber || $0 == "." })) ?? 0
            }
            guard line.hasPrefix("requests:") else { continue }
            for i in words.indices.dropFirst() {
                let value = Double(words[i - 1]) ?? 0
                if words[i].hasPrefix("succeeded") { load.requests = value }
                if words[i].hasPrefix("failed") || words[i].hasPrefix("errored") || words[i].hasPrefix("timeout"),
                    value > 0
                {
                    throw Failure("errors: \(line)")
                }
            }
        }
        guard load.requests > 0, load.seconds > 0 else { throw Failure("cannot read what h2load says") }
        return load
    }
}
