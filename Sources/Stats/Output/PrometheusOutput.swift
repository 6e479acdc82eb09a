// Envoy's /stats/prometheus: the text format 0.0.4, tags as labels, one # TYPE a group, groups sorted.
extension StatsSnapshot {
    func prometheus() -> String {
        var output = ""
        output.reserveCapacity(stats.count * 96)
        for kind in [StatKind.counter, .gauge, .histogram] {
            var groups: [String: [(labels: String, stat: StatValue)]] = [:]
            for stat in stats where stat.kind == kind {
                let (name, labels) = Self.extracted(stat)
                groups[name, default: []].append((labels, stat))
            }
            for name in groups.keys.sorted() {
                let metric = Self.metricName(name)
                output += "# TYPE \(metric) \(kind)\n"
                for (labels, stat) in groups[name]! {
                    if let data = stat.histogram {
                        output += Self.histogram(metric, labels, data)
                    } else {
                        output += "\(metric){\(labels)} \(stat.value)\n"
                    }
                }
            }
        }
        return output
    }

    /// The name without its tags, and the tags as labels.
    static func extracted(_ stat: StatValue) -> (name: String, labels: String) {
        guard !stat.tags.isEmpty else { return (stat.name, "") }
        let bytes = Array(stat.name.utf8)
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        for (i, byte) in bytes.enumerated() where !stat.tags.contains(where: { $0.cut.contains(i) }) {
            kept.append(byte)
        }
        let labels = stat.tags.map { tag in
            "\(tag.name.label)=\"\(escaped(String(decoding: bytes[tag.value], as: UTF8.self)))\""
        }
        return (String(decoding: kept, as: UTF8.self), labels.joined(separator: ","))
    }

    private static func metricName(_ name: String) -> String {
        var output = Array("envoy_".utf8)
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                output.append(byte)
            default: output.append(UInt8(ascii: "_"))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func escaped(_ text: String) -> String {
        // Scalars: as characters, a quote with an accent on it is no quote and a CR LF no LF.
        var output = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": output.append(contentsOf: "\\\\".unicodeScalars)
            case "\"": output.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": output.append(contentsOf: "\\n".unicodeScalars)
            default: output.append(scalar)
            }
        }
        return String(output)
    }

    private static func histogram(_ metric: String, _ labels: String, _ data: HistogramData) -> String {
        let before = labels.isEmpty ? "" : labels + ","
        var output = ""
        for bound in HistogramData.bucketBounds {
            output += "\(metric)_bucket{\(before)le=\"\(Numbers.text(bound))\"} \(data.count(upTo: bound))\n"
        }
        let count = data.count
        output += "\(metric)_bucket{\(before)le=\"+Inf\"} \(count)\n"
        output += "\(metric)_sum{\(labels)} \(data.sum)\n"
        output += "\(metric)_count{\(labels)} \(count)\n"
        return output
    }
}
