// Envoy's /stats/prometheus: the text format 0.0.4, tags as labels, one # TYPE a group, groups sorted. What would be one
// series or one metric twice, which Envoy prints and a strict reader refuses, is told apart: see PrometheusTwins.swift.
extension StatLines {
    /// - Parameter asSummaries: histograms are quantiles instead of buckets.
    func writePrometheus(asSummaries: Bool, to output: inout OutputBuffer) {
        let metrics = Metrics(
            counters: metrics(.counter), gauges: metrics(.gauge), histograms: metrics(.histogram))
        write(metrics.counters, "counter", to: &output)
        write(metrics.gauges, "gauge", to: &output)
        write(metrics.histograms, asSummaries ? "summary" : "histogram", asSummaries: asSummaries, to: &output)
    }

    private func metrics(_ kind: StatKind) -> MetricGroups {
        var groups = MetricGroups(stats: count(of: kind))
        var scratch = OutputBuffer()
        forEach(Kinds(kind)) { i, line in
            guard isShown(line) else { return }
            groups.add(i, labels: labelsHash(line, &scratch), isPlain: line.flags.contains(.plainName)) {
                writeNameWithoutTags(line, to: &$0)
            }
        }
        return groups
    }

    private func write(
        _ groups: borrowing MetricGroups, _ type: StaticString, asSummaries: Bool = false, to output: inout OutputBuffer
    ) {
        groups.forEach { metric, members, hasTwins in
            let more = hasTwins ? labelsOfTwins(members) : [:]
            output.append("# TYPE ")
            output.append(metric)
            output.append(" ")
            output.append(type)
            output.append("\n")
            for (step, i) in members.enumerated() {
                fetch(ahead: step, of: members.count) { Int(members[members.startIndex + $0]) }
                let line = self[Int(i)]
                if line.kind == .histogram {
                    var labels = OutputBuffer()
                    writeLabels(line, to: &labels)
                    if let label = more[i] { labels.append(label) }
                    let data = detail(line).histogram ?? HistogramData()
                    if asSummaries {
                        Self.writeSummary(data, metric, labels, to: &output)
                    } else {
                        Self.write(data, metric, labels, bounds(line), to: &output)
                    }
                } else {
                    output.append(metric)
                    output.append("{")
                    writeLabels(line, to: &output)
                    if hasTwins, let label = more[i] { output.append(label) }
                    output.append("} ")
                    output.append(line.value)
                    output.append("\n")
                }
                output.endOfLine()
            }
        }
    }

    /// What is left of a name when its tags are cut out.
    func writeNameWithoutTags(_ line: Line, to output: inout OutputBuffer) {
        let name = line.name
        let from = output.count
        var at = 0
        while at < name.count {
            // To the end of a cut that we are in, or what lies before the next one.
            var next = name.count
            var isCut = false
            for i in 0..<Int(line.tagCount) {
                let tag = tags[Int(line.tagStart) + i]
                let (start, end) = (Int(tag.cut_start), min(Int(tag.cut_start) + Int(tag.cut_length), name.count))
                guard start < end else { continue }
                if start <= at, at < end {
                    (next, isCut) = (end, true)
                    break
                }
                if start > at { next = min(next, start) }
            }
            if !isCut { output.append(UnsafeBufferPointer(rebasing: name[at..<next])) }
            at = next
        }
        guard line.tagCount > 0, !NameBytes.areASCII(output.run(from, output.count - from)) else { return }
        // A cut may have gone through the middle of a character.
        output.repair(from: from)
    }

    private static func begin(
        _ metric: UnsafeBufferPointer<UInt8>, _ suffix: StaticString, _ labels: borrowing OutputBuffer,
        _ label: StaticString = "le", _ value: String? = nil, to output: inout OutputBuffer
    ) {
        output.append(metric)
        output.append(suffix)
        output.append("{")
        output.append(labels)
        if let value {
            if !labels.isEmpty { output.append(",") }
            output.append(label)
            output.append("=\"")
            output.append(value)
            output.append("\"")
        }
        output.append("} ")
    }

    private static let usualBounds = HistogramData.bucketBounds.map(Numbers.longBound)

    private static func write(
        _ data: HistogramData, _ metric: UnsafeBufferPointer<UInt8>, _ labels: borrowing OutputBuffer,
        _ bounds: [Double], to output: inout OutputBuffer
    ) {
        let texts = bounds == HistogramData.bucketBounds ? usualBounds : bounds.map(Numbers.longBound)
        for (text, count) in zip(texts, data.bucketCounts(bounds)) {
            begin(metric, "_bucket", labels, "le", text, to: &output)
            output.append(count)
            output.append("\n")
        }
        let count = data.count
        begin(metric, "_bucket", labels, "le", "+Inf", to: &output)
        output.append(count)
        output.append("\n")
        writeTotals(data, metric, labels, to: &output)
    }

    private static func writeTotals(
        _ data: HistogramData, _ metric: UnsafeBufferPointer<UInt8>, _ labels: borrowing OutputBuffer,
        to output: inout OutputBuffer
    ) {
        begin(metric, "_sum", labels, to: &output)
        output.append(data.sum)
        output.append("\n")
        begin(metric, "_count", labels, to: &output)
        output.append(data.count)
        output.append("\n")
    }

    private static func writeSummary(
        _ data: HistogramData, _ metric: UnsafeBufferPointer<UInt8>, _ labels: borrowing OutputBuffer,
        to output: inout OutputBuffer
    ) {
        for (quantile, value) in zip(HistogramData.quantiles, data.values()) {
            begin(metric, "", labels, "quantile", Numbers.text(quantile), to: &output)
            output.append(value.isNaN ? "NaN" : Numbers.text(value))
            output.append("\n")
        }
        writeTotals(data, metric, labels, to: &output)
    }
}

extension StatsSnapshot {
    /// The name without its tags, and the tags as labels.
    static func extracted(_ stat: StatValue) -> (name: String, labels: String) {
        let lines = StatLines(stat)
        var name = OutputBuffer()
        var labels = OutputBuffer()
        lines.writeNameWithoutTags(lines[0], to: &name)
        lines.writeLabels(lines[0], to: &labels)
        return (name.text, labels.text)
    }
}
