// Envoy's /stats?format=json: one object, histograms last with the quantiles of interval and total.
extension StatsSnapshot {
    func json() -> String {
        var items: [String] = []
        items.reserveCapacity(stats.count + 1)
        for stat in stats where stat.kind == .text {
            items.append("{\"name\":\(Self.quoted(stat.name)),\"value\":\(Self.quoted(stat.text))}")
        }
        for stat in stats where stat.kind == .counter || stat.kind == .gauge {
            items.append("{\"name\":\(Self.quoted(stat.name)),\"value\":\(stat.value)}")
        }
        let histograms = stats.filter { $0.histogram != nil }
        if !histograms.isEmpty {
            let quantiles = HistogramData.quantiles.map { Numbers.text($0 * 100) }.joined(separator: ",")
            let computed = histograms.map { stat in
                let total = (stat.histogram ?? HistogramData()).values()
                let recent = (stat.interval ?? HistogramData()).values()
                let values = zip(total, recent).map {
                    "{\"cumulative\":\(Self.number($0)),\"interval\":\(Self.number($1))}"
                }
                return "{\"name\":\(Self.quoted(stat.name)),\"values\":[\(values.joined(separator: ","))]}"
            }
            items.append(
                "{\"histograms\":{\"supported_quantiles\":[\(quantiles)],\"computed_quantiles\":["
                    + computed.joined(separator: ",") + "]}}")
        }
        return "{\"stats\":[\(items.joined(separator: ","))]}"
    }

    private static func number(_ value: Double) -> String { value.isNaN ? "null" : Numbers.text(value) }

    /// A JSON string (RFC 8259 §7).
    static func quoted(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output + "\""
    }
}
