import Testing

@testable import Stats

/// Bins, quantiles and buckets, against what Envoy 1.40 shows.
struct HistogramTests {
    @Test(arguments: [
        (1, 1.0, 0.1), (2, 2, 0.1), (9, 9, 0.1), (10, 10, 1), (11, 11, 1), (42, 42, 1), (99, 99, 1),
        (100, 100, 10), (109, 100, 10), (110, 110, 10), (999, 990, 10), (1000, 1000, 100), (1099, 1000, 100),
        (9999, 9900, 100), (10_000, 10_000, 1000), (12_345, 12_000, 1000), (99_999, 99_000, 1000),
        (100_000, 100_000, 10_000), (1_234_567, 1_200_000, 100_000), (10_000_000_000, 10_000_000_000, 1e9),
        (999_999_999_999, 990_000_000_000, 1e10), (1_000_000_000_000, 990_000_000_000, 1e10),
        (UInt64.max, 990_000_000_000, 1e10),
    ])
    func everyValueHasItsBin(value: UInt64, lower: Double, width: Double) {
        let place = HistogramBins.place(value)
        let bounds = HistogramBins.bounds(decade: place.decade, bin: place.bin)
        #expect(bounds.lower == lower)
        #expect(bounds.width == width)
        #expect(place.bin >= 0 && place.bin < 90 && place.decade < HistogramBins.decades)
    }

    /// Up to where values are not exact any more: the bin holds its value, and the next value is in it or in the next.
    @Test func binsFollowOneAnother() {
        var last = HistogramBins.place(1)
        for value in UInt64(2)...200_000 {
            let place = HistogramBins.place(value)
            let bounds = HistogramBins.bounds(decade: place.decade, bin: place.bin)
            let holds = Double(value) >= bounds.lower && Double(value) < bounds.lower + bounds.width
            let step = (place.decade - last.decade) * 90 + place.bin - last.bin
            if !holds || step < 0 || step > (value <= 10 ? 10 : 1) { Issue.record("\(value): \(place)") }
            last = place
        }
    }

    @Test func quantilesAreEnvoys() {
        let data = histogram(1, 42, 44, 44)
        let expected = [1.05, 1.05, 42.5, 44.333333333333336] + Array(repeating: 44.666666666666664, count: 6)
        #expect(HistogramData.quantiles == [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1])
        #expect(data.values() == expected)
        #expect(data.count == 4 && data.sum == 131)
    }

    @Test func quantilesOfZerosAreZero() {
        #expect(histogram(0, 0, 0).values() == Array(repeating: 0, count: 10))
        #expect(histogram(0, 0, 0, 5).values(at: [0.75, 1]) == [0, 5.05])
    }

    @Test func quantilesOfOneValueAreInTheMiddleOfItsBin() {
        #expect(histogram(100).values() == Array(repeating: 105, count: 10))
    }

    @Test func quantilesOfNothingAreNoNumbers() {
        let values = HistogramData().values()
        #expect(values.count == 10 && values.filter(\.isNaN).count == 10)
    }

    /// The bins whose lower bound is at or below the bucket's bound count.
    @Test(arguments: [
        (0.0, 1), (0.5, 1), (1, 2), (5, 3), (9.9, 3), (10, 3), (25, 3), (99, 3), (100, 4), (105, 4), (109, 4), (110, 5),
        (1e6, 5),
    ])
    func bucketsCountBinsThatBeginInThem(bound: Double, count: Int) {
        #expect(histogram(0, 1, 5, 109, 110).count(upTo: bound) == UInt64(count))
    }

    @Test func binsAreInOrder() {
        let bins = histogram(2000, 0, 3, 45, 45).bins
        #expect(bins.map(\.lower) == [0, 3, 45, 2000])
        #expect(bins.map(\.width) == [0, 0.1, 1, 100])
        #expect(bins.map(\.count) == [1, 1, 2, 1])
    }

    @Test func whatCameSinceIsTheDifference() {
        let earlier = histogram(0, 7, 500)
        var later = earlier
        later.add(histogram(0, 7, 7, 80))
        let since = later.since(earlier)
        #expect(since.count == 4 && since.sum == 94)
        #expect(since.bins.map(\.lower) == [0, 7, 80])
        #expect(since.bins.map(\.count) == [1, 2, 1])
        // A region that was reset in between: never below nothing.
        let reset = histogram(7).since(earlier)
        #expect(reset.count == 0 && reset.sum == 0)
    }

    @Test func decadesThatAWriterFillsAreTheOnesThatAreRead() {
        let store = StatsStore.heapOnly()
        let id = store.histogram("h", unit: .milliseconds)
        let (first, second) = (store.makeWriter().histogram(id), store.makeWriter().histogram(id))
        var decades: [UInt64] = [0]
        for power in 0..<12 { decades.append((0..<power).reduce(3) { value, _ in value * 10 }) }
        for value in decades {
            first.record(value)
            second.record(value)
        }
        let data = store.snapshot().histogram("h")
        #expect(data?.count == 26 && data?.sum == 2 * 333_333_333_333)
        let lower = decades.map { Double($0) }
        #expect(data?.bins.map(\.lower) == lower)
        #expect(data?.bins.map(\.count) == Array(repeating: 2, count: 13))
    }

    @Test(arguments: [
        (0.0, "0"), (1.05, "1.05"), (42.5, "42.5"), (44.333333333333336, "44.333333333333336"), (105, "105"),
        (1e6, "1000000"), (.nan, "nan"),
    ])
    func numbersAreAsShortAsCanBe(value: Double, text: String) { #expect(Numbers.text(value) == text) }

    @Test(arguments: [(0.5, "0.5"), (600_000.0, "600000"), (1_800_000, "1.8e+06"), (3_600_000, "3.6e+06")])
    func boundsAreWrittenAsStreamsDo(value: Double, text: String) { #expect(Numbers.bound(value) == text) }
}

/// What a histogram holds after these values.
func histogram(_ values: UInt64...) -> HistogramData {
    let store = StatsStore.heapOnly()
    let histogram = store.makeWriter().histogram(store.histogram("h", unit: .unspecified))
    for value in values { histogram.record(value) }
    return store.snapshot().histogram("h") ?? HistogramData()
}

// Functions rather than closures in the tests: a closure among a macro's arguments and another one of its type outside
// of them have been mixed up by the compiler (Swift 6.3).
extension StatsSnapshot {
    func stat(_ name: String) -> StatValue? { stats.first { $0.name == name } }
    func histogram(_ name: String) -> HistogramData? { stat(name)?.histogram }
}
