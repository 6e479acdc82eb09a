/// The Prometheus text format 0.0.4, read strictly: every line is a comment of a known kind, a type or a sample, and what
/// belongs to one metric stands together.
struct PrometheusText {
    struct Sample: Equatable {
        var name: String
        var labels: [String: String]
        var value: Double
    }
    struct Invalid: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var types: [String: String] = [:]
    private(set) var samples: [Sample] = []
    private var current = ""

    init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Invalid(description: "no line feed at the end") }
        var seen: Set<String> = []
        // By bytes: a character may not swallow the line feed.
        for line in Array(text.utf8).dropLast().split(separator: 10, omittingEmptySubsequences: false) {
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("#") {
                try type(text)
            } else {
                let sample = try Self.sample(Array(line))
                try check(sample, text)
                let key = sample.name + sample.labels.sorted { $0.key < $1.key }.map { "\u{1}\($0)\u{2}\($1)" }.joined()
                guard seen.insert(key).inserted else { throw Invalid(description: "twice: \(text)") }
                samples.append(sample)
            }
        }
        try checkHistograms()
    }

    private mutating func type(_ line: String) throws {
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 4, words[0] == "#", words[1] == "TYPE", Self.isName(Array(words[2].utf8)),
            ["counter", "gauge", "histogram"].contains(words[3])
        else { throw Invalid(description: "not a type: \(line)") }
        guard types.updateValue(words[3], forKey: words[2]) == nil else {
            throw Invalid(description: "a second type: \(line)")
        }
        current = words[2]
        for suffix in ["_bucket", "_sum", "_count"] {
            let isHistogram = current.hasSuffix(suffix) && types[String(current.dropLast(suffix.count))] == "histogram"
            guard !isHistogram, words[3] != "histogram" || types[current + suffix] == nil else {
                throw Invalid(description: "a metric and a sample of a histogram: \(line)")
            }
        }
    }

    private func check(_ sample: Sample, _ line: String) throws {
        switch types[current] {
        case "histogram":
            let rest = sample.name.hasPrefix(current) ? sample.name.dropFirst(current.count) : "?"
            guard ["_bucket", "_sum", "_count"].contains(rest), (sample.labels["le"] != nil) == (rest == "_bucket")
            else {
                throw Invalid(description: "not of histogram \(current): \(line)")
            }
        case nil: throw Invalid(description: "no type before: \(line)")
        default:
            guard sample.name == current, sample.labels["le"] == nil else {
                throw Invalid(description: "not of \(current): \(line)")
            }
        }
    }

    private func checkHistograms() throws {
        var last: [String: (bound: Double, count: Double)] = [:]
        for sample in samples where sample.labels["le"] != nil {
            let bound = sample.labels["le"] == "+Inf" ? Double.infinity : Double(sample.labels["le"]!) ?? .nan
            let key = Self.series(sample)
            if let before = last[key], !(bound > before.bound && sample.value >= before.count) {
                throw Invalid(description: "buckets of \(sample.name) do not rise")
            }
            guard !bound.isNaN else { throw Invalid(description: "a bound that is no number: \(sample)") }
            last[key] = (bound, sample.value)
        }
        for sample in samples
        where sample.name.hasSuffix("_count") && types[String(sample.name.dropLast(6))] == "histogram" {
            var bucket = sample
            bucket.name = sample.name.dropLast(6) + "_bucket"
            guard let top = last[Self.series(bucket)], top.bound == .infinity, top.count == sample.value else {
                throw Invalid(description: "\(sample.name) is not its +Inf bucket")
            }
        }
    }

    private static func series(_ sample: Sample) -> String {
        sample.name + sample.labels.filter { $0.key != "le" }.sorted { $0.key < $1.key }.map { "\($0)=\($1);" }.joined()
    }

    private static func isName(_ bytes: [UInt8], colons: Bool = true) -> Bool {
        guard let first = bytes.first, !(48...57).contains(first) else { return false }
        return bytes.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
                || colons && byte == 58
        }
    }

    /// `name{label="value",…} number`
    private static func sample(_ line: [UInt8]) throws -> Sample {
        let shown = String(decoding: line, as: UTF8.self)
        func fail(_ what: String) -> Invalid { Invalid(description: "\(what): \(shown)") }
        var at = 0
        func take(until ends: String) -> [UInt8] {
            let start = at
            while at < line.count, !ends.utf8.contains(line[at]) { at += 1 }
            return Array(line[start..<at])
        }
        func take(_ byte: Character) -> Bool {
            guard at < line.count, line[at] == byte.asciiValue else { return false }
            at += 1
            return true
        }
        let name = take(until: "{ ")
        guard isName(name) else { throw fail("no metric name") }
        var labels: [String: String] = [:]
        if take("{") {
            while !take("}") {
                if !labels.isEmpty, !take(",") { throw fail("no comma between labels") }
                let label = take(until: "=\"},")
                guard isName(label, colons: false), take("="), take("\"") else { throw fail("no label") }
                var value: [UInt8] = []
                while !take("\"") {
                    guard at < line.count else { throw fail("a label value without an end") }
                    guard take("\\") else {
                        guard line[at] >= 0x20 && line[at] != 0x7f else { throw fail("a control character") }
                        value.append(line[at])
                        at += 1
                        continue
                    }
                    guard at < line.count,
                        let escape = ["\\": "\\", "\"": "\"", "n": "\n"][Character(UnicodeScalar(line[at]))]
                    else { throw fail("an escape that the format does not have") }
                    value += Array(escape.utf8)
                    at += 1
                }
                let key = String(decoding: label, as: UTF8.self)
                guard labels.updateValue(String(decoding: value, as: UTF8.self), forKey: key) == nil else {
                    throw fail("a label twice")
                }
            }
        }
        guard take(" ") else { throw fail("no blank before the value") }
        let number = String(decoding: line[at...], as: UTF8.self)
        guard !number.contains(" "), let value = Double(number) else { throw fail("no number") }
        return Sample(name: String(decoding: name, as: UTF8.self), labels: labels, value: value)
    }
}
