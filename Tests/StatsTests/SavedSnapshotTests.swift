import Testing

@testable import Stats
@testable import statdump

/// `--save` and `--diff`.
struct SavedSnapshotTests {
    private let identity = RegionIdentity(baseID: 7, generation: 3, createdNs: 1_700_000_000_123_456_789)

    private func store() -> (store: StatsStore, writer: StatsWriter) {
        let store = StatsStore.heapOnly()
        return (store, store.makeWriter())
    }

    @Test func whatIsSavedReadsBack() throws {
        let (store, writer) = store()
        writer.counter(store.counter("big")).add(.max)
        writer.gauge(store.gauge("g\n\"\u{1b}", import: .accumulate)).set(5)
        writer.text(store.text("t")).set("ein Text \\ \u{1f600}")
        let histogram = writer.histogram(store.histogram("h", unit: .bytes))
        for value in [0, 1, 99, 1_000_000, 123_456_789_012] as [UInt64] { histogram.record(value) }
        let saved = SavedSnapshot(identity: identity, timeNs: 42, snapshot: store.snapshot())
        let read = try SavedSnapshot(json: saved.json)
        #expect(read.identity == identity && read.timeNs == 42)
        #expect(read.snapshot.stats.map(\.key) == saved.snapshot.stats.map(\.key))
        #expect(read.snapshot.stats.map(\.value) == saved.snapshot.stats.map(\.value))
        #expect(read.snapshot.stats.map(\.text) == saved.snapshot.stats.map(\.text))
        #expect(
            read.snapshot.stats.map { $0.histogram?.bins.map(\.count) }
                == saved.snapshot.stats.map { $0.histogram?.bins.map(\.count) })
        #expect(read.json == saved.json)
    }

    @Test(arguments: [
        "", "{", "[]", "{\"statdump\":2}", "{\"statdump\":1}", "{\"statdump\":1,\"base_id\":99999999999}", "{}x", "nul",
        "\"\\q\"", "{\"a\":tru}", "[1,]", "\"\u{1}\"", "\"\\u12\"",
        "{\"statdump\":1,\"base_id\":1,\"generation\":1,\"created_ns\":1,\"time_ns\":1,\"stats\":[{\"name\":\"a\",\"type\":\"b\"}]}",
        "{\"statdump\":1,\"base_id\":1,\"generation\":1,\"created_ns\":1,\"time_ns\":1,\"stats\":[{\"name\":\"a\",\"type\":\"histogram\",\"zeros\":0,\"sum\":0,\"bins\":[[1080,1]]}]}",
    ]) func whatIsNoSnapshotIsRefused(text: String) {
        #expect(throws: SavedSnapshot.Invalid.self) { try SavedSnapshot(json: Array(text.utf8)) }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: SavedSnapshot.Invalid.self) { try SavedSnapshot(json: Array(deep.utf8)) }
    }

    @Test func pairsOfSurrogatesAreOneCharacter() throws {
        #expect(try JSONValue(Array(#""\ud83d\u0041""#.utf8)) == .string("\u{fffd}A"))
        #expect(try JSONValue(Array(#""\ud83d\ude00""#.utf8)) == .string("\u{1f600}"))
        #expect(try JSONValue(Array(#""\ude00""#.utf8)) == .string("\u{fffd}"))
    }

    @Test func anotherRegionIsRefused() {
        var other = identity
        #expect(Comparison.mismatch(identity, other) == nil)
        other.createdNs += 1_000_000_000
        #expect(Comparison.mismatch(identity, other)?.hasPrefix("saved from a region of base id 7 made at ") == true)
        other.generation = 4
        #expect(Comparison.mismatch(identity, other) == "saved from generation 3 of base id 7, this is 4")
        other.baseID = 8
        #expect(Comparison.mismatch(identity, other) == "saved from base id 7, this is 8")
    }

    @Test func onlyWhatChangedIsShown() throws {
        let (store, writer) = store()
        let counter = writer.counter(store.counter("c"))
        let gauge = writer.gauge(store.gauge("g", import: .accumulate))
        _ = writer.counter(store.counter("same"))
        let text = writer.text(store.text("t"))
        gauge.set(9)
        text.set("before")
        let saved = SavedSnapshot(identity: identity, timeNs: 1_000_000_000, snapshot: store.snapshot())
        counter.add(30)
        gauge.set(4)
        text.set("after")
        writer.counter(store.counter("new")).add(1)
        let selection = try Selection(StatDump.parse([]))
        let table = Comparison.table(store.snapshot(), 4_000_000_000, saved, selection)
        #expect(table.heading?.hasSuffix(", 3.0 s before: 4 changed") == true)
        #expect(
            table.text.split(separator: "\n").dropFirst().joined(separator: "\n") == """
                name  before  value  change  rate
                c     0       30        +30  10.0
                g     9       4          -5  -1.7
                new   0       1          +1   0.3
                t     before  after
                """)
    }
}
