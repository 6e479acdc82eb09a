// Different stats may come to one series, `a.b` and `a_b` for instance, or to one metric, as a counter and a gauge of one
// name do. A reader of Prometheus text refuses either, or takes one for the other. So:
//
// - Series with the same metric and the same labels each get one label more, `stat`, the name of the stat. Should that be
//   equal too (names that differ in what no text can say), it is `name#2`, `name#3` for those that come later.
// - A metric that has the name of one before it, in the order counters, gauges, histograms, gets its kind behind it:
//   `a`, `a_gauge`, `a_histogram`, and a number if that is taken, `a_gauge_2`. A histogram `h` also gives way to a counter
//   or gauge `h_bucket`, `h_sum` or `h_count`, and a histogram of such a name to the histogram `h`.
//
// Both depend on nothing but which stats are shown, and touch only those that collide.

/// The metrics of a dump, no two of the same name.
struct Metrics: ~Copyable {
    let counters: MetricGroups
    private(set) var gauges: MetricGroups
    private(set) var histograms: MetricGroups
    /// Names that were made up.
    private var made: Set<[UInt8]> = []

    static let histogramSuffixes: [StaticString] = ["_bucket", "_sum", "_count"]

    init(counters: consuming MetricGroups, gauges: consuming MetricGroups, histograms: consuming MetricGroups) {
        self.counters = counters
        self.gauges = gauges
        self.histograms = histograms
        separateGauges()
        separateHistograms()
    }

    private mutating func separateGauges() {
        guard !counters.isEmpty else { return }
        var taken: [(Int, [UInt8])] = []
        gauges.forEachMetric { number, metric in if counters.has(metric) { taken.append((number, Array(metric))) } }
        var names: [Int: [UInt8]] = [:]
        for (number, metric) in taken { names[number] = another(metric, "_gauge", suffixes: []) }
        gauges.rename(names)
    }

    private mutating func separateHistograms() {
        var taken: [(Int, [UInt8])] = []
        histograms.forEachMetric { number, metric in
            let metric = Array(metric)
            let samples = [metric] + Self.histogramSuffixes.map { metric + Self.bytes($0) }
            if samples.contains(where: { has($0, in: counters) || has($0, in: gauges) }) || isSampleOfHistogram(metric)
            {
                taken.append((number, metric))
            }
        }
        var names: [Int: [UInt8]] = [:]
        for (number, metric) in taken {
            names[number] = another(metric, "_histogram", suffixes: Self.histogramSuffixes)
        }
        histograms.rename(names)
    }

    private func isSampleOfHistogram(_ metric: [UInt8]) -> Bool {
        Self.histogramSuffixes.contains { suffix in
            let suffix = Self.bytes(suffix)
            return metric.count > suffix.count && metric.suffix(suffix.count).elementsEqual(suffix)
                && has(Array(metric.dropLast(suffix.count)), in: histograms)
        }
    }

    /// A name that no metric has, nor a sample of one.
    private mutating func another(_ metric: [UInt8], _ kind: StaticString, suffixes: [StaticString]) -> [UInt8] {
        var number = 1
        while true {
            let name = metric + Self.bytes(kind) + (number > 1 ? Array("_\(number)".utf8) : [])
            let samples = [name] + suffixes.map { name + Self.bytes($0) }
            let isTaken = samples.contains {
                made.contains($0) || has($0, in: counters) || has($0, in: gauges) || has($0, in: histograms)
            }
            if !isTaken {
                made.formUnion(samples)
                return name
            }
            number += 1
        }
    }

    private func has(_ metric: [UInt8], in groups: borrowing MetricGroups) -> Bool {
        metric.withUnsafeBufferPointer { groups.has($0) }
    }

    private static func bytes(_ text: StaticString) -> [UInt8] {
        Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

extension StatLines {
    /// Of some stats of one metric: by place, the label more that those with equal labels get, as it is written behind
    /// the others.
    func labelsOfTwins(_ places: ArraySlice<UInt32>) -> [UInt32: String] {
        var members: [String: [UInt32]] = [:]
        for place in places { members[labelSet(self[Int(place)], with: nil), default: []].append(place) }
        // Labels that somebody has, or gets.
        var taken = Set(members.keys)
        var found: [UInt32: String] = [:]
        var next: [String: Int] = [:]
        for place in places {
            let line = self[Int(place)]
            guard let twins = members[labelSet(line, with: nil)], twins.count > 1 else { continue }
            var names = DistinctNames()
            for label in labels(line) { _ = names.add(label.name) }
            let name = names.add("stat")
            var text = OutputBuffer()
            text.append(label: line.name)
            let stat = text.text
            var number = next[stat] ?? 1
            var label: String
            repeat {
                label = "\(name)=\"\(stat)\(number > 1 ? "#\(number)" : "")\""
                number += 1
            } while !taken.insert(labelSet(line, with: label)).inserted
            next[stat] = number
            found[place] = (line.tagCount > 0 ? "," : "") + label
        }
        return found
    }

    /// The labels, in an order of their own.
    private func labelSet(_ line: Line, with more: String?) -> String {
        var labels = labels(line).map { label in
            var value = OutputBuffer()
            value.append(label.value)
            value.escapeLabel(from: 0)
            return "\(label.name)=\"\(value.text)\""
        }
        if let more { labels.append(more) }
        return labels.sorted().joined(separator: ",")
    }
}
