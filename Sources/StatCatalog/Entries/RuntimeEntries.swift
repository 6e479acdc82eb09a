/// `runtime.` counters.
public enum RuntimeCounter: Int, CounterNames {
    public typealias Scope = RuntimeScope

    case load_success, load_error, override_dir_exists, override_dir_not_exists
    case deprecated_feature_use

    public var entry: StatEntry {
        switch self {
        case .load_success: StatEntry("Times that the values were put together, at the start and after each change.")
        case .load_error: StatEntry("Times that a directory of values could not be read; it keeps the values it had.")
        case .override_dir_exists: StatEntry("Of these, with a `disk_layer` in the configuration.")
        case .override_dir_not_exists: StatEntry("Of these, without one.")
        case .deprecated_feature_use: .alwaysZero("a deprecated field is supported or refused, no key changes that.")
        }
    }
}

/// `runtime.` gauges.
public enum RuntimeGauge: Int, GaugeNames {
    public typealias Scope = RuntimeScope

    case num_keys, num_layers, admin_overrides_active, deprecated_feature_seen_since_process_start

    public var entry: StatEntry {
        switch self {
        case .num_keys: StatEntry("Keys that have a value.", import: .neverImport)
        case .num_layers: StatEntry("Layers of the configuration.", import: .neverImport)
        case .admin_overrides_active: StatEntry("1 while `/runtime_modify` has set a value.", import: .neverImport)
        case .deprecated_feature_seen_since_process_start:
            .alwaysZero("a deprecated field is supported or refused, no key changes that.")
        }
    }
}
