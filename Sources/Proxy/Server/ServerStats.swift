import CLinux
import StatCatalog
import Stats

/// `server.`, `hot_restart.`, `listener_manager.` and `cluster_manager.` stats of this process, in the main thread's plane.
struct ServerStats {
    let gauges: GaugeGroup<ServerGauge>
    let histograms: HistogramGroup<ServerHistogram>
    let hotRestart: CounterGroup<HotRestartCounter>
    let hotRestartTimes: HistogramGroup<HotRestartHistogram>
    let listeners: CounterGroup<ListenerManagerCounter>
    let listenerGauges: GaugeGroup<ListenerManagerGauge>
    let clusters: CounterGroup<ClusterManagerCounter>
    let clusterGauges: GaugeGroup<ClusterManagerGauge>

    init(_ store: StatsStore, _ writer: StatsWriter) {
        gauges = GroupIDs(store, in: ServerScope()).cells(writer)
        histograms = GroupIDs(store, in: ServerScope()).cells(writer)
        hotRestart = GroupIDs(store, in: HotRestartScope()).cells(writer)
        hotRestartTimes = GroupIDs(store, in: HotRestartScope()).cells(writer)
        listeners = GroupIDs(store, in: ListenerManagerScope()).cells(writer)
        listenerGauges = GroupIDs(store, in: ListenerManagerScope()).cells(writer)
        clusters = GroupIDs(store, in: ClusterManagerScope()).cells(writer)
        clusterGauges = GroupIDs(store, in: ClusterManagerScope()).cells(writer)
        // What Envoy shows when there is no certificate.
        gauges[.days_until_first_cert_expiring].set(UInt64(UInt32.max))
        gauges[.version].set(Self.versionNumber)
    }

    /// Envoy shows its version as a number: three bytes, here major, minor, patch.
    private static var versionNumber: UInt64 {
        ProductVersion.text.split(separator: ".").reduce(0) { $0 << 8 | (UInt64($1) ?? 0) }
    }

    /// What is only measured when somebody looks.
    func measureMemory() {
        let memory = Self.memory()
        gauges[.memory_allocated].set(memory.allocated)
        gauges[.memory_heap_size].set(memory.held)
        gauges[.memory_physical_size].set(memory.resident)
    }

    static func memory() -> (allocated: UInt64, held: UInt64, resident: UInt64) {
        var used: UInt64 = 0
        var held: UInt64 = 0
        cl_heap_usage(&used, &held)
        return (used, held, ProcessMemory.read()?.resident ?? 0)
    }
}
