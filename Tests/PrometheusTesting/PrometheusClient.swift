/// What Prometheus' own Python library, and a few checks that it leaves to the server, read in a text.
public struct PrometheusClient {
    public struct Sample: Equatable, Hashable, Sendable {
        /// `counter`, `gauge` or `histogram`.
        public var type: String
        public var name: String
        public var labels: [String: String]
        public var value: Double

        public init(_ type: String, _ name: String, _ labels: [String: String], _ value: Double) {
            self.type = type
            self.name = name
            self.labels = labels
            self.value = value
        }
    }

    public let samples: [Sample]

    /// - Throws: `Command.Failure`, with the parser's words, when the text is not what a server would take, and when the
    ///   parser is not there: the package is python3-prometheus-client, which `tools/test` installs.
    public init(_ text: String) throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let output = try Command.withFile { file in
            try Command.write(text, to: file)
            return try Command.output(root + "/tools/lib/prometheus-samples", [file])
        }
        samples = try output.utf8.split(separator: UInt8(ascii: "\n")).map { line in
            let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map(Self.text)
            guard fields.count >= 3, fields.count % 2 == 1, let value = Double(fields[2]) else {
                throw Command.Failure(description: "not a sample: \(fields)")
            }
            var labels: [String: String] = [:]
            for i in stride(from: 3, to: fields.count, by: 2) { labels[fields[i]] = fields[i + 1] }
            return Sample(fields[0], fields[1], labels, value)
        }
    }

    /// The samples of a name.
    public func named(_ name: String) -> [Sample] { samples.filter { $0.name == name } }

    private static func text(_ field: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                bytes.append(byte)
                continue
            }
            switch escaped {
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "n"): bytes.append(10)
            default: bytes.append(escaped)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
