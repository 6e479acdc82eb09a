import ArgumentParser
import Testing

@testable import Stats
@testable import statdump

/// The command line: what goes together, and tables in every form.
struct StatdumpOptionsTests {
    @Test func secondsMayBeLeftOut() throws {
        func parse(_ arguments: String...) throws -> StatDump { try StatDump.parse(Arguments.withValues(arguments)) }
        #expect(try parse("--watch").watch == 1)
        #expect(try parse("--watch=0.5").watch == 0.5)
        let both = try parse("--watch", "cluster", "listener")
        #expect(both.watch == 1 && both.patterns == ["cluster", "listener"])
        #expect(try parse("--rate", "cluster").patterns == ["cluster"])
        #expect(try parse("--", "--watch").patterns == ["--watch"])
        #expect(try parse("--usedonly").usedOnly)
        #expect(try parse("--used-only", "--exclude", "a", "--exclude", "b").exclude == ["a", "b"])
    }

    @Test(arguments: [
        ["--watch", "--check"], ["--list", "--remove"], ["--top", "0"], ["--watch=0"], ["--rate=-1"], ["--rate=nan"],
        ["--per-process", "--per-worker"], ["--diff", "x", "--rate"], ["--format", "prometheus", "--top", "3"],
        ["--format", "json", "--check"], ["--save", "x", "--format", "csv"], ["--sort", "rate", "--tags"], ["("],
        ["--exclude", "["], ["--type", "thing"], ["--format", "xml"], ["--list", "--top", "3"],
        ["--histogram-buckets", "disjoint", "--format", "csv"], ["--base-id", "-1"], ["--tags", "--layout"],
    ]) func whatCannotBeIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) { try StatDump.parse(Arguments.withValues(arguments)) }
        do {
            _ = try StatDump.parse(Arguments.withValues(arguments))
        } catch {
            #expect(StatDump.exitCode(for: error) == .validationFailure)
        }
    }

    @Test(arguments: [
        ["--watch", "--sort", "value", "a"], ["--sort", "rate", "--diff", "x"], ["--per-process", "--sort", "value"],
        ["--format", "csv", "--per-worker"], ["--format", "text", "--list"], ["--rate", "--top", "5"],
        ["--histogram-buckets", "detailed"], ["--save", "x", "a", "--exclude", "b"],
    ]) func whatGoesTogether(arguments: [String]) throws {
        _ = try StatDump.parse(Arguments.withValues(arguments))
    }

    @Test func selections() throws {
        let stats = [("a.b", StatKind.counter, 1), ("a.c", .gauge, 0), ("d", .counter, 0)].map {
            StatValue(name: $0.0, kind: $0.1, value: UInt64($0.2))
        }
        func names(_ arguments: String...) throws -> [String] {
            let selection = try Selection(StatDump.parse(arguments))
            return stats.filter(selection.shows).map(\.name)
        }
        #expect(try names() == ["a.b", "a.c", "d"])
        #expect(try names("^a", "d") == ["a.b", "a.c", "d"])
        #expect(try names("^a", "--exclude", "c$") == ["a.b"])
        #expect(try names("--type", "gauge") == ["a.c"])
        #expect(try names("--type", "gauge", "--type", "counter", "--used-only") == ["a.b"])
    }

    @Test func tables() throws {
        var table = Table(
            columns: ["value", "rate"],
            rows: [
                .init(name: "a", kind: .counter, cells: [.count(5), .perSecond(2.26)]),
                .init(name: "long\u{1b}.name", kind: .gauge, cells: [.count(.max), .perSecond(-9)]),
                .init(name: "t", kind: .text, cells: [.text("x,\"y\""), .none]),
            ])
        #expect(
            table.csv
                == "name,type,value,rate\r\na,counter,5,2.3\r\nlong\\x1b.name,gauge,18446744073709551615,-9.0\r\nt,text,\"x,\"\"y\"\"\",\r\n"
        )
        let items = try #require(try JSONValue(Array(table.json.utf8))["stats"]?.array)
        #expect(
            items[1]["value"]?.unsigned == .max && items[2]["rate"] == .null && items[0]["type"]?.string == "counter")
        table.sort(.rate)
        #expect(table.rows.map(\.kind) == [.gauge, .counter, .text], "by how much, up or down; nothing last")
        table.sort(.value)
        #expect(table.rows.map(\.kind) == [.gauge, .counter, .text])
    }

    /// What a histogram recorded between two moments, not what it ever did.
    @Test func quantilesOfTheInterval() throws {
        func stats(_ values: [UInt64], _ counter: UInt64) -> StatsSnapshot {
            var time = StatValue(name: "time", kind: .histogram)
            time.histogram = HistogramData()
            for value in values { time.histogram?.add(histogram(value)) }
            return StatsSnapshot(stats: [time, StatValue(name: "c", kind: .counter, value: counter)])
        }
        let identity = RegionIdentity(baseID: 1, generation: 1, createdNs: 1)
        let saved = SavedSnapshot(identity: identity, timeNs: 0, snapshot: stats([5, 5, 5], 1))
        let all = try Selection(StatDump.parse([]))
        let now = stats([5, 5, 5, 90, 90], 4)
        let table = Comparison.table(now, 1_000_000_000, saved, all)
        #expect(table.columns == ["before", "value", "change", "rate", "p50", "p90", "p99"])
        #expect(
            table.rows.map(\.cells) == [
                [.count(1), .count(4), .change(3), .perSecond(3), .none, .none, .none],
                [
                    .count(3), .count(5), .change(2), .perSecond(2), .decimal(90.333), .decimal(90.667),
                    .decimal(90.667),
                ],
            ])
        let counters = try Selection(StatDump.parse(["--type", "counter"]))
        #expect(Comparison.table(now, 1_000_000_000, saved, counters).columns.count == 4)
    }

    @Test func words() {
        #expect(Words.fixed(2.26, 1) == "2.3" && Words.fixed(-0.04, 1) == "0.0" && Words.fixed(-1.75, 1) == "-1.8")
        #expect(Words.fixed(0.005, 3) == "0.005" && Words.fixed(12, 0) == "12" && Words.fixed(.infinity, 1) == "inf")
        #expect(Words.bytes(100) == "100 B" && Words.bytes(1536) == "1.5 KiB" && Words.bytes(5 << 30) == "5.0 GiB")
        #expect(Words.duration(ns: 59_999_999_999) == "59 s" && Words.duration(ns: 7_260_000_000_000) == "2 h 1 min")
    }
}
