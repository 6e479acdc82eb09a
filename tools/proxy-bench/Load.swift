import ToolSupport

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

extension Load {
    /// A line of C/load.c or of wrk.lua.
    /// - Throws: when anything but whole answers with 200 came, or none at all.
    init(_ line: String) throws(Failure) {
        let values = pairs(line)
        guard let requests = values["requests"], let bytes = values["bytes_in"], let seconds = values["seconds"],
            let errors = values["errors"]
        else { throw Failure("cannot read: \(line)") }
        if errors > 0 { throw Failure("errors: \(line)") }
        guard requests > 0, seconds > 0 else { throw Failure("no request was answered: \(line)") }
        // wrk knows no latency of requests that go out together, and says 0.
        func positive(_ name: String) -> Double { values[name].flatMap { $0 > 0 ? $0 : nil } ?? .nan }
        self.init(
            requests: requests, bytesIn: bytes, bytesOut: values["bytes_out"] ?? 0, seconds: seconds,
            planned: values["planned"] ?? .nan, p50: positive("p50_us"), p99: positive("p99_us"),
            p999: positive("p999_us"), max: positive("max_us"))
    }

    /// What h2load writes, of which these lines count:
    ///
    ///     finished in 2.00s, 33770.50 req/s, 4.57MB/s
    ///     requests: 67541 total, 67605 started, 67541 done, 67541 succeeded, 0 failed, 0 errored, 0 timeout
    init(h2load text: String) throws(Failure) {
        self.init()
        for line in text.lines {
            let words = line.words
            if line.hasPrefix("finished in"), words.count > 2 {
                seconds = Double(words[2].prefix(while: { $0.isNumber || $0 == "." })) ?? 0
            }
            guard line.hasPrefix("requests:") else { continue }
            for i in words.indices.dropFirst() {
                let value = Double(words[i - 1]) ?? 0
                if words[i].hasPrefix("succeeded") { requests = value }
                if value > 0, ["failed", "errored", "timeout"].contains(where: { words[i].hasPrefix($0) }) {
                    throw Failure("errors: \(line)")
                }
            }
        }
        guard requests > 0, seconds > 0 else { throw Failure("cannot read what h2load says") }
    }
}
