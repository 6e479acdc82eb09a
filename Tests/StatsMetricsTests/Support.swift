import Metrics
import RegionTesting
import SharedMemory
import Stats
import StatsMetrics
import Testing

/// Runs `body` with a factory over the heap and with one over a region.
func withFactories(
    _ options: StatsMetricsFactory.Options = .init(), _ body: (StatsMetricsFactory) throws -> Void
) throws {
    try body(StatsMetricsFactory(store: .heapOnly(), options: options))
    try withScratch { scratch in
        let factory = try StatsMetricsFactory(baseID: scratch.baseID, options: options)
        try body(factory)
        #expect(factory.value("stats.overflow") == 0)
    }
}

extension StatsMetricsFactory {
    /// The value of a counter or gauge; nil when there is none of that name.
    func value(_ name: String) -> UInt64? { snapshot().value(name) }

    func histogram(_ name: String) -> HistogramData? {
        snapshot().stats.first { $0.name == name && $0.kind == .histogram }?.histogram
    }
}

extension StatsSnapshot {
    func histogram(_ name: String) -> HistogramData? {
        stats.first { $0.name == name && $0.kind == .histogram }?.histogram
    }
}
