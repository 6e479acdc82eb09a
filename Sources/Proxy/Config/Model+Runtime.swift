/// `envoy.config.bootstrap.v3.RuntimeLayer`: where runtime values come from.
public struct RuntimeLayer: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        /// `static_layer`, flattened: `{health_check: {min_interval: 5}}` is the key `health_check.min_interval`.
        case fixed([String: RuntimeValue])
        /// `disk_layer`: a directory whose files are values.
        case disk(DiskLayer)
        /// `admin_layer`: what `/runtime_modify` sets.
        case admin
    }
    public var name: String
    public var source: Source
    public init(name: String, source: Source) {
        self.name = name
        self.source = source
    }
}

/// `disk_layer`: `symlinkRoot/subdirectory`, read again whenever something is moved onto `symlinkRoot`.
public struct DiskLayer: Sendable, Hashable {
    public var symlinkRoot: String
    public var subdirectory: String
    /// Whether the service cluster's name is one more directory.
    public var appendServiceCluster: Bool
    public init(symlinkRoot: String, subdirectory: String, appendServiceCluster: Bool) {
        self.symlinkRoot = symlinkRoot
        self.subdirectory = subdirectory
        self.appendServiceCluster = appendServiceCluster
    }
}

/// A share of requests that a runtime key can change: `envoy.config.core.v3.RuntimeFractionalPercent`.
public struct RuntimeFraction: Sendable, Hashable {
    public var fallback: FractionalPercent
    /// Empty: nothing changes it.
    public var key: String
    public init(_ fallback: FractionalPercent, key: String = "") {
        self.fallback = fallback
        self.key = key
    }
}

/// A switch that the runtime may set: `envoy.config.core.v3.RuntimeFeatureFlag`.
public struct RuntimeFlag: Sendable, Hashable {
    public var fallback: Bool
    /// Empty: none.
    public var key: String
    public init(_ fallback: Bool, key: String = "") {
        self.fallback = fallback
        self.key = key
    }
}
