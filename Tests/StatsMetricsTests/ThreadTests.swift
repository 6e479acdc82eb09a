import Metrics
import RegionTesting
import Stats
import StatsMetrics
import Testing
import ThreadTesting

/// Sums are exact, however many threads count and however few planes there are for them.
@Suite(.timeLimit(.minutes(Pace.minutes(2))))
struct ThreadTests {
    @Test(arguments: [64, 3, 0])
    func sumsAreExact(planes: Int) throws {
        var options = StatsMetricsFactory.Options()
        options.threadPlanes = planes
        try withFactories(options) { factory in
            let counter = Counter(label: "c", factory: factory)
            let sum = FloatingPointCounter(label: "f", factory: factory)
            let meter = Meter(label: "m", factory: factory)
            let recorder = Recorder(label: "r", factory: factory)
            let rounds = 4000
            onThreads(12) { thread in
                for i in 0..<rounds {
                    counter.increment()
                    Counter(label: "made", dimensions: [("i", "\(i % 5)")], factory: factory).increment(by: 2)
                    sum.increment(by: 0.25)
                    if i % 10 == 0 { meter.increment() }
                    recorder.record(i)
                    if i % 1000 == 0 { _ = factory.snapshot() }
                }
            }
            #expect(factory.value("c") == UInt64(12 * rounds))
            for i in 0..<5 { #expect(factory.value("made;i=\(i)") == UInt64(12 * rounds / 5 * 2)) }
            #expect(factory.value("f_millionths") == UInt64(12 * rounds * 250_000))
            #expect(factory.value("m") == UInt64(12 * rounds / 10))
            let data = try #require(factory.histogram("r"))
            #expect(data.count == UInt64(12 * rounds))
            #expect(data.sum == UInt64(12 * rounds * (rounds - 1) / 2))
        }
    }

    @Test func aPlaneGoesFromThreadToThread() throws {
        try withScratch { scratch in
            let factory = try StatsMetricsFactory(baseID: scratch.baseID)
            let counter = Counter(label: "c", factory: factory)
            for _ in 0..<200 { onThreads(2) { _ in counter.increment() } }
            #expect(factory.value("c") == 400)
            let planes = try scratch.reader().planeCount
            #expect(planes <= 3, "one of gauges, two of threads: \(planes)")
        }
    }

    @Test func threadsBeyondThePlanesShareOne() throws {
        try withScratch { scratch in
            var options = StatsMetricsFactory.Options()
            options.threadPlanes = 4
            let factory = try StatsMetricsFactory(baseID: scratch.baseID, options: options)
            let counter = Counter(label: "c", factory: factory)
            onThreads(40) { _ in for _ in 0..<1000 { counter.increment() } }
            let planes = try scratch.reader().planeCount
            #expect(planes <= 5, "\(planes)")
            #expect(StatsSnapshot(try scratch.reader()).value("c") == 40_000)
        }
    }

    /// Histograms take their blocks in time, without anybody topping up: nothing is on the heap.
    @Test(arguments: [64, 0])
    func manyHistogramsStayInTheRegion(planes: Int) throws {
        try withScratch { scratch in
            var options = StatsMetricsFactory.Options()
            options.threadPlanes = planes
            let factory = try StatsMetricsFactory(baseID: scratch.baseID, options: options)
            let recorders = (0..<60).map { Recorder(label: "r\($0)", factory: factory) }
            onThreads(4) { _ in
                var value = 1
                for _ in 0..<12 {
                    for recorder in recorders { recorder.record(value) }
                    value *= 10
                }
            }
            let snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("stats.overflow") == 0)
            for i in 0..<60 { #expect(snapshot.histogram("r\(i)")?.count == 48) }
        }
    }
}
