/// `cluster.<name>.ring_hash_lb.` gauges.
public enum RingHashGauge: Int, GaugeNames {
    public typealias Scope = ClusterRingHashScope

    case size, min_hashes_per_host, max_hashes_per_host

    public var entry: StatEntry {
        switch self {
        case .size: StatEntry("Places of the ring, of all hosts that are used.", import: .neverImport)
        case .min_hashes_per_host:
            StatEntry("Places of the host that has the fewest of them.", import: .neverImport)
        case .max_hashes_per_host:
            StatEntry("Places of the host that has the most of them.", import: .neverImport)
        }
    }
}

/// `cluster.<name>.maglev_lb.` gauges.
public enum MaglevGauge: Int, GaugeNames {
    public typealias Scope = ClusterMaglevScope

    case min_entries_per_host, max_entries_per_host

    public var entry: StatEntry {
        switch self {
        case .min_entries_per_host:
            StatEntry("Places in the table of the host that has the fewest of them.", import: .neverImport)
        case .max_entries_per_host:
            StatEntry("Places in the table of the host that has the most of them.", import: .neverImport)
        }
    }
}
