// Envoy's /stats: counters and gauges sorted together, then histograms as `name: P0(interval,cumulative) …`.
extension StatLines {
    func writeText(_ display: HistogramDisplay, to output: inout OutputBuffer) {
        forEach(Kinds(.text)) { _, line in
            guard isShown(line) else { return }
            output.append(visible: line.name)
            output.append(": \"")
            output.append(visible: detail(line).text)
            output.append("\"\n")
        }
        forEach(.numbers) { _, line in
            guard line.value != 0 || !line.flags.contains(.hiddenWhenZero) else { return }
            output.append(visible: line.name)
            output.append(": ")
            output.append(line.value)
            output.append("\n")
            output.endOfLine()
        }
        forEach(Kinds(.histogram)) { _, line in
            guard isShown(line), let data = detail(line).histogram else { return }
            output.append(visible: line.name)
            output.append(":")
            output.append(Self.line(data, detail(line).interval ?? HistogramData(), display, bounds(line)))
            output.append("\n")
            output.endOfLine()
        }
    }

    private static func line(
        _ data: HistogramData, _ interval: HistogramData, _ display: HistogramDisplay, _ bounds: [Double]
    ) -> String {
        guard data.count > 0 else { return " No recorded values" }
        switch display {
        case .summary: return " " + summary(data, interval)
        case .cumulative, .disjoint:
            var text = ""
            var below: (UInt64, UInt64) = (0, 0)
            let counts = zip(interval.bucketCounts(bounds), data.bucketCounts(bounds))
            for (bound, now) in zip(bounds, counts) {
                text += " B\(Numbers.bound(bound))(\(now.0 &- below.0),\(now.1 &- below.1))"
                if display == .disjoint { below = now }
            }
            return text
        case .detailed:
            return "\n  totals=\(bins(data))\n  intervals=\(bins(interval))\n  summary=\(summary(data, interval))"
        }
    }

    private static func summary(_ data: HistogramData, _ interval: HistogramData) -> String {
        let recent = interval.values()
        let total = data.values()
        return HistogramData.quantiles.enumerated().map { i, quantile in
            "P\(Numbers.text(quantile * 100))(\(Numbers.text(recent[i])),\(Numbers.text(total[i])))"
        }.joined(separator: " ")
    }

    private static func bins(_ data: HistogramData) -> String {
        data.bins.map { "\(Numbers.text($0.lower)),\(Numbers.text($0.width)):\($0.count)" }.joined(separator: ", ")
    }
}

extension HistogramData {
    /// `count(upTo:)` of every one of some bounds, which ascend, in one pass over the bins.
    func bucketCounts(_ bounds: [Double]) -> [UInt64] {
        let bins = bins
        var next = 0
        var sum: UInt64 = 0
        return bounds.map { bound in
            while next < bins.count, bins[next].lower <= bound {
                sum &+= bins[next].count
                next += 1
            }
            return sum
        }
    }
}
