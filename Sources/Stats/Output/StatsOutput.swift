/// A form of output.
public enum StatsFormat: String, Sendable, CaseIterable { case text, json, prometheus }

/// How text and JSON show histograms (Envoy's `histogram_buckets`). Prometheus output has them as summaries or, however
/// else they are asked for, as histograms.
public enum HistogramDisplay: String, Sendable, CaseIterable { case summary, cumulative, disjoint, detailed }

extension HistogramDisplay {
    /// What a form shows unless something else is asked for.
    public static func usual(_ format: StatsFormat) -> HistogramDisplay {
        format == .prometheus ? .cumulative : .summary
    }
}

extension StatLines {
    /// Writes the stats in Envoy's form, piece by piece. Hidden stats that counted nothing are left out.
    public func write(
        _ format: StatsFormat, histograms: HistogramDisplay? = nil,
        to sink: @escaping (UnsafeRawBufferPointer) -> Void
    ) {
        var output = OutputBuffer(capacity: 1 << 17, sink: sink)
        write(format, histograms ?? .usual(format), to: &output)
        output.flush()
    }

    fileprivate func write(_ format: StatsFormat, _ histograms: HistogramDisplay, to output: inout OutputBuffer) {
        switch format {
        case .text: writeText(histograms, to: &output)
        case .json: writeJSON(histograms, to: &output)
        case .prometheus: writePrometheus(asSummaries: histograms == .summary, to: &output)
        }
    }
}

extension StatsSnapshot {
    /// The stats in Envoy's form. Hidden stats that counted nothing are left out.
    public func formatted(_ format: StatsFormat, histograms: HistogramDisplay? = nil) -> String {
        let lines = StatLines(self)
        var output = OutputBuffer(capacity: lines.count * (format == .prometheus ? 128 : 80) + 4096)
        lines.write(format, histograms ?? .usual(format), to: &output)
        return output.text
    }
}

extension StatValue {
    /// Whether outputs show it: what Envoy only creates when it happens is hidden until it did.
    public var isShown: Bool { !flags.contains(.hiddenWhenZero) || isUsed }
}
