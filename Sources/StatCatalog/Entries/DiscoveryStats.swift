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
