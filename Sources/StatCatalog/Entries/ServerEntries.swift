/// `server.` gauges.
public enum ServerGauge: Int, GaugeNames {
    public typealias Scope = ServerScope

    case uptime, concurrency, live, state, version
    case hot_restart_epoch, hot_restart_generation, days_until_first_cert_expiring
    case parent_connections, total_connections
    case memory_allocated, memory_heap_size, memory_physical_size

    public var entry: StatEntry {
        switch self {
        case .uptime:
            StatEntry("Seconds since the process began.", import: .neverImport)
        case .concurrency: StatEntry("Worker threads.", import: .neverImport)
        case .live: StatEntry("1 while the process serves, 0 before and afterwards.", import: .neverImport)
        case .state:
            StatEntry(
                "What `/ready` says, as a number: 0 live, 1 draining, 2 before and 3 during initialization.",
                import: .neverImport)
        case .version:
            StatEntry("The version as a number: a byte each of major, minor and patch.", import: .neverImport)
        case .hot_restart_epoch: StatEntry("The restart epoch of the process that serves.", import: .neverImport)
        case .hot_restart_generation:
            StatEntry("1 after a cold start, and 1 more with each hot restart.", import: .neverImport)
        case .days_until_first_cert_expiring:
            StatEntry("Always 4294967295, which is Envoy's value without certificates.", import: .neverImport)
        case .parent_connections:
            StatEntry(
                "Connections of clients that the process before this one kept when it handed over; 0 when that has "
                    + "ended.", import: .neverImport)
        case .total_connections:
            StatEntry("Open connections of clients, of all listeners but the admin listener.")
        case .memory_allocated:
            StatEntry("Memory that the process has in use on its heap.", unit: .bytes)
        case .memory_heap_size:
            StatEntry("Memory that the heap holds from the kernel.", unit: .bytes)
        case .memory_physical_size:
            StatEntry("Resident memory of the process.", unit: .bytes)
        }
    }
}

/// `server.` histograms.
public enum ServerHistogram: Int, HistogramNames {
    public typealias Scope = ServerScope

    case initialization_time_ms

    public var entry: StatEntry {
        switch self {
        case .initialization_time_ms:
            StatEntry(
                "Time from the loaded configuration to serving, recorded once by each process.", unit: .milliseconds)
        }
    }
}

/// `listener_manager.` counters.
public enum ListenerManagerCounter: Int, CounterNames {
    public typealias Scope = ListenerManagerScope

    case listener_added, listener_modified, listener_removed, listener_create_success, listener_create_failure
    case listener_in_place_updated, listener_stopped

    public var entry: StatEntry {
        switch self {
        case .listener_added:
            StatEntry(
                "Listeners of the configuration, counted when a process begins to serve, and those that came later.")
        case .listener_modified: StatEntry("Listeners that a file has changed (LDS).")
        case .listener_removed: StatEntry("Listeners that a file has no more (LDS).")
        case .listener_in_place_updated:
            StatEntry("Of those that changed: only filter chains did, and connections of others were left alone.")
        case .listener_stopped: .alwaysZero("a listener that goes is closed at once, and its connections drain.")
        case .listener_create_success:
            StatEntry("Listeners given to workers, counted once for each worker when a process begins to serve.")
        case .listener_create_failure: StatEntry("Listeners whose address could not be bound at the start.")
        }
    }
}

/// `listener_manager.` gauges.
public enum ListenerManagerGauge: Int, GaugeNames {
    public typealias Scope = ListenerManagerScope

    case total_listeners_active, total_listeners_draining, total_listeners_warming, workers_started
    case total_filter_chains_draining

    public var entry: StatEntry {
        switch self {
        case .total_listeners_active: StatEntry("Listeners that are open.", import: .neverImport)
        case .total_listeners_draining:
            StatEntry(
                "Listeners that have gone and still have connections, and those that a process keeps for its child while it "
                    + "stands by.", import: .neverImport)
        case .total_filter_chains_draining:
            StatEntry("Filter chains that were replaced and still have connections.", import: .neverImport)
        case .total_listeners_warming: .alwaysZero("a listener is open or it is not.", import: .neverImport)
        case .workers_started: StatEntry("1 once the workers accept connections.", import: .neverImport)
        }
    }
}

/// `cluster_manager.` counters.
public enum ClusterManagerCounter: Int, CounterNames {
    public typealias Scope = ClusterManagerScope

    case cluster_added, cluster_modified, cluster_removed, cluster_updated

    public var entry: StatEntry {
        switch self {
        case .cluster_added:
            StatEntry(
                "Clusters of the configuration, counted when a process begins to serve, and those that came later.")
        case .cluster_modified: StatEntry("Clusters of a file that have changed.")
        case .cluster_removed: StatEntry("Clusters that a file has no more.")
        case .cluster_updated: .alwaysZero("clusters change with the process.")
        }
    }
}

/// `cluster_manager.` gauges.
public enum ClusterManagerGauge: Int, GaugeNames {
    public typealias Scope = ClusterManagerScope

    case active_clusters, warming_clusters

    public var entry: StatEntry {
        switch self {
        case .active_clusters: StatEntry("Clusters that there are.", import: .neverImport)
        case .warming_clusters:
            StatEntry(
                "Clusters of a file that have come or changed and whose hosts are not known or not checked yet.",
                import: .neverImport)
        }
    }
}

/// `stats.` counters. The library counts them; no code has to make them.
public enum StatsCounter: Int, CounterNames {
    public typealias Scope = StatsScope

    case overflow, repairs, resets

    public var entry: StatEntry {
        switch self {
        case .overflow:
            StatEntry(
                "Times a stat, a histogram's bins or a thread's cells found no room in shared memory and went to the "
                    + "heap of their process, where its restart loses them.")
        case .repairs: StatEntry("Times a process took the region's mutex over from one that died while it held it.")
        case .resets: StatEntry("Times counters were reset (`POST /reset_counters`).")
        }
    }
}

/// `stats.` gauges of the region itself, as the library reads them.
public enum StatsGauge: Int, GaugeNames {
    public typealias Scope = StatsScope

    case region_generation, region_created_s

    public var entry: StatEntry {
        switch self {
        case .region_generation:
            StatEntry(
                "1 more each time the base id got a new region; what was counted goes on where it could be read.",
                import: .neverImport)
        case .region_created_s:
            StatEntry(
                "When counting began, in seconds since 1970: a reset by hand makes it later.", import: .neverImport)
        }
    }
}

/// `server.` counters that the region keeps.
public enum ServerRegionCounter: Int, CounterNames {
    public typealias Scope = ServerScope

    case process_starts

    public var entry: StatEntry {
        switch self {
        case .process_starts: StatEntry("Processes that began with this base id: tells a restart from a reset.")
        }
    }
}
