import CLinux
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Stats that are made by the template, against the same made one by one.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct TemplateTests {
    private static let template: StatTemplate = {
        var template = StatTemplate()
        template.add("upstream_rq_total", .counter)
        template.add("upstream_cx_active", .gauge)
        template.add("membership_total", .gauge, import: .neverImport)
        template.add("upstream_rq_time", .histogram, unit: .milliseconds)
        for code in [200, 404, 503] { template.add("upstream_rq_\(code)", .counter, flags: .hiddenWhenZero) }
        template.add("upstream_rq_2xx", .counter)
        template.add("external.upstream_rq_200", .counter, flags: .hiddenWhenZero)
        template.add("external.upstream_rq_time", .histogram, unit: .bytes, flags: .hiddenWhenZero)
        // Too short to tell by their ends: the prefix decides what is a tag.
        template.add("200", .counter)
        template.add("_rq_5xx", .counter)
        template.add("x", .counter)
        template.add("worker_0.http.a.b", .counter)
        template.add("a;code=200", .counter)
        return template
    }()

    static let prefixes = [
        "cluster.a.", "cluster.a.b.", "cluster..", "cluster.", "cluster.a", "", "http.a.", "listener.127.0.0.1_80.",
        "listener_manager.worker_1.", "tcp.a.", "vhost.a.", "cluster.upstream_rq.", "cluster.a.upstream", "cluster.ü.",
        "requests;method=GET;", "cluster." + String(repeating: "long", count: 200) + ".",
    ]

    private static func make(_ store: StatsStore, _ prefix: String) -> [StatID] {
        template.items.map { item in
            let name = prefix + String(decoding: template.text[item.name], as: UTF8.self)
            return switch item.kind {
            case .counter: store.counter(name, flags: item.flags)
            case .gauge: store.gauge(name, import: item.gaugeImport, flags: item.flags)
            case .histogram: store.histogram(name, unit: item.unit, flags: item.flags)
            case .text: store.text(name)
            }
        }
    }

    private static func log(_ reader: RegionReader) -> [[UInt8]] {
        var records: [[UInt8]] = []
        reader.records { records.append(Array($0)) }
        return records
    }

    /// Byte for byte: names, kinds, tags, values, their order.
    @Test(arguments: [StatNaming.envoy, .plain]) func theRegionIsTheSame(naming: StatNaming) throws {
        try withScratch { one in
            try withScratch { many in
                let single = StatsStore(region: try one.member(), naming: naming)
                let batches = StatsStore(region: try many.member(), naming: naming)
                for prefix in Self.prefixes {
                    let ids = batches.stats(Self.template, prefix: prefix)
                    #expect((0..<ids.count).map { ids[$0] } == Self.make(single, prefix), "\(prefix)")
                }
                let (expected, found) = (Self.log(try one.reader()), Self.log(try many.reader()))
                #expect(found.count == Self.prefixes.count * Self.template.count)
                #expect(found == expected)
                #expect(try many.reader().header.value_count == one.reader().header.value_count)
                #expect(try many.reader().header.log_tail == one.reader().header.log_tail)
                #expect(Soundness.findings(try many.reader()) == [])
            }
        }
    }

    /// Whether they were made one by one, partly, in another order, by this process or by one before it.
    @Test func whatIsThereIsFound() throws {
        try withScratch { scratch in
            let first = StatsStore(region: try scratch.member(), naming: .envoy)
            let firstIDs = Self.make(first, "cluster.a.")
            _ = first.counter("cluster.b.upstream_rq_503", flags: .hiddenWhenZero)
            _ = first.stats(Self.template, prefix: "cluster.c.")
            let count = Self.log(try scratch.reader()).count
            #expect((0..<Self.template.count).map { first.stats(Self.template, prefix: "cluster.a.")[$0] } == firstIDs)

            let second = StatsStore(region: try scratch.member(), naming: .envoy)
            let values = { (store: StatsStore, prefix: String) in
                let ids = store.stats(Self.template, prefix: prefix)
                return (0..<ids.count).map { store.entry(ids[$0]).value }
            }
            #expect(values(second, "cluster.a.") == values(first, "cluster.a."))
            #expect(values(second, "cluster.c.") == values(first, "cluster.c."))
            #expect(Self.log(try scratch.reader()).count == count, "no name is there twice")
            // One of these is there, the others are not.
            #expect(values(second, "cluster.b.") == values(first, "cluster.b."))
            #expect(Self.log(try scratch.reader()).count == count + Self.template.count - 1)
            let ordinal = try #require(second.region?.ordinal)
            #expect(NameRecord.all(try scratch.reader()).allSatisfy { $0.used == ordinal }, "the second asked for all")
        }
    }

    @Test func viewsAreTheWritersCells() throws {
        try withScratch { scratch in
            for store in [StatsStore.heapOnly(), StatsStore(region: try scratch.member())] {
                let writer = store.makeWriter()
                let ids = store.stats(Self.template, prefix: "cluster.a.")
                let views = writer.views(Self.template, ids)
                #expect(views.counters(from: 0).pointee.cell == writer.counter(ids[0]).cell)
                #expect(views.gauges(from: 1)[1].cell == writer.gauge(ids[2]).cell)
                #expect(views.histograms(from: 3).pointee.local == writer.histogram(ids[3]).local)
                #expect(views.counters(from: 4)[2].cell == writer.counter(ids[6]).cell)
                store.topUp()
                views.counters(from: 0).pointee.add(3)
                views.gauges(from: 1).pointee.set(4)
                views.histograms(from: 3).pointee.record(5)
                let snapshot = store.snapshot()
                #expect(snapshot.value("cluster.a.upstream_rq_total") == 3)
                #expect(snapshot.value("cluster.a.upstream_cx_active") == 4)
                #expect(snapshot.histogram("cluster.a.upstream_rq_time")?.sum == 5)
            }
        }
    }

    /// A name that is longer than a record takes is cut, and so are all of its template.
    @Test func namesThatAreTooLongAreCut() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member(), naming: .envoy)
            let prefix = "cluster." + String(repeating: "x", count: 5000) + "."
            let ids = store.stats(Self.template, prefix: prefix)
            #expect((0..<ids.count).map { ids[$0] } == Self.make(store, prefix))
            #expect(store.entry(ids[0]).nameLength == 4096)
            #expect(Soundness.findings(try scratch.reader()) == [])
        }
    }

    /// What waits counts, and is in the plane once it is made.
    @Test func whatWaitsIsNotLost() {
        var template = StatTemplate()
        template.add("c", .counter)
        template.add("g", .gauge, import: .neverImport)
        let store = StatsStore.heapOnly()
        let writer = store.makeWriter()
        writer.counter(store.counter("a.c")).add(10)
        let waiting = WaitingStats(template)
        waiting.views.counters(from: 0).pointee.add(2)
        waiting.views.gauges(from: 1).pointee.set(7)
        #expect(store.value("a.c") == 10 && store.value("a.g") == 0)
        let views = writer.views(template, store.stats(template, prefix: "a."))
        waiting.move(to: views)
        views.counters(from: 0).pointee.increment()
        #expect(store.value("a.c") == 13 && store.value("a.g") == 7)
    }

    /// Several processes make the same names at once, each in another order: every name is there once, and they agree.
    @Test func severalMakeThemAtOnce() throws {
        try withScratch { scratch in
            _ = try scratch.member()
            let children = try (0..<3).map { i in
                try scratch.spawn("batches:cluster:60:\(i)", "commit", "say:made", "wait")
            }
            for child in children { try child.wait(for: "made") }
            let reader = try scratch.reader()
            let snapshot = StatsSnapshot(reader)
            let made = snapshot.stats.filter { $0.name.hasPrefix("cluster.") }
            #expect(made.count == 60 * 20)
            #expect(made.allSatisfy { $0.value == 3 }, "each counted one")
            #expect(Soundness.findings(reader) == [])
            #expect(snapshot.value("stats.overflow") == 0)
        }
    }

    /// Without room in the region the rest lives on the heap of the process, which shows it.
    @Test func withoutMemoryTheRestIsOnTheHeap() throws {
        try withScratch { scratch in
            _ = try scratch.member()
            let child = try scratch.spawn(
                "counter:first:1", "limit:\(scratch.size + 100_000)", "batches:cluster:400:0", "value:cluster.399.19",
                "complaints", "say:made", "wait")
            #expect(try child.lines(upTo: "made").suffix(2) == ["value 1", "complaints 1"])
            let snapshot = StatsSnapshot(try scratch.reader())
            let inRegion = snapshot.stats.count { $0.name.hasPrefix("cluster.") }
            #expect(inRegion > 0 && inRegion < 8000)
            #expect((snapshot.value("stats.overflow") ?? 0) >= UInt64(8000 - inRegion))
        }
    }
}
