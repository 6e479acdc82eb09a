import CLinux
import Glibc
import Stats

/// `server.`, `listener_manager.` and `cluster_manager.` stats of this process, in the main thread's plane.
struct ServerStats {
    let uptime, concurrency, live, state, version, epoch, generation, daysUntilExpiry: Gauge
    let parentConnections, totalConnections: Gauge
    let memoryAllocated, memoryHeap, memoryPhysical: Gauge
    let initializationTime: Histogram
    let listenersAdded, listenersCreated, listenersFailed: Counter
    let listenersActive, listenersDraining, workersStarted: Gauge
    let clustersAdded: Counter
    let clustersActive: Gauge

    init(_ store: StatsStore, _ writer: StatsWriter) {
        func own(_ name: String) -> Gauge { writer.gauge(store.gauge(name, import: .neverImport)) }
        func sum(_ name: String) -> Gauge { writer.gauge(store.gauge(name, import: .accumulate)) }
        func counter(_ name: String) -> Counter { writer.counter(store.counter(name)) }
        uptime = own("server.uptime")
        concurrency = own("server.concurrency")
        live = own("server.live")
        state = own("server.state")
        version = own("server.version")
        epoch = own("server.hot_restart_epoch")
        generation = own("server.hot_restart_generation")
        daysUntilExpiry = own("server.days_until_first_cert_expiring")
        parentConnections = own("server.parent_connections")
        totalConnections = sum("server.total_connections")
        memoryAllocated = sum("server.memory_allocated")
        memoryHeap = sum("server.memory_heap_size")
        memoryPhysical = sum("server.memory_physical_size")
        initializationTime = writer.histogram(store.histogram("server.initialization_time_ms", unit: .milliseconds))
        listenersAdded = counter("listener_manager.listener_added")
        listenersCreated = counter("listener_manager.listener_create_success")
        listenersFailed = counter("listener_manager.listener_create_failure")
        _ = counter("listener_manager.listener_modified")
        _ = counter("listener_manager.listener_removed")
        listenersActive = own("listener_manager.total_listeners_active")
        listenersDraining = own("listener_manager.total_listeners_draining")
        _ = own("listener_manager.total_listeners_warming")
        workersStarted = own("listener_manager.workers_started")
        clustersAdded = counter("cluster_manager.cluster_added")
        _ = counter("cluster_manager.cluster_modified")
        _ = counter("cluster_manager.cluster_removed")
        _ = counter("cluster_manager.cluster_updated")
        clustersActive = own("cluster_manager.active_clusters")
        _ = own("cluster_manager.warming_clusters")
        // What Envoy shows when there is no certificate.
        daysUntilExpiry.set(UInt64(UInt32.max))
        version.set(Self.versionNumber)
    }

    /// Envoy shows its version as a number: three bytes, here major, minor, patch.
    private static var versionNumber: UInt64 {
        ProductVersion.text.split(separator: ".").reduce(0) { $0 << 8 | (UInt64($1) ?? 0) }
    }

    /// What is only measured when somebody looks.
    func measureMemory() {
        var used: UInt64 = 0
        var held: UInt64 = 0
        cl_heap_usage(&used, &held)
        memoryAllocated.set(used)
        memoryHeap.set(held)
        memoryPhysical.set(Self.residentBytes())
    }

    /// proc(5), /proc/self/statm: the second number, in pages.
    private static func residentBytes() -> UInt64 {
        let fd = cl_open("/proc/self/statm", O_RDONLY, 0)
        guard fd >= 0 else { return 0 }
        defer { _ = cl_close(fd) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let n = cl_read(fd, &buffer, buffer.count)
        let fields = String(decoding: buffer.prefix(max(n, 0)), as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return 0 }
        return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
