// Envoy's /stats/prometheus: the text format 0.0.4, tags as labels, one # TYPE a group, groups sorted.
extension StatLines {
    func writePrometheus(to output: inout OutputBuffer) {
        for kind in [StatKind.counter, .gauge, .histogram] {
            var groups = MetricGroups()
            forEach(Kinds(kind)) { i, line in
                guard isShown(line) else { return }
                groups.add(i, nameWithoutTags: { writeNameWithoutTags(line, to: &$0) })
            }
            groups.forEach { metric, members in
                output.append("# TYPE ")
                output.append(metric)
                output.append(" \(kind)\n")
                for (step, i) in members.enumerated() {
                    fetch(ahead: step, of: members.count) { Int(members[members.startIndex + $0]) }
                    let line = self[Int(i)]
                    if line.detail >= 0, let data = details[Int(line.detail)].histogram {
                        var labels = OutputBuffer()
                        writeLabels(line, to: &labels)
                        Self.write(data, metric, labels, to: &output)
                    } else {
                        output.append(metric)
                        output.append("{")
                        writeLabels(line, to: &output)
                        output.append("} ")
                        output.append(line.value)
                        output.append("\n")
                    }
                    output.endOfLine()
                }
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

    /// The tags as labels.
    func writeLabels(_ line: Line, to output: inout OutputBuffer) {
        let name = line.name
        for i in 0..<Int(line.tagCount) {
            let tag = tags[Int(line.tagStart) + i]
            if i > 0 { output.append(",") }
            output.append(TagName(rawValue: tag.tag)?.labelText ?? "")
            output.append("=\"")
            // Spans are of the bytes that lie in the region; a name that was no UTF-8 may be longer here, never shorter.
            let start = min(Int(tag.value_start), name.count)
            let value = UnsafeBufferPointer(rebasing: name[start..<min(start + Int(tag.value_length), name.count)])
            output.append(label: value)
            output.append("\"")
        }
    }

    private static func begin(
        _ metric: UnsafeBufferPointer<UInt8>, _ suffix: StaticString, _ labels: borrowing OutputBuffer,
        le: String? = nil,
        to output: inout OutputBuffer
    ) {
        output.append(metric)
        output.append(suffix)
        output.append("{")
        output.append(labels)
        if let le {
            if !labels.isEmpty { output.append(",") }
            output.append("le=\"")
            output.append(le)
            output.append("\"")
        }
        output.append("} ")
    }

    private static let bounds = HistogramData.bucketBounds.map(Numbers.text)

    private static func write(
        _ data: HistogramData, _ metric: UnsafeBufferPointer<UInt8>, _ labels: borrowing OutputBuffer,
        to output: inout OutputBuffer
    ) {
        for (bound, count) in zip(bounds, data.bucketCounts) {
            begin(metric, "_bucket", labels, le: bound, to: &output)
            output.append(count)
            output.append("\n")
        }
        let count = data.count
        begin(metric, "_bucket", labels, le: "+Inf", to: &output)
        output.append(count)
        output.append("\n")
        begin(metric, "_sum", labels, to: &output)
        output.append(data.sum)
        output.append("\n")
        begin(metric, "_count", labels, to: &output)
        output.append(count)
        output.append("\n")
    }
}

extension StatsSnapshot {
    /// The name without its tags, and the tags as labels.
    static func extracted(_ stat: StatValue) -> (name: String, labels: String) {
        let lines = StatLines(StatsSnapshot(stats: [stat]))
        var name = OutputBuffer()
        var labels = OutputBuffer()
        lines.writeNameWithoutTags(lines[0], to: &name)
        lines.writeLabels(lines[0], to: &labels)
        return (name.text, labels.text)
    }
}

extension OutputBuffer {
    /// The value of a label. The format knows three escapes; other control characters are made visible.
    fileprivate mutating func append(label utf8: UnsafeBufferPointer<UInt8>) {
        // What was copied is looked at: the source may be memory that others write into.
        let start = count
        append(utf8)
        guard !NameBytes.areUnescaped(run(start, count - start)) else { return }
        let text = String(decoding: run(start, count - start), as: UTF8.self)
        cut(to: start)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": append("\\\\")
            case "\"": append("\\\"")
            case "\n": append("\\n")
            case _ where ControlCharacters.has(scalar):
                append("\\\\x")
                append(hex: UInt8(truncatingIfNeeded: scalar.value))
            default: append(String(scalar))
            }
        }
    }
}
