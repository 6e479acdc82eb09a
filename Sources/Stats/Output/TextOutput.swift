// Envoy's /stats: counters and gauges sorted together, then histograms as `name: P0(interval,cumulative) …`.
extension StatsSnapshot {
    func text(_ display: HistogramDisplay) -> String {
        var output = ""
        output.reserveCapacity(stats.count * 64)
        for stat in stats where stat.kind == .text {
            output += "\(stat.name): \"\(stat.text)\"\n"
        }
        for stat in stats where stat.kind == .counter || stat.kind == .gauge {
            output += stat.name
            output += ": "
            output += String(stat.value)
            output += "\n"
        }
        for stat in stats {
            guard let data = stat.histogram else { continue }
            output += "\(stat.name):"
            output += Self.line(data, stat.interval ?? HistogramData(), display)
            output += "\n"
        }
        return output
    }

    private static func line(_ data: HistogramData, _ interval: HistogramData, _ display: HistogramDisplay) -> String {
        guard data.count > 0 else { return " No recorded values" }
        switch display {
        case .summary: return " " + summary(data, interval)
        case .cumulative:
            return HistogramData.bucketBounds.map {
                " B\(Numbers.bound($0))(\(interval.count(upTo: $0)),\(data.count(upTo: $0)))"
            }.joined()
        case .disjoint:
            var text = ""
            var below: (UInt64, UInt64) = (0, 0)
            for bound in HistogramData.bucketBounds {
                let now = (interval.count(upTo: bound), data.count(upTo: bound))
                text += " B\(Numbers.bound(bound))(\(now.0 &- below.0),\(now.1 &- below.1))"
                below = now
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
