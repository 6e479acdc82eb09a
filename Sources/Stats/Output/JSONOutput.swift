// Envoy's /stats?format=json: one object, histograms last with the quantiles of interval and total.
extension StatsSnapshot {
    func writeJSON(to output: inout OutputBuffer) {
        output.append("{\"stats\":[")
        var isFirst = true
        for stat in stats where stat.kind == .text && stat.isShown {
            Self.begin(stat, &isFirst, &output)
            output.append(",\"value\":")
            output.append(quoted: stat.text)
            output.append("}")
        }
        for stat in stats where (stat.kind == .counter || stat.kind == .gauge) && stat.isShown {
            Self.begin(stat, &isFirst, &output)
            output.append(",\"value\":")
            output.append(stat.value)
            output.append("}")
        }
        writeHistograms(isFirst: &isFirst, to: &output)
        output.append("]}")
    }

    private func writeHistograms(isFirst: inout Bool, to output: inout OutputBuffer) {
        var isFirstHistogram = true
        for stat in stats {
            guard let data = stat.histogram, stat.isShown else { continue }
            if isFirstHistogram {
                if !isFirst { output.append(",") }
                isFirst = true
                let quantiles = HistogramData.quantiles.map { Numbers.text($0 * 100) }.joined(separator: ",")
                output.append("{\"histograms\":{\"supported_quantiles\":[\(quantiles)],\"computed_quantiles\":[")
                isFirstHistogram = false
            }
            Self.begin(stat, &isFirst, &output)
            let recent = (stat.interval ?? HistogramData()).values()
            let values = zip(data.values(), recent).map {
                "{\"cumulative\":\(Self.number($0)),\"interval\":\(Self.number($1))}"
            }
            output.append(",\"values\":[\(values.joined(separator: ","))]}")
        }
        if !isFirstHistogram { output.append("]}}") }
    }

    private static func begin(_ stat: StatValue, _ isFirst: inout Bool, _ output: inout OutputBuffer) {
        output.append(isFirst ? "{\"name\":" : ",{\"name\":")
        isFirst = false
        output.append(quoted: stat.name)
    }

    /// A JSON string.
    static func quoted(_ text: String) -> String {
        var output = OutputBuffer()
        output.append(quoted: text)
        return output.text
    }

    private static func number(_ value: Double) -> String { value.isNaN ? "null" : Numbers.text(value) }
}

extension OutputBuffer {
    /// A JSON string (RFC 8259 §7). DEL and C1 are escaped as well: JSON lets them through, terminals act on them.
    mutating func append(quoted text: String) {
        append(UInt8(ascii: "\""))
        let isPlain =
            text.utf8.withContiguousStorageIfAvailable { utf8 in
                var special = ControlCharacters.areAny(in: utf8)
                for byte in utf8 {
                    special = special || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
                }
                return !special
            } ?? false
        if isPlain {
            append(text)
        } else {
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"": append("\\\"")
                case "\\": append("\\\\")
                case "\n": append("\\n")
                case "\r": append("\\r")
                case "\t": append("\\t")
                case _ where ControlCharacters.has(scalar):
                    append("\\u00")
                    append(hex: UInt8(truncatingIfNeeded: scalar.value))
                default: append(String(scalar))
                }
            }
        }
        append(UInt8(ascii: "\""))
    }
}

extension StatsSnapshot {
    /// A JSON string, escaped as in every output.
    public static func jsonString(_ text: String) -> String { quoted(text) }
}
