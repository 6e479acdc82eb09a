/// `ConfigSource`: a file that is read again whenever it, or something in its directory, is replaced by a move.
public struct FileSource: Sendable, Hashable {
    public var path: String
    /// `watched_directory`: anything that is moved into it counts; nil: the file itself is watched.
    public var directory: String?
    public init(path: String, directory: String? = nil) {
        self.path = path
        self.directory = directory
    }
}

/// A file as it was read.
public struct ResourceText: Sendable, Equatable {
    public var path = ""
    public var bytes: [UInt8] = []
    public init(path: String = "", bytes: [UInt8] = []) {
        self.path = path
        self.bytes = bytes
    }
}

/// `cds_config`: where clusters come from.
public struct ClusterSource: Sendable {
    public var file: FileSource
    /// `version_info` of what there is.
    public var version = ""
    /// What it was read from.
    public var text = ResourceText()
    /// `cluster_manager.upstream_bind_config`: of clusters that have none.
    public var bind: BindConfig?
    /// Where the proxy itself is.
    public var ownLocality = Locality()
    public init(file: FileSource) { self.file = file }
}

/// `lds_config`: where listeners come from.
public struct ListenerSource: Sendable {
    public var file: FileSource
    /// `version_info` of what there is.
    public var version = ""
    /// What it was read from.
    public var text = ResourceText()
    public init(file: FileSource) { self.file = file }
}

/// The listeners that a file has, `DiscoveryResponse`.
public struct DiscoveredListeners: Sendable {
    /// `version_info`.
    public var version = ""
    public var text = ResourceText()
    /// In file order, each name and each address once.
    public var listeners: [Listener]
    public init(version: String = "", listeners: [Listener] = []) {
        self.version = version
        self.listeners = listeners
    }
}

/// The clusters that a file has, `DiscoveryResponse`.
public struct DiscoveredClusters: Sendable {
    /// `version_info`.
    public var version = ""
    public var text = ResourceText()
    /// In file order, each name once.
    public var clusters: [Cluster] = []
    public init() {}
}

/// `eds_cluster_config`: where the endpoints of a cluster come from.
public struct EndpointSource: Sendable {
    public var file: FileSource
    /// The assignment's `cluster_name`: `service_name`, or the cluster's own.
    public var name: String
    /// `version_info` of what the cluster has.
    public var version = ""
    public init(file: FileSource, name: String) {
        self.file = file
        self.name = name
    }
}

/// `rds`: where the routes of a connection manager come from.
public struct RouteSource: Sendable {
    public var file: FileSource
    /// `route_config_name`.
    public var name: String
    /// `version_info` of what it has.
    public var version = ""
    /// What it was read from.
    public var text = ResourceText()
    public init(file: FileSource, name: String) {
        self.file = file
        self.name = name
    }
}

/// `ClusterLoadAssignment`: the endpoints of one cluster.
public struct LoadAssignment: Sendable {
    public var clusterName = ""
    /// In file order.
    public var endpoints: [Endpoint] = []
    /// What endpoints have in common, by `Endpoint.group`.
    public var groups: [EndpointGroup] = []
    /// `policy.overprovisioning_factor` in percent; Envoy's default.
    public var overprovisioning: UInt32 = 140
    /// Endpoints in the text, also those with errors.
    var listed = 0
    public var location: SourceLocation
    public init(location: SourceLocation) { self.location = location }
}

extension Endpoint {
    /// Whether this is the same in everything but its place in the text and its group.
    public func isSame(as other: Endpoint) -> Bool {
        address == other.address && weight == other.weight && hostname == other.hostname && hashKey == other.hashKey
            && metadata == other.metadata && health == other.health && isSameCheck(as: other)
    }

    /// Whether it is checked in the same way.
    public func isSameCheck(as other: Endpoint) -> Bool {
        healthCheckPort == other.healthCheckPort && healthCheckHostname == other.healthCheckHostname
            && disablesHealthCheck == other.disablesHealthCheck
    }
}

/// The routes that a file has, `DiscoveryResponse`.
public struct DiscoveredRoutes: Sendable {
    /// `version_info`.
    public var version = ""
    public var text = ResourceText()
    /// By name, in file order; empty: the file has none.
    public var configurations: [RouteConfiguration] = []
    public init() {}
}

/// The endpoints that a file has, `DiscoveryResponse`.
public struct DiscoveredAssignments: Sendable {
    /// `version_info`.
    public var version = ""
    /// By `cluster_name`.
    public var assignments: [String: LoadAssignment] = [:]
    public init() {}
}
