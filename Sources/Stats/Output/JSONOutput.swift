// Envoy's /stats?format=json: one object, histograms last with the quantiles of interval and total.
extension StatLines {
    func writeJSON(_ display: HistogramDisplay, to output: inout OutputBuffer) {
        output.append("{\"stats\":[")
        var isFirst = true
        forEach(Kinds(.text)) { _, line in
            guard isShown(line) else { return }
            Self.begin(line, &isFirst, &output)
            output.append(",\"value\":")
            output.append(quoted: detail(line).text)
            output.append("}")
        }
        forEach(.numbers) { _, line in
            guard isShown(line) else { return }
            Self.begin(line, &isFirst, &output)
            output.append(",\"value\":")
            output.append(line.value)
            output.append("}")
            output.endOfLine()
        }
        writeHistograms(display, isFirst: &isFirst, to: &output)
        output.append("]}")
    }

    private func writeHistograms(
        _ display: HistogramDisplay, isFirst: inout Bool, to output: inout OutputBuffer
    ) {
        var isFirstHistogram = true
        forEach(Kinds(.histogram)) { _, line in
            let detail = detail(line)
            guard let data = detail.histogram, isShown(line) else { return }
            if isFirstHistogram {
                if !isFirst { output.append(",") }
                isFirst = true
                let quantiles = HistogramData.quantiles.map { Numbers.text($0 * 100) }.joined(separator: ",")
                switch display {
                case .summary:
                    output.append("{\"histograms\":{\"supported_quantiles\":[\(quantiles)],\"computed_quantiles\":[")
                case .detailed:
                    output.append("{\"histograms\":{\"supported_percentiles\":[\(quantiles)],\"details\":[")
                case .cumulative, .disjoint: output.append("{\"histograms\":[")
                }
                isFirstHistogram = false
            }
            Self.begin(line, &isFirst, &output)
            let interval = detail.interval ?? HistogramData()
            switch display {
            case .summary: output.append(",\"values\":[\(Self.quantiles(data, interval))]}")
            case .detailed:
                output.append(",\"totals\":[\(Self.bins(data))],\"intervals\":[\(Self.bins(interval))]")
                output.append(",\"percentiles\":[\(Self.quantiles(data, interval))]}")
            case .cumulative, .disjoint:
                output.append(",\"buckets\":[\(Self.buckets(data, interval, display == .disjoint, bounds(line)))]}")
            }
            output.endOfLine()
        }
        guard !isFirstHistogram else { return }
        switch display {
        case .summary, .detailed: output.append("]}}")
        case .cumulative, .disjoint: output.append("]}")
        }
    }

    private static func quantiles(_ data: HistogramData, _ interval: HistogramData) -> String {
        zip(data.values(), interval.values()).map { "{\"cumulative\":\(number($0)),\"interval\":\(number($1))}" }
            .joined(separator: ",")
    }

    private static func bins(_ data: HistogramData) -> String {
        data.bins.map {
            "{\"lower_bound\":\(Numbers.text($0.lower)),\"width\":\(Numbers.text($0.width)),\"count\":\($0.count)}"
        }.joined(separator: ",")
    }

    private static func buckets(
        _ data: HistogramData, _ interval: HistogramData, _ isDisjoint: Bool, _ bounds: [Double]
    ) -> String {
        var below: (UInt64, UInt64) = (0, 0)
        return zip(bounds, zip(interval.bucketCounts(bounds), data.bucketCounts(bounds))).map { bound, now in
            defer { if isDisjoint { below = now } }
            return "{\"upper_bound\":\(Numbers.jsonBound(bound)),\"interval\":\(now.0 &- below.0),"
                + "\"cumulative\":\(now.1 &- below.1)}"
        }.joined(separator: ",")
    }

    private static func begin(_ line: Line, _ isFirst: inout Bool, _ output: inout OutputBuffer) {
        if !isFirst { output.append(",") }
        output.append("{\"name\":")
        output.append(quoted: line.name)
        isFirst = false
    }

    private static func number(_ value: Double) -> String { value.isNaN ? "null" : Numbers.text(value) }
}

extension OutputBuffer {
    /// A JSON string (RFC 8259 §7). DEL and C1 are escaped as well: JSON lets them through, terminals act on them.
    mutating func append(quoted text: String) {
        var text = text
        text.withUTF8 { append(quoted: $0) }
    }

    mutating func append(quoted utf8: UnsafeBufferPointer<UInt8>) {
        append(UInt8(ascii: "\""))
        // What was copied is looked at: the source may be memory that others write into.
        let start = count
        append(utf8)
        if !NameBytes.areUnescaped(run(start, count - start)) {
            let text = String(decoding: run(start, count - start), as: UTF8.self)
            cut(to: start)
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
    public static func jsonString(_ text: String) -> String {
        var output = OutputBuffer()
        output.append(quoted: text)
        return output.text
    }
}
