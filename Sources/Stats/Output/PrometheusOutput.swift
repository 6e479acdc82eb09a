// Envoy's /stats/prometheus: the text format 0.0.4, tags as labels, one # TYPE a group, groups sorted.
extension StatsSnapshot {
    func writePrometheus(to output: inout OutputBuffer) {
        for kind in [StatKind.counter, .gauge, .histogram] {
            // Names that differ only in what a metric name cannot say are one metric, where the first of them stands.
            var groups: [String: [(labels: String, stat: Int)]] = [:]
            var firstNames: [String: String] = [:]
            for (i, stat) in stats.enumerated() where stat.kind == kind && stat.isShown {
                let (name, labels) = Self.extracted(stat)
                let metric = Self.metricName(name)
                if let known = firstNames[metric] {
                    if name.precedes(known) { firstNames[metric] = name }
                } else {
                    firstNames[metric] = name
                }
                groups[metric, default: []].append((labels, i))
            }
            for (metric, _) in firstNames.sorted(by: { $0.value.precedes($1.value) }) {
                output.append("# TYPE \(metric) \(kind)\n")
                for (labels, i) in groups[metric] ?? [] {
                    if let data = stats[i].histogram {
                        Self.write(data, metric, labels, to: &output)
                    } else {
                        Self.begin(metric, "", labels, to: &output)
                        output.append(stats[i].value)
                        output.append("\n")
                    }
                }
            }
        }
    }

    /// The name without its tags, and the tags as labels.
    static func extracted(_ stat: StatValue) -> (name: String, labels: String) {
        guard !stat.tags.isEmpty else { return (stat.name, "") }
        var labels = OutputBuffer(capacity: 64)
        for tag in stat.tags {
            if !labels.bytes.isEmpty { labels.append(",") }
            labels.append(tag.name.label)
            labels.append("=\"")
            labels.append(label: stat.value(of: tag))
            labels.append("\"")
        }
        return (stat.nameWithoutTags, labels.text)
    }

    private static func metricName(_ name: String) -> String {
        var output = OutputBuffer(capacity: name.utf8.count + 6)
        output.append("envoy_")
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                output.append(byte)
            default: output.append(UInt8(ascii: "_"))
            }
        }
        return output.text
    }

    private static func begin(
        _ metric: String, _ suffix: StaticString, _ labels: String, to output: inout OutputBuffer
    ) {
        output.append(metric)
        output.append(suffix)
        output.append("{")
        output.append(labels)
        output.append("} ")
    }

    private static func write(
        _ data: HistogramData, _ metric: String, _ labels: String, to output: inout OutputBuffer
    ) {
        let before = labels.isEmpty ? "" : labels + ","
        for (bound, count) in zip(HistogramData.bucketBounds, data.bucketCounts) {
            begin(metric, "_bucket", "\(before)le=\"\(Numbers.text(bound))\"", to: &output)
            output.append(count)
            output.append("\n")
        }
        let count = data.count
        begin(metric, "_bucket", "\(before)le=\"+Inf\"", to: &output)
        output.append(count)
        output.append("\n")
        begin(metric, "_sum", labels, to: &output)
        output.append(data.sum)
        output.append("\n")
        begin(metric, "_count", labels, to: &output)
        output.append(count)
        output.append("\n")
    }
}

extension OutputBuffer {
    /// The value of a label. The format knows three escapes; other control characters are made visible.
    fileprivate mutating func append(label text: String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": append("\\\\")
            case "\"": append("\\\"")
            case "\n": append("\\n")
            case _ where ControlCharacters.has(scalar):
                append("\\\\x")
                append(hex: UInt8(truncatingIfNeeded: scalar.value))
            default: scalar.value < 0x80 ? append(UInt8(scalar.value)) : append(String(scalar))
            }
        }
    }
}
