import Testing

@testable import Stats

/// Lines for StatsD servers.
@Suite struct StatsdLineTests {
    final class Sink: StatsdSink {
        let format: StatsdFormat
        var lines: [String] = []
        var takes = true
        private var waiting: [String] = []
        init(_ format: StatsdFormat) { self.format = format }
        func add(_ line: UnsafeRawBufferPointer) { waiting.append(String(decoding: line, as: UTF8.self)) }
        func send() -> Bool {
            if takes { lines += waiting }
            waiting = []
            return takes
        }
        /// What came since the last call, sorted.
        func taken() -> [String] {
            defer { lines = [] }
            return lines.sorted()
        }
    }

    private func send(_ store: StatsStore, _ sender: StatsSender, _ sinks: Sink...) throws {
        store.closeInterval()
        let sending = try #require(sender.prepare())
        sending.run(sinks)
        sender.finish(sending)
    }

    @Test func countersAreDeltasAndGaugesAreValues() throws {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        let counter = writer.counter(store.counter("cluster.a.upstream_rq_200"))
        let gauge = writer.gauge(store.gauge("http.in.downstream_rq_active", import: .accumulate))
        _ = writer.counter(store.counter("unused"))
        let (plain, tagged) = (Sink(StatsdFormat(prefix: "p")), Sink(StatsdFormat(hasTags: true)))
        let sender = StatsSender(store)
        counter.add(5)
        gauge.set(2)
        try send(store, sender, plain, tagged)
        #expect(plain.taken() == ["p.cluster.a.upstream_rq_200:5|c", "p.http.in.downstream_rq_active:2|g"])
        #expect(
            tagged.taken() == [
                "envoy.cluster.upstream_rq:5|c|#envoy.response_code:200,envoy.cluster_name:a",
                "envoy.http.downstream_rq_active:2|g|#envoy.http_conn_manager_prefix:in",
            ])
        counter.add(2)
        gauge.set(0)
        try send(store, sender, plain)
        #expect(plain.taken() == ["p.cluster.a.upstream_rq_200:2|c", "p.http.in.downstream_rq_active:0|g"])
        try send(store, sender, plain)
        #expect(plain.taken() == ["p.cluster.a.upstream_rq_200:0|c", "p.http.in.downstream_rq_active:0|g"])
    }

    /// What a configuration leaves out stays owed.
    @Test func whatIsLeftOutIsNotSent() throws {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        let counters = ["a", "b"].map { writer.counter(store.counter("cluster.\($0).upstream_rq_200")) }
        let histogram = writer.histogram(store.histogram("cluster.b.h", unit: .milliseconds))
        for counter in counters { counter.add(3) }
        histogram.record(1)
        var view = StatsView()
        view.accepts = { $0.starts(with: "cluster.a".utf8) }
        view.tags = try TagRules([.fixed(name: "zone", value: "z")], usesDefaults: true)
        let (plain, tagged) = (Sink(StatsdFormat(prefix: "p")), Sink(StatsdFormat(hasTags: true)))
        let sender = StatsSender(store, view: view)
        try send(store, sender, plain, tagged)
        #expect(plain.taken() == ["p.cluster.a.upstream_rq_200:3|c"])
        #expect(
            tagged.taken() == [
                "envoy.cluster.upstream_rq:3|c|#envoy.response_code:200,zone:z,envoy.cluster_name:a"
            ])
        try send(store, sender, plain)
        #expect(plain.taken() == ["p.cluster.a.upstream_rq_200:0|c"])
    }

    @Test func whatNoSinkTakesIsOwed() throws {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        let counter = writer.counter(store.counter("c"))
        let histogram = writer.histogram(store.histogram("h", unit: .milliseconds))
        let sink = Sink(StatsdFormat(prefix: "p"))
        let sender = StatsSender(store)
        sink.takes = false
        counter.add(1)
        histogram.record(3)
        try send(store, sender, sink)
        counter.add(1)
        histogram.record(3)
        sink.takes = true
        try send(store, sender, sink)
        #expect(sink.taken() == ["p.c:2|c", "p.h:3|ms|@0.500000000000000"])
        try send(store, sender, sink)
        #expect(sink.taken() == ["p.c:0|c"])
    }

    @Test func histogramsAreTheirBins() throws {
        let store = StatsStore.heapOnly(naming: .envoy)
        let histogram = store.makeWriter().histogram(store.histogram("h", unit: .milliseconds))
        let sink = Sink(StatsdFormat())
        let sender = StatsSender(store)
        for value: UInt64 in [0, 0, 7, 42, 42, 42, 1234] { histogram.record(value) }
        try send(store, sender, sink)
        #expect(
            sink.taken() == [
                "envoy.h:0|ms|@0.500000000000000", "envoy.h:1200|ms", "envoy.h:42|ms|@0.333333333333333",
                "envoy.h:7|ms",
            ])
        try send(store, sender, sink)
        #expect(sink.taken() == [])
    }

    /// Servers compute 1 / rate and cut it off, or round it.
    @Test func ratesComeToTheCount() {
        for count in Array(1...2000) + [12345, 100_000, 999_999, 1_000_003] as [UInt64] {
            let rate = Double(HistogramData.rate(count))!
            #expect(UInt64(1 / rate) == count && UInt64((1 / rate).rounded()) == count, "\(count)")
        }
        // More in one interval than a rate of 15 digits can say exactly.
        let rate = Double(HistogramData.rate(1_000_000_000))!
        #expect(abs(1 / rate / 1e9 - 1) < 1e-5)
    }

    @Test func aNameCannotBecomeAnotherLine() throws {
        let store = StatsStore.heapOnly(naming: .envoy)
        store.makeWriter().counter(store.counter("cluster.a:1|c\nb,#@.x")).add(1)
        let (plain, tagged) = (Sink(StatsdFormat()), Sink(StatsdFormat(hasTags: true)))
        try send(store, StatsSender(store), plain, tagged)
        #expect(plain.taken() == ["envoy.cluster.a_1_c_b___.x:1|c"])
        #expect(tagged.taken() == ["envoy.cluster.x:1|c|#envoy.cluster_name:a_1_c_b___"])
    }
}
