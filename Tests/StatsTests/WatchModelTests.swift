import SharedMemory
import Testing

@testable import Stats
@testable import statdump

/// The live view without a terminal: keys, history, rows, lines.
struct WatchModelTests {
    private let identity = RegionIdentity(baseID: 1, generation: 1, createdNs: 5)

    private func facts(_ identity: RegionIdentity? = nil) -> RegionFacts {
        RegionFacts(identity: identity ?? self.identity, live: [], newest: nil, nowNs: 1_700_000_000_000_000_000)
    }

    private func counters(_ values: [String: UInt64]) -> StatsSnapshot {
        StatsSnapshot(stats: values.map { StatValue(name: $0.key, kind: .counter, value: $0.value) })
    }

    private func type(_ text: String, into model: inout WatchModel) {
        for key in KeyParser.keys(Array(text.utf8)) { model.press(key) }
    }

    private func row(_ name: String, _ model: WatchModel) -> History.Track? { model.rows.first { $0.name == name } }

    @Test func keys() {
        #expect(
            KeyParser.keys(Array("q/\r\u{7f}\u{3}".utf8)) == [
                .character("q"), .character("/"), .enter, .backspace, .interrupt,
            ])
        #expect(
            KeyParser.keys(Array("\u{1b}[A\u{1b}OB\u{1b}[5~\u{1b}[6~\u{1b}[H\u{1b}[4~".utf8)) == [
                .up, .down, .pageUp, .pageDown, .home, .end,
            ])
        #expect(KeyParser.keys([0x1b]) == [.escape])
        #expect(KeyParser.keys(Array("\u{1b}[15~x\u{1b}[1;5Cy".utf8)) == [.character("x"), .character("y")])
        #expect(KeyParser.keys(Array("é…".utf8)) == [.character("é"), .character("…")])
        #expect(KeyParser.keys([0xff, 0xfe, 0x1b, 0x5b]).count <= 2)
    }

    @Test func averagesAreMeansUntilTheirWindowIsFull() {
        var average = MovingAverage(window: 10)
        for sample in [10, 20, 30] as [Double] { average.add(sample, over: 1) }
        #expect(average.value == 20)
        for _ in 0..<200 { average.add(5, over: 1) }
        #expect((average.value - 5).magnitude < 0.001)
        average.add(100, over: 60)
        #expect(average.value == 100, "longer than the window: nothing else is left")
    }

    /// Tracks are updated in place while names are the same, and found by name when some came or went.
    @Test func namesComeAndGo() throws {
        var model = WatchModel(baseID: 1)
        for key in KeyParser.keys(Array("z".utf8)) { model.press(key) }
        var random = SystemRandomNumberGenerator()
        var before: [String: UInt64] = [:]
        for round in 1...60 {
            var now = before
            if round % 3 == 0 { for _ in 0..<4 { now["n\(Int.random(in: 0..<40, using: &random))", default: 0] += 0 } }
            if round % 5 == 0, let gone = now.keys.randomElement() { now[gone] = nil }
            for name in now.keys { now[name]! += UInt64.random(in: 0..<3, using: &random) }
            model.add(counters(now), facts(), at: Double(round))
            let rows = model.rows
            #expect(rows.map(\.name) == now.keys.sorted())
            for row in rows {
                #expect(row.number == now[row.name])
                #expect(row.change == before[row.name].map { Int64(now[row.name]!) - Int64($0) })
                #expect(row.recent.count <= History.remembered && row.recent.last == row.change.map(Double.init))
            }
            before = now
        }
    }

    @Test func changesAndRates() throws {
        var model = WatchModel(baseID: 1)
        model.add(counters(["a": 100]), facts(), at: 10)
        #expect(row("a", model)?.change == nil)
        model.add(counters(["a": 120, "new": 7]), facts(), at: 12)
        let a = try #require(row("a", model))
        #expect(a.change == 20 && a.averages[0].value == 10 && a.recent == [10])
        #expect(row("new", model)?.change == nil, "it was not there before")
        // A reset: what it shows now came since.
        model.add(counters(["a": 4, "new": 8]), facts(), at: 13)
        #expect(row("a", model)?.change == 4)
        #expect(row("new", model)?.change == 1)
        // Gone and back again.
        model.add(counters(["new": 8]), facts(), at: 14)
        #expect(row("a", model) == nil)
        model.add(counters(["a": 50, "new": 8]), facts(), at: 15)
        #expect(row("a", model)?.change == nil)
    }

    @Test func anotherRegionBeginsAnew() {
        var model = WatchModel(baseID: 1)
        model.addAbsence("no region yet: waiting for one")
        var screen = Screen(width: 80, height: 24).lines(&model)
        #expect(screen[0].text == "base id 1  no region yet: waiting for one")
        model.add(counters(["a": 100]), facts(), at: 1)
        model.add(counters(["a": 200]), facts(), at: 2)
        var next = identity
        next.generation = 2
        model.add(counters(["a": 3]), facts(next), at: 3)
        #expect(row("a", model)?.change == nil && row("a", model)?.recent == [])
        screen = Screen(width: 80, height: 24).lines(&model)
        #expect(screen[0].text == "base id 1  no live process  generation 2")
    }

    @Test func filterSortAndZeroes() {
        var model = WatchModel(baseID: 1)
        model.add(counters(["a": 1, "b": 50, "c": 0, "bb": 9]), facts(), at: 1)
        model.add(counters(["a": 100, "b": 51, "c": 0, "bb": 9]), facts(), at: 2)
        #expect(model.rows.map(\.name) == ["a", "b", "bb"])
        type("z", into: &model)
        #expect(model.rows.map(\.name) == ["a", "b", "bb", "c"])
        type("s", into: &model)
        #expect(model.rows.map(\.name) == ["a", "b", "bb", "c"] && model.state.sort == .value)
        type("s", into: &model)
        #expect(model.state.sort == .rate && model.rows.first?.name == "a")
        type("s/^bx\u{7f}\r", into: &model)
        #expect(model.state.sort == .name && model.rows.map(\.name) == ["b", "bb"])
        // What is no expression stays in the prompt until it is one, or is left.
        type("/(\r", into: &model)
        #expect(model.state.problem?.hasPrefix("not a regular expression: ") == true)
        #expect(model.rows.map(\.name) == ["b", "bb"])
        type("\u{1b}", into: &model)
        #expect(model.state.mode == .list && model.state.problem == nil)
        type("\u{1b}", into: &model)
        #expect(model.rows.count == 4)
    }

    @Test func aPauseStopsThePicture() {
        var model = WatchModel(baseID: 1)
        model.add(counters(["a": 1]), facts(), at: 1)
        type("p", into: &model)
        model.add(counters(["a": 9]), facts(), at: 2)
        #expect(row("a", model)?.number == 1)
        type("p", into: &model)
        #expect(row("a", model)?.number == 9 && row("a", model)?.change == 8)
    }

    @Test func quitting() {
        for text in ["q", "\u{3}", "/abc\u{3}", "h\u{3}"] {
            var model = WatchModel(baseID: 1)
            type(text, into: &model)
            #expect(model.state.wantsToQuit, "\(text)")
        }
        var model = WatchModel(baseID: 1)
        type("hq", into: &model)
        #expect(!model.state.wantsToQuit && model.state.mode == .list, "any key goes back from the help")
        type("/q\u{1b}", into: &model)
        #expect(!model.state.wantsToQuit)
    }

    @Test func scrolling() {
        var model = WatchModel(baseID: 1)
        model.add(counters(Dictionary(uniqueKeysWithValues: (10..<99).map { ("n\($0)", 1) })), facts(), at: 1)
        let screen = Screen(width: 80, height: 24)
        func top(_ keys: String) -> String {
            type(keys, into: &model)
            return String(screen.lines(&model)[3].text.prefix(3))
        }
        #expect(top("") == "n10")
        #expect(top("jj") == "n12")
        #expect(top("\u{1b}[6~") == "n31", "20 rows, of which one stays in sight")
        #expect(top("G") == "n79")
        #expect(top("j") == "n79", "the last page is a full one")
        #expect(top("\u{1b}[A") == "n78")
        #expect(top("g\u{1b}[A") == "n10")
    }

    /// Every size: as many lines as there are, none wider, nothing that ends the program.
    @Test func everySizeOfScreen() {
        var model = WatchModel(baseID: 1)
        var stats = [
            StatValue(name: "cluster.a_service_with_a_long_name.upstream_rq_completed", kind: .counter, value: .max),
            StatValue(name: "gauge.below.zero", kind: .gauge, value: 0 &- 5),
            StatValue(name: "text\u{1b}[2J\n", kind: .text, text: "x\u{9b}y" + String(repeating: "z", count: 300)),
        ]
        var data = HistogramData()
        data.zeros = 4
        var histogram = StatValue(name: "h.time", kind: .histogram)
        histogram.histogram = data
        stats.append(histogram)
        for time in 1...3 { model.add(StatsSnapshot(stats: stats), facts(), at: Double(time)) }
        for keys in ["", "z", "h", "x/abc", "\r"] {
            type(keys, into: &model)
            for width in [0, 1, 2, 5, 10, 20, 40, 60, 79, 80, 81, 119, 120, 500] {
                for height in [0, 1, 2, 3, 4, 5, 10, 24, 60] {
                    let lines = Screen(width: width, height: height, isUnicode: width % 2 == 0).lines(&model)
                    #expect(lines.count <= height)
                    #expect(lines.allSatisfy { $0.text.unicodeScalars.count <= width })
                    #expect(!lines.contains { $0.text.unicodeScalars.contains { $0.value < 32 || $0.value == 0x9b } })
                }
            }
        }
    }

    @Test func aScreenOf80By24() {
        var model = WatchModel(baseID: 1)
        var data = HistogramData()
        var stats = [
            StatValue(name: "cluster.some_service.upstream_rq_200", kind: .counter, value: 1000),
            StatValue(name: "listener.admin.downstream_cx_active", kind: .gauge, value: 3),
            StatValue(name: "rq_time", kind: .histogram),
        ]
        for i in 0..<3 {
            stats[0].value += 250
            data.zeros += 10
            stats[2].histogram = data
            model.add(StatsSnapshot(stats: stats), facts(), at: Double(i))
        }
        let lines = Screen(width: 80, height: 24).lines(&model)
        #expect(lines.count == 24)
        #expect(
            lines[2]
                == Screen.Line(
                    text: "name                                 value  change    10s   100s  1000s   recent",
                    style: .reverse))
        #expect(lines[3].text.hasPrefix("cluster.some") && lines[3].text.contains("…"))
        #expect(lines[3].text.hasSuffix("1750    +250    250    250    250       ██"))
        #expect(lines[4].text.hasSuffix("3              3      3      3       ██"))
        #expect(lines[6].text == "  p50 p90 p99 max: last 0 0 0 0  all 0 0 0 0")
        #expect(lines[23].text.hasSuffix("q quit"))
    }

    @Test func compactNumbers() {
        #expect(Compact.number(0, width: 6) == "0")
        #expect(Compact.number(999_999, width: 6) == "999999")
        #expect(Compact.number(1_234_567, width: 6) == "1.2M")
        #expect(Compact.number(0.25, width: 6) == "0.25")
        #expect(Compact.number(1234.56, width: 6) == "1235")
        #expect(Compact.number(Double(UInt64.max), width: 9).count <= 9)
        #expect(Compact.number(-35440, width: 6) == "-35440")
        #expect(Compact.number(.nan, width: 6) == "-")
        for exponent in 0..<20 {
            var value = 1.2345
            for _ in 0..<exponent { value *= 10 }
            for width in 5...9 { #expect(Compact.number(value, width: width).count <= width, "\(value) in \(width)") }
        }
        #expect(
            Compact.name("cluster.some_service.upstream_rq_200", width: 20, isUnicode: true).unicodeScalars.count == 20)
        #expect(Compact.sparkline([0, 1, 2, 4], width: 6, isUnicode: false) == "  _-=#")
        #expect(Compact.sparkline([0, 0], width: 2, isUnicode: true) == "▁▁")
    }
}
