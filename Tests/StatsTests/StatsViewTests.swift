import Testing

@testable import Stats

/// What is left out, and histograms in other buckets.
@Suite struct StatsViewTests {
    private static func text(_ view: StatsView, _ display: HistogramDisplay = .cumulative) -> String {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        for name in ["a.one", "a.two", "b.one"] { writer.counter(store.counter(name)).increment() }
        for name in ["h.ms", "i.ms"] {
            let histogram = writer.histogram(store.histogram(name, unit: .milliseconds))
            for value: UInt64 in [0, 2, 200, 234, 1_000_000] { histogram.record(value) }
        }
        store.closeInterval()
        var lines = store.source().lines()
        lines.apply(view, withTags: false)
        var text = ""
        lines.write(.text, histograms: display) { text += String(decoding: $0, as: UTF8.self) }
        return text
    }

    @Test func someAreLeftOut() {
        var view = StatsView()
        view.accepts = { $0.starts(with: "a.".utf8) }
        #expect(Self.text(view) == "a.one: 1\na.two: 1\n")
        view.accepts = { _ in false }
        #expect(Self.text(view) == "")
    }

    /// A bound takes whatever lies in bins that begin at or below it, as in Envoy.
    @Test func buckets() {
        var view = StatsView()
        view.accepts = { $0.last == UInt8(ascii: "s") }
        view.bounds = { $0.first == UInt8(ascii: "h") ? [0.25, 2.01, 199, 203, 1e15] : nil }
        let lines = Self.text(view).split(separator: "\n")
        #expect(lines[0] == "h.ms: B0.25(1,1) B2.01(2,2) B199(2,2) B203(3,3) B1e+15(5,5)")
        #expect(lines[1].hasPrefix("i.ms: B0.5(1,1) B1(1,1) B5(2,2)") && lines[1].hasSuffix("B3.6e+06(5,5)"))
        #expect(
            Self.text(view, .disjoint).hasPrefix("h.ms: B0.25(1,1) B2.01(1,1) B199(0,0) B203(1,1) B1e+15(2,2)\n"))
    }
}
