import Testing

@testable import Stats

/// Stats that Prometheus cannot tell apart by their names: every one is there once, and a strict reader takes the text.
struct TwinTests {
    private static func stat(_ name: String, _ kind: StatKind, _ value: UInt64, _ naming: StatNaming) -> StatValue {
        var stat = StatValue(name: name, kind: kind, flags: naming.flags)
        stat.tags = TagExtractor.tags(Array(name.utf8), naming.flags)
        guard kind == .histogram else {
            stat.value = value
            return stat
        }
        var data = HistogramData()
        data.zeros = 1
        data.sum = value
        stat.histogram = data
        return stat
    }

    /// The series of counters, gauges and histograms (their sums) that each have their place in the list as their value.
    private func series(_ stats: [(String, StatKind)], _ naming: StatNaming = .plain) throws -> [String] {
        let stats = stats.enumerated().map { Self.stat($1.0, $1.1, UInt64($0 + 1), naming) }
        let text = StatsSnapshot(stats: stats).formatted(.prometheus)
        let read = try PrometheusText(text)
        var found = [String](repeating: "", count: stats.count)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        for (line, sample) in zip(lines, read.samples)
        where read.types[sample.name] != nil || sample.name.hasSuffix("_sum") {
            let place = Int(sample.value) - 1
            #expect(found[place] == "")
            found[place] = String(line.prefix(upTo: line.lastIndex(of: " ")!))
        }
        return found
    }

    @Test func seriesGetTheNameOfTheirStat() throws {
        #expect(
            try series([("a.b", .counter), ("a_b", .counter), ("a_c", .counter)]) == [
                #"a_b{stat="a.b"}"#, #"a_b{stat="a_b"}"#, "a_c{}",
            ])
        #expect(try series([("a.b", .counter), ("a_b", .counter)], .envoy)[1] == #"envoy_a_b{stat="a_b"}"#)
        #expect(try series([("h-1", .histogram), ("h+1", .histogram)])[0] == #"h_1_sum{stat="h-1"}"#)
    }

    @Test func onlyThoseThatCollide() throws {
        #expect(
            try series([("r;k.l=1", .gauge), ("r;k-l=1", .gauge), ("r;k.l=2", .gauge), ("r", .gauge)]) == [
                #"r{k_l="1",stat="r;k.l=1"}"#, #"r{k_l="1",stat="r;k-l=1"}"#, #"r{k_l="2"}"#, "r{}",
            ])
        // The same labels in another order.
        #expect(
            try series([("r;x.b=1;x_a=2", .counter), ("r;x_a=2;x_b=1", .counter)]) == [
                #"r{x_b="1",x_a="2",stat="r;x.b=1;x_a=2"}"#, #"r{x_a="2",x_b="1",stat="r;x_a=2;x_b=1"}"#,
            ])
    }

    /// Names that differ in what is not shown, and names that look like what was done about it.
    @Test func whateverTheNamesAre() throws {
        #expect(
            try series([("a\u{1b}", .counter), ("a\\x1b", .counter), ("a.x1b", .counter)]) == [
                #"a_{}"#, #"a_x1b{stat="a\\x1b"}"#, #"a_x1b{stat="a.x1b"}"#,
            ])
        let hidden = try series([("r;k=%1B", .counter), ("r;k=\\x1b", .counter), ("r;k=%5Cx1b;stat=r;k=1", .counter)])
        #expect(hidden[0] == #"r{k="\\x1b",stat="r;k=%1B"}"# && hidden[1] == #"r{k="\\x1b",stat="r;k=\\x1b"}"#)
        #expect(
            try series([("a\u{1}", .counter), ("a\u{1}", .counter), ("a\u{1}", .counter), ("a\\x01", .counter)]) == [
                #"a_{stat="a\\x01"}"#, #"a_{stat="a\\x01#2"}"#, #"a_{stat="a\\x01#3"}"#, "a_x01{}",
            ])
        // A dimension called stat, and one that says what the label would.
        #expect(
            try series([("a.b;stat=1", .counter), ("a_b;stat=1", .counter)])[0] == #"a_b{stat="1",stat_2="a.b;stat=1"}"#
        )
        #expect(
            try series([("a.b", .counter), ("a_b", .counter), ("a_b;stat=a.b", .counter)]) == [
                #"a_b{stat="a.b#2"}"#, #"a_b{stat="a_b"}"#, #"a_b{stat="a.b"}"#,
            ])
    }

    @Test func metricsGetTheirKind() throws {
        #expect(
            try series([("x", .counter), ("x", .gauge), ("x", .histogram)]) == [
                "x{}", "x_gauge{}", "x_histogram_sum{}",
            ])
        #expect(
            try series([("x", .counter), ("x", .gauge), ("x.gauge", .gauge), ("x_gauge_2", .histogram)]) == [
                "x{}", "x_gauge_3{}", "x_gauge{}", "x_gauge_2_sum{}",
            ])
        #expect(try series([("h", .histogram), ("h.sum", .counter)]) == ["h_histogram_sum{}", "h_sum{}"])
        #expect(try series([("h", .histogram), ("h_count", .gauge)]) == ["h_histogram_sum{}", "h_count{}"])
        #expect(try series([("h", .histogram), ("h_bucket", .histogram)]) == ["h_sum{}", "h_bucket_histogram_sum{}"])
        #expect(
            try series([("h", .histogram), ("h", .gauge), ("h_histogram_sum", .counter)]) == [
                "h_histogram_2_sum{}", "h{}", "h_histogram_sum{}",
            ])
    }

    /// Many names of few letters: most collide, none is lost.
    @Test func anyNames() throws {
        var random = SystemRandomNumberGenerator()
        let letters = [
            "a", "b", ".", "_", ";", "=", "a=", ";b=", "%2E", "_sum", "_gauge", "\u{1b}", "é", "stat=", "#2",
        ]
        for naming in [StatNaming.plain, .envoy] {
            for _ in 0..<6 {
                let stats = (0..<60).map { _ in
                    let name = (0..<Int.random(in: 1...5)).map { _ in letters.randomElement(using: &random)! }.joined()
                    return (
                        name,
                        [StatKind.counter, .counter, .counter, .gauge, .gauge, .histogram].randomElement(
                            using: &random)!
                    )
                }
                let found = try series(stats, naming)
                #expect(!found.contains(""), "\(stats)")
            }
        }
    }

    /// Spans that somebody wrote: a label twice, cuts of anything.
    @Test func anySpans() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            let stats = (0..<20).map { i in
                var stat = StatValue(
                    name: ["cluster.a.x", "r;k=v", "é\u{1b}"].randomElement(using: &random)!, kind: .counter,
                    flags: StatFlags(rawValue: .random(in: 0...3)), value: UInt64(i + 1))
                stat.tags = (0..<Int.random(in: 0...12)).map { _ in
                    let (cut, value) = (Int.random(in: 0...9), Int.random(in: 0...9))
                    return StatTag(
                        name: [.clusterName, .responseCode, .dimension].randomElement(using: &random)!,
                        cut: cut..<cut + Int.random(in: 0...9), value: value..<value + Int.random(in: 0...9))
                }
                return stat
            }
            let read = try PrometheusText(StatsSnapshot(stats: stats).formatted(.prometheus))
            #expect(Set(read.samples.map(\.value)).count == stats.count)
        }
    }
}
