import Metrics
import RegionTesting
import SharedMemory
import Stats
import StatsMetrics
import Synchronization
import Testing
import ThreadTesting

/// Metrics over a region: other processes, dead ones, and no room.
@Suite(.timeLimit(.minutes(Pace.minutes(2))))
struct RegionTests {
    @Test func countsGoOnAfterADeath() throws {
        try withScratch { scratch in
            let child = try scratch.spawn(
                "counter:requests:5", "gauge:active:9", "histogram:time_us:7,70", "say:counted", "wait")
            try child.wait(for: "counted")
            child.kill()
            let factory = try StatsMetricsFactory(baseID: scratch.baseID)
            let counter = Counter(label: "requests", factory: factory)
            #expect(factory.value("requests") == 5)
            counter.increment(by: 2)
            let active = Meter(label: "active", factory: factory)
            #expect(factory.value("active") == 0, "of a dead process")
            active.increment()
            Timer(label: "time", factory: factory).recordMicroseconds(700)
            let outside = StatsSnapshot(try scratch.reader())
            #expect(outside.value("requests") == 7 && outside.value("active") == 1)
            #expect(outside.histogram("time_us")?.count == 3 && outside.histogram("time_us")?.sum == 777)
            #expect(try scratch.reader().planeCount == 2, "the dead one's plane, and one more")
        }
    }

    @Test func twoProcessesAddUp() throws {
        try withScratch { scratch in
            let factories = try (0..<2).map { _ in try StatsMetricsFactory(baseID: scratch.baseID) }
            for (i, factory) in factories.enumerated() {
                Counter(label: "c", factory: factory).increment(by: i + 1)
                Meter(label: "m", factory: factory).set(10 * (i + 1))
            }
            for factory in factories { #expect(factory.value("c") == 3 && factory.value("m") == 30) }
            #expect(try scratch.reader().slots.filter { $0.isLive && $0.role == .serving }.count == 2)
        }
    }

    /// All planes are in use: the process counts on its heap, shows it, and says so.
    @Test func withoutPlanesTheHeapCounts() throws {
        try withScratch { scratch in
            let other = try scratch.member()
            for _ in 0..<RegionLayout.planes { _ = try other.claimPlane(gauges: { [] }) }
            let told = Told()
            var options = StatsMetricsFactory.Options()
            options.report = { told.add($0) }
            let factory = try StatsMetricsFactory(baseID: scratch.baseID, options: options)
            let counter = Counter(label: "c", factory: factory)
            let recorder = Recorder(label: "r", factory: factory)
            let meter = Meter(label: "m", factory: factory)
            onThreads(4) { _ in
                for i in 0..<1000 {
                    counter.increment()
                    recorder.record(i)
                    meter.increment()
                }
            }
            #expect(factory.value("c") == 4000 && factory.value("m") == 4000)
            #expect(factory.histogram("r")?.count == 4000)
            #expect((factory.value("stats.overflow") ?? 0) > 0)
            #expect(StatsSnapshot(try scratch.reader()).value("c") == 0, "not in the region")
            #expect(told.texts.count == 1 && told.texts[0].contains("all planes are in use"), "\(told.texts)")
        }
    }

    /// The last plane is the shared one: threads count there rather than on the heap, which would die with the process.
    @Test func theSharedPlaneIsBetterThanTheHeap() throws {
        try withScratch { scratch in
            let other = try scratch.member()
            for _ in 0..<RegionLayout.planes - 1 { _ = try other.claimPlane(gauges: { [] }) }
            let factory = try StatsMetricsFactory(baseID: scratch.baseID)
            let counter = Counter(label: "c", factory: factory)
            let recorder = Recorder(label: "r", factory: factory)
            onThreads(4) { _ in
                for i in 0..<1000 {
                    counter.increment()
                    recorder.record(i)
                }
            }
            let outside = StatsSnapshot(try scratch.reader())
            #expect(outside.value("c") == 4000 && outside.histogram("r")?.count == 4000)
            #expect(outside.value("stats.overflow") == 1)
        }
    }

    /// Whoever is told may use metrics: nothing is locked then.
    @Test func aReportMayCount() throws {
        try withScratch { scratch in
            let other = try scratch.member()
            for _ in 0..<RegionLayout.planes - 1 { _ = try other.claimPlane(gauges: { [] }) }
            let told = Told()
            var options = StatsMetricsFactory.Options()
            options.report = { told.count($0) }
            let factory = try StatsMetricsFactory(baseID: scratch.baseID, options: options)
            told.factory.withLock { $0 = factory }
            Counter(label: "c", factory: factory).increment()
            #expect(factory.value("reports") == 1)
        }
    }

    @Test func bootstrapIsOneLine() throws {
        try withScratch { scratch in
            let factory = try StatsMetricsFactory.bootstrap(baseID: scratch.baseID)
            Counter(label: "c", dimensions: [("k", "v")]).increment()
            Timer.measure(label: "t") {}
            #expect(factory.value("c;k=v") == 1 && factory.histogram("t_us")?.count == 1)
        }
    }
}

/// What a factory reported.
private final class Told: Sendable {
    private let all = Mutex<[String]>([])
    let factory = Mutex<StatsMetricsFactory?>(nil)

    var texts: [String] { all.withLock { $0 } }
    func add(_ text: String) { all.withLock { $0.append(text) } }

    /// Counts it with the factory that reports.
    func count(_ text: String) {
        guard let factory = factory.withLock({ $0 }) else { return }
        Counter(label: "reports", factory: factory).increment()
    }
}
