import CLinux
import ProxyConfig
import StatCatalog
import Stats

/// Measures in what need the process is, and tells the workers what to do. Main thread.
final class OverloadMonitor {
    /// Giving memory back is work that workers wait for.
    private static let leastTrimNs: UInt64 = 1_000_000_000

    private let configuration: OverloadManager
    private let loop: MainLoop
    private let pool: any DataPlane
    private let log: Log
    private let histograms: HistogramGroup<OverloadHistogram>
    private let heap: Monitor?
    private let connections: Monitor?
    private let actions: [Action]
    private var state = OverloadState()
    private var lastNs: UInt64 = 0
    private var trimmedNs: UInt64 = 0
    /// Connections whose refusal is counted already.
    private var refused: UInt64 = 0

    private struct Monitor {
        let counters: CounterGroup<OverloadMonitorCounter>
        let gauges: GaugeGroup<OverloadMonitorGauge>

        init(_ name: String, _ store: StatsStore, _ writer: StatsWriter) {
            counters = GroupIDs(store, in: OverloadMonitorScope(name)).cells(writer)
            gauges = GroupIDs(store, in: OverloadMonitorScope(name)).cells(writer)
        }
    }

    private final class Action {
        let configuration: OverloadAction
        let gauges: GaugeGroup<OverloadActionGauge>
        /// Of `shrink_heap`.
        let counters: CounterGroup<OverloadActionCounter>?
        var share = 0.0

        init(_ action: OverloadAction, _ store: StatsStore, _ writer: StatsWriter) {
            configuration = action
            let scope = OverloadActionScope(action.kind.rawValue)
            gauges = GroupIDs(store, in: scope).cells(writer)
            counters = action.kind == .shrinkHeap ? GroupIDs(store, in: scope).cells(writer) : nil
        }
    }

    init(
        _ configuration: OverloadManager, loop: MainLoop, pool: any DataPlane, store: StatsStore, writer: StatsWriter,
        log: Log
    ) {
        self.configuration = configuration
        self.loop = loop
        self.pool = pool
        self.log = log
        histograms = GroupIDs(store, in: OverloadScope()).cells(writer)
        heap = configuration.maxHeapBytes.map { _ in Monitor("fixed_heap", store, writer) }
        connections = configuration.maxConnections.map { _ in
            Monitor("global_downstream_max_connections", store, writer)
        }
        actions = configuration.actions.map { Action($0, store, writer) }
    }

    /// Measures at once and from then on at each interval, for the life of the process.
    func start() {
        guard lastNs == 0 else { return }
        lastNs = cl_monotonic_ns()
        measure()
        schedule()
    }

    private func schedule() {
        loop.after(ms: configuration.refreshIntervalMs) { [weak self] in
            guard let self else { return }
            let now = cl_monotonic_ns()
            let dueNs = lastNs &+ configuration.refreshIntervalMs &* 1_000_000
            histograms[.refresh_interval_delay].record(now > dueNs ? (now &- dueNs) / 1_000_000 : 0)
            lastNs = now
            measure()
            schedule()
        }
    }

    private func measure() {
        if let connections, let most = configuration.maxConnections {
            connections.gauges[.pressure].set(UInt64(100 * Double(pool.connectionCount) / Double(most)))
            let refused = pool.refusedConnections
            connections.counters[.failed_updates].add(refused &- self.refused)
            self.refused = refused
        }
        guard let heap, let most = configuration.maxHeapBytes else { return }
        guard let memory = ProcessMemory.read() else { return heap.counters[.failed_updates].increment() }
        let pressure = Double(memory.anonymous) / Double(most)
        heap.gauges[.pressure].set(UInt64(100 * pressure))
        for action in actions { apply(action, pressure) }
        var next = OverloadState()
        for action in actions {
            guard let part = OverloadState.Part(action.configuration.kind) else { continue }
            // It has no share: all listeners, or none.
            if part == .connections, action.share < 1 { continue }
            next.set(part, action.share)
        }
        if next != state {
            state = next
            pool.overload(next.word)
        }
        trim()
    }

    private func apply(_ action: Action, _ pressure: Double) {
        let share = action.configuration.share(pressure: pressure)
        if share >= 1, action.share < 1 { log.warning("overload: \(action.configuration.kind.name) is in force") }
        if share < 1, action.share >= 1 { log.info("overload: \(action.configuration.kind.name) is over") }
        action.share = share
        action.gauges[.active].set(share >= 1 ? 1 : 0)
        action.gauges[.scale_percent].set(UInt64(100 * share))
    }

    /// malloc keeps what was given back to it, and that would count as used for ever: so as long as something is done against
    /// too much memory, free pages go back to the kernel.
    private func trim() {
        guard actions.contains(where: { $0.share > 0 }) else { return }
        let now = cl_monotonic_ns()
        guard now &- trimmedNs >= Self.leastTrimNs else { return }
        trimmedNs = now
        cl_heap_trim()
        for action in actions where action.share >= 1 { action.counters?[.shrink_count].increment() }
    }
}
