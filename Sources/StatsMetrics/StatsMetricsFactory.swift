import CoreMetrics
import SharedMemory
import Stats

/// A swift-metrics backend whose metrics survive the process: every metric is a stat of a `StatsStore`.
///
/// A server that counts with swift-metrics needs one line, before it makes its first metric:
///
///     try StatsMetricsFactory.bootstrap(baseID: 7)
///
/// From then on `statdump --base-id 7` shows its metrics, while it runs and when it is dead, and the next process with that
/// base id goes on with the counts. What becomes of each kind of metric is in <doc:Metrics>, and of dimensions in
/// ``MetricName``.
///
/// Any thread may use it. A thread that increments for the first time gets a plane of its own; from then on an increment is
/// a load, an add and a store.
public final class StatsMetricsFactory: MetricsFactory, Sendable {
    /// The unit in which timers are kept; it is appended to their names.
    public enum TimerUnit: String, Sendable, CaseIterable {
        /// Up to 16 minutes are told apart.
        case nanoseconds = "_ns"
        /// Up to 11 days.
        case microseconds = "_us"
        /// Up to 31 years. Envoy's unit, without a suffix there.
        case milliseconds = "_ms"

        var nanoseconds: UInt64 {
            switch self {
            case .nanoseconds: 1
            case .microseconds: 1000
            case .milliseconds: 1_000_000
            }
        }
    }

    /// What can be chosen.
    public struct Options: Sendable {
        /// The unit of timers.
        public var timerUnit = TimerUnit.microseconds
        /// How many threads get a plane of their own. A region has 2048 planes for all its processes; threads above this
        /// number share one, with the same exact sums, at the price of an atomic add.
        public var threadPlanes = 64
        /// Told once for each kind of trouble, on the thread that ran into it: a sentence for the log.
        public var report: @Sendable (String) -> Void = { _ in }

        /// Timers in microseconds, 64 planes, silence.
        public init() {}
    }

    private let backend: StatsBackend
    private let options: Options

    /// Over a store that the caller made, with names of its own (`StatNaming.plain`, which is what stores have unless told
    /// otherwise). The store belongs to the factory from now on: see ``withStore(_:)``.
    public init(store: sending StatsStore, options: Options = Options()) {
        self.options = options
        backend = StatsBackend(store: store, planes: options.threadPlanes, report: options.report)
    }

    /// Joins the region of a base id, which is made if there is none, as a process that serves.
    ///
    /// Several processes may have one base id: counters are their sum. Do not use the base id of a running envoyd, whose
    /// hot restart looks for its like there.
    ///
    /// - Throws: when the region cannot be had; the sentence says why. `init(store: .heapOnly())` counts without one.
    public convenience init(baseID: UInt32, options: Options = Options()) throws(RegionError) {
        let anchor = try Anchor(baseID: baseID)
        let (region, origin) = try SharedRegion.attach(anchor)
        try region.claimSlot(epoch: 0, socketPath: "")
        let store = StatsStore(region: region)
        let before = store.totals()
        try region.commitSlot()
        store.keepStart(before)
        withExtendedLifetime(anchor) {}
        self.init(store: store, options: options)
        if case .replaced(let reason) = origin {
            options.report("stats of base id \(baseID) start afresh: \(reason)")
        }
    }

    /// Makes the factory of a base id the one of this process. Call it once, before any metric is made.
    ///
    /// - Returns: the factory, for ``snapshot()``.
    @discardableResult
    public static func bootstrap(
        baseID: UInt32, options: Options = Options()
    ) throws(RegionError) -> StatsMetricsFactory {
        let factory = try StatsMetricsFactory(baseID: baseID, options: options)
        MetricsSystem.bootstrap(factory)
        return factory
    }

    /// All stats of the base id now, of every process, and what this one had to keep on its heap.
    public func snapshot() -> StatsSnapshot { withStore { $0.snapshot() } }

    /// Runs `body` with the store, which nobody else touches meanwhile: other stats, `closeInterval()`. Increments go on;
    /// metrics that are new, or new to their thread, wait. Do not use metrics in `body`.
    public func withStore<T>(_ body: (StatsStore) throws -> T) rethrows -> T { try backend.withStore(body) }

    // MARK: - MetricsFactory

    /// A counter stat.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        backend.handler(.counter, label, dimensions) {
            StatsCounterHandler(place: backend.counter(MetricName.encode(label: label, dimensions: dimensions)))
        }
    }

    /// A counter stat of millionths, `<label>_millionths`.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        backend.handler(.floatingPointCounter, label, dimensions) {
            StatsFloatingPointCounterHandler(
                place: backend.counter(
                    MetricName.encode(label: label, dimensions: dimensions, suffix: Millionths.suffix)))
        }
    }

    /// A gauge stat.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// A histogram stat, or a gauge stat if it does not aggregate.
    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        return backend.handler(.recorder, label, dimensions) {
            StatsRecorderHandler(
                place: backend.histogram(MetricName.encode(label: label, dimensions: dimensions), .unspecified))
        }
    }

    /// A histogram stat in the unit of the factory, `<label>_us`.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let unit = options.timerUnit
        return backend.handler(.timer, label, dimensions) {
            StatsTimerHandler(
                place: backend.histogram(
                    MetricName.encode(label: label, dimensions: dimensions, suffix: unit.rawValue),
                    unit == .milliseconds ? .milliseconds : .unspecified),
                unit: unit)
        }
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> StatsGaugeHandler {
        backend.handler(.gauge, label, dimensions) {
            backend.gauge(MetricName.encode(label: label, dimensions: dimensions))
        }
    }

    // A stat is for good: it keeps its value, and a metric of the same name goes on with it.

    /// Without effect: the stat keeps its value.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// Without effect: the stat keeps its value.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    /// Without effect: the stat keeps its value.
    public func destroyMeter(_ handler: any MeterHandler) {}
    /// Without effect: the stat keeps its value.
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    /// Without effect: the stat keeps its value.
    public func destroyTimer(_ handler: any TimerHandler) {}
}
