/// `cluster.<name>.` counters of clusters whose endpoints come from a file (EDS), beside those of `MembershipCounter`.
public enum EndpointDiscoveryCounter: Int, CounterNames {
    public typealias Scope = ClusterScope

    case update_rejected, init_fetch_timeout
    case assignment_stale, assignment_timeout_received, assignment_use_cached

    public var entry: StatEntry {
        switch self {
        case .update_rejected: StatEntry("Files that were read and not taken: the hosts stay as they were.")
        case .init_fetch_timeout: .alwaysZero("a file is there before the proxy serves.")
        case .assignment_stale: .alwaysZero("what a file says holds until it says something else.")
        case .assignment_timeout_received: .alwaysZero("what a file says holds until it says something else.")
        case .assignment_use_cached: .alwaysZero("files are read again each time.")
        }
    }
}

/// `cluster.<name>.` gauges of such clusters.
public enum EndpointDiscoveryGauge: Int, GaugeNames {
    public typealias Scope = ClusterScope

    case update_time, version

    public var entry: StatEntry {
        switch self {
        case .update_time:
            StatEntry("When the file was last taken, in milliseconds since 1970.", import: .neverImport)
        case .version: StatEntry("The file's `version_info` as a number: its xxHash64.", import: .neverImport)
        }
    }
}

/// `cluster.<name>.` texts of such clusters.
public enum EndpointDiscoveryText: Int, TextNames {
    public typealias Scope = ClusterScope

    case version_text

    public var entry: StatEntry {
        switch self {
        case .version_text: StatEntry("The file's `version_info`.")
        }
    }
}

/// `http.<stat_prefix>.rds.<route_config_name>.` counters.
public enum RouteDiscoveryCounter: Int, CounterNames {
    public typealias Scope = RouteDiscoveryScope

    case config_reload, update_attempt, update_success, update_failure, update_rejected, update_empty
    case init_fetch_timeout

    public var entry: StatEntry {
        switch self {
        case .config_reload: StatEntry("Times that other routes came into use, the first time included.")
        case .update_attempt: StatEntry("Readings of the file.")
        case .update_success: StatEntry("Readings that were taken, be it that nothing had changed.")
        case .update_failure: StatEntry("Files that could not be read: the routes stay as they were.")
        case .update_rejected: StatEntry("Files that were read and not taken: the routes stay as they were.")
        case .update_empty: StatEntry("Files without any route configuration: the routes stay as they were.")
        case .init_fetch_timeout: .alwaysZero("a file is there before the proxy serves.")
        }
    }
}

/// `http.<stat_prefix>.rds.<route_config_name>.` gauges.
public enum RouteDiscoveryGauge: Int, GaugeNames {
    public typealias Scope = RouteDiscoveryScope

    case config_reload_time_ms, update_time, version

    public var entry: StatEntry {
        switch self {
        case .config_reload_time_ms:
            StatEntry("When other routes last came into use, in milliseconds since 1970.", import: .neverImport)
        case .update_time:
            StatEntry("When the file was last taken, in milliseconds since 1970.", import: .neverImport)
        case .version: StatEntry("The file's `version_info` as a number: its xxHash64.", import: .neverImport)
        }
    }
}

/// `http.<stat_prefix>.rds.<route_config_name>.` texts.
public enum RouteDiscoveryText: Int, TextNames {
    public typealias Scope = RouteDiscoveryScope

    case version_text

    public var entry: StatEntry {
        switch self {
        case .version_text: StatEntry("The file's `version_info`.")
        }
    }
}

/// `cluster_manager.cds.` counters.
public enum ClusterDiscoveryCounter: Int, CounterNames {
    public typealias Scope = ClusterDiscoveryScope

    case config_reload, update_attempt, update_success, update_failure, update_rejected
    case init_fetch_timeout

    public var entry: StatEntry {
        switch self {
        case .config_reload: StatEntry("Times that other clusters came into use, the first time included.")
        case .update_attempt: StatEntry("Readings of the file.")
        case .update_success: StatEntry("Readings that were taken, be it that nothing had changed.")
        case .update_failure: StatEntry("Files that could not be read: the clusters stay as they were.")
        case .update_rejected: StatEntry("Files that were read and not taken: the clusters stay as they were.")
        case .init_fetch_timeout: .alwaysZero("a file is there before the proxy serves.")
        }
    }
}

/// `cluster_manager.cds.` gauges.
public enum ClusterDiscoveryGauge: Int, GaugeNames {
    public typealias Scope = ClusterDiscoveryScope

    case config_reload_time_ms, update_time, version

    public var entry: StatEntry {
        switch self {
        case .config_reload_time_ms:
            StatEntry("When other clusters last came into use, in milliseconds since 1970.", import: .neverImport)
        case .update_time:
            StatEntry("When the file was last taken, in milliseconds since 1970.", import: .neverImport)
        case .version: StatEntry("The file's `version_info` as a number: its xxHash64.", import: .neverImport)
        }
    }
}

/// `cluster_manager.cds.` texts.
public enum ClusterDiscoveryText: Int, TextNames {
    public typealias Scope = ClusterDiscoveryScope

    case version_text

    public var entry: StatEntry {
        switch self {
        case .version_text: StatEntry("The file's `version_info`.")
        }
    }
}

/// `listener_manager.lds.` counters.
public enum ListenerDiscoveryCounter: Int, CounterNames {
    public typealias Scope = ListenerDiscoveryScope

    case update_attempt, update_success, update_failure, update_rejected
    case init_fetch_timeout

    public var entry: StatEntry {
        switch self {
        case .update_attempt: StatEntry("Readings of the file.")
        case .update_success: StatEntry("Readings that were taken, be it that nothing had changed.")
        case .update_failure: StatEntry("Files that could not be read: the listeners stay as they were.")
        case .update_rejected: StatEntry("Files that were read and not taken: the listeners stay as they were.")
        case .init_fetch_timeout: .alwaysZero("a file is there before the proxy serves.")
        }
    }
}

/// `listener_manager.lds.` gauges.
public enum ListenerDiscoveryGauge: Int, GaugeNames {
    public typealias Scope = ListenerDiscoveryScope

    case update_time, version

    public var entry: StatEntry {
        switch self {
        case .update_time:
            StatEntry("When the file was last taken, in milliseconds since 1970.", import: .neverImport)
        case .version: StatEntry("The file's `version_info` as a number: its xxHash64.", import: .neverImport)
        }
    }
}

/// `listener_manager.lds.` texts.
public enum ListenerDiscoveryText: Int, TextNames {
    public typealias Scope = ListenerDiscoveryScope

    case version_text

    public var entry: StatEntry {
        switch self {
        case .version_text: StatEntry("The file's `version_info`.")
        }
    }
}
