import Glibc
import Metrics
import RegionTesting
import SharedMemory
import Stats
import StatsMetrics
import Synchronization
import Testing

/// Runs `body` on that many threads at once; they start together and have ended on return.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    final class Start: Sendable {
        let index: Int
        let waiting: Waiting
        let body: @Sendable (Int) -> Void
        init(_ index: Int, _ waiting: Waiting, _ body: @escaping @Sendable (Int) -> Void) {
            self.index = index
            self.waiting = waiting
            self.body = body
        }
    }
    final class Waiting: Sendable { let count: Atomic<Int> = Atomic(0) }
    let waiting = Waiting()
    let threads = (0..<count).map { index in
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(index, waiting, body))
        let code = pthread_create(
            &thread, nil,
            { pointer in
                let start = Unmanaged<Start>.fromOpaque(pointer!).takeRetainedValue()
                start.waiting.count.add(1, ordering: .sequentiallyConsistent)
                while start.waiting.count.load(ordering: .sequentiallyConsistent) >= 0 { sched_yield() }
                start.body(start.index)
                return nil
            }, start.toOpaque())
        precondition(code == 0)
        return thread
    }
    while waiting.count.load(ordering: .sequentiallyConsistent) < count { sched_yield() }
    waiting.count.store(-1_000_000, ordering: .sequentiallyConsistent)
    for thread in threads { pthread_join(thread, nil) }
}

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
