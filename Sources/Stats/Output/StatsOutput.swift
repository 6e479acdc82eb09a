/// A form of output.
public enum StatsFormat: String, Sendable, CaseIterable { case text, json, prometheus }

/// How text output shows histograms (Envoy's `histogram_buckets`).
public enum HistogramDisplay: String, Sendable, CaseIterable { case summary, cumulative, disjoint, detailed }

extension StatsSnapshot {
    /// The stats in Envoy's form. Hidden stats that counted nothing are left out.
    public func formatted(_ format: StatsFormat, histograms: HistogramDisplay = .summary) -> String {
        String(decoding: bytes(format, histograms: histograms), as: UTF8.self)
    }

    /// As `formatted`, for those who write it to a descriptor.
    public func bytes(_ format: StatsFormat, histograms: HistogramDisplay = .summary) -> [UInt8] {
        var output = OutputBuffer(capacity: stats.count * (format == .prometheus ? 112 : 64) + 64)
        switch format {
        case .text: writeText(histograms, to: &output)
        case .json: writeJSON(to: &output)
        case .prometheus: writePrometheus(to: &output)
        }
        return output.bytes
    }
}

extension StatValue {
    /// Whether outputs show it: what Envoy only creates when it happens is hidden until it did.
    public var isShown: Bool { !flags.contains(.hiddenWhenZero) || isUsed }
}
