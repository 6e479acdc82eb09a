/// A form of output.
public enum StatsFormat: String, Sendable, CaseIterable { case text, json, prometheus }

/// How text output shows histograms (Envoy's `histogram_buckets`).
public enum HistogramDisplay: String, Sendable, CaseIterable { case summary, cumulative, disjoint, detailed }

extension StatsSnapshot {
    /// The stats in Envoy's form. Hidden stats that counted nothing are left out.
    public func formatted(_ format: StatsFormat, histograms: HistogramDisplay = .summary) -> String {
        let shown = filtered { !$0.flags.contains(.hiddenWhenZero) || $0.isUsed }
        switch format {
        case .text: return shown.text(histograms)
        case .json: return shown.json()
        case .prometheus: return shown.prometheus()
        }
    }
}
