/// Where a group of stats lives: what stands before their names.
///
/// A value of a scope is one such place, for example one cluster. A group names the type of its scope, so that the
/// compiler refuses a group in a place where it does not belong.
public protocol StatScope: Sendable {
    /// The place's name with placeholders for what the configuration says: `http.<stat_prefix>.`.
    static var pattern: String { get }
    /// Whose stats these are, in a sentence.
    static var about: String { get }
    /// What every name of this place begins with: `http.ingress_http.`.
    var prefix: String { get }
}

extension StatScope {
    static func filled(_ values: String...) -> String { StatPattern(pattern).filled(values) }
}

/// `http.<stat_prefix>.`
public struct HTTPScope: StatScope {
    public static let pattern = "http.<stat_prefix>."
    public static let about =
        "One HTTP connection manager, by its `stat_prefix`; listeners with the same prefix count together."
    public let prefix: String
    /// The scope of one `stat_prefix`.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix) }
}

/// `http.<stat_prefix>.rds.<route_config_name>.`
public struct RouteDiscoveryScope: StatScope {
    public static let pattern = "http.<stat_prefix>.rds.<route_config_name>."
    public static let about = "The routes of a connection manager that come from a file."
    public let prefix: String
    /// The scope of one route configuration in one `stat_prefix`.
    public init(_ statPrefix: String, _ name: String) { prefix = Self.filled(statPrefix, name) }
}

/// `http1.`
public struct CodecScope: StatScope {
    public static let pattern = "http1."
    public static let about = "HTTP/1 messages, of all listeners together."
    public let prefix = pattern
    public init() {}
}

/// `http.async-client.`
public struct AsyncClientScope: StatScope {
    public static let pattern = "http.async-client."
    public static let about = "Requests that the proxy makes itself: copies of others."
    public let prefix = pattern
    public init() {}
}

/// `tcp.<stat_prefix>.`
public struct TCPScope: StatScope {
    public static let pattern = "tcp.<stat_prefix>."
    public static let about = "One TCP proxy, by its `stat_prefix`; listeners with the same prefix count together."
    public let prefix: String
    /// The scope of one `stat_prefix`.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix) }
}

/// `listener.<address>.`
public struct ListenerScope: StatScope {
    public static let pattern = "listener.<address>."
    public static let about =
        "One listener, by its `stat_prefix` or its configured address, with `_` for each `:` and `/`."
    public let prefix: String
    /// The scope of one listener; `address` is as it stands in the name.
    public init(_ address: String) { prefix = Self.filled(address) }
}

/// `listener.<address>.worker_<i>.`
public struct ListenerWorkerScope: StatScope {
    public static let pattern = "listener.<address>.worker_<i>."
    public static let about = "What one worker has of a listener."
    public let prefix: String
    /// The scope of one worker, numbered from 0, on one listener.
    public init(_ address: String, worker: Int) { prefix = Self.filled(address, "\(worker)") }
}

/// `listener.<address>.http.<stat_prefix>.`
public struct ListenerHTTPScope: StatScope {
    public static let pattern = "listener.<address>.http.<stat_prefix>."
    public static let about = "What an HTTP connection manager answered on one listener."
    public let prefix: String
    /// The scope of one `stat_prefix` on one listener.
    public init(_ address: String, statPrefix: String) { prefix = Self.filled(address, statPrefix) }
}

/// `proxy_proto.`, or `proxy_proto.<stat_prefix>.`
public struct ProxyProtocolScope: StatScope {
    public static let pattern = "proxy_proto<.stat_prefix>."
    public static let about =
        "The PROXY protocol filters of listeners, by their `stat_prefix` with a dot before it, or nothing where there is "
        + "none; filters with the same prefix count together."
    public let prefix: String
    /// The scope of one `stat_prefix`, which may be empty.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix.isEmpty ? "" : "." + statPrefix) }
}

/// `proxy_proto.versions.v<i>.`, or `proxy_proto.<stat_prefix>.versions.v<i>.`
public struct ProxyProtocolVersionScope: StatScope {
    public static let pattern = "proxy_proto<.stat_prefix>.versions.v<i>."
    public static let about = "The same by the version of the header, 1 or 2."
    public let prefix: String
    /// The scope of one `stat_prefix`, which may be empty, and one version.
    public init(_ statPrefix: String, version: Int) {
        prefix = Self.filled(statPrefix.isEmpty ? "" : "." + statPrefix, "\(version)")
    }
}

/// `connection_limit.<stat_prefix>.`
public struct ConnectionLimitScope: StatScope {
    public static let pattern = "connection_limit.<stat_prefix>."
    public static let about =
        "The connection limits of filter chains, by their `stat_prefix`; filters with the same prefix count together, but "
        + "each has its own limit."
    public let prefix: String
    /// The scope of one `stat_prefix`.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix) }
}

/// `local_rate_limit.<stat_prefix>.`
public struct ConnectionRateScope: StatScope {
    public static let pattern = "local_rate_limit.<stat_prefix>."
    public static let about =
        "The filters `local_ratelimit` of filter chains, by their `stat_prefix`; those with the same prefix count together."
    public let prefix: String
    /// The scope of one `stat_prefix`.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix) }
}

/// `http.<stat_prefix>.fault.`
public struct FaultScope: StatScope {
    public static let pattern = "http.<stat_prefix>.fault."
    public static let about = "The fault filters of a connection manager, by its `stat_prefix`."
    public let prefix: String
    /// The scope of one `stat_prefix`.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix) }
}

/// `http.<stat_prefix>.cors.`
public struct CORSScope: StatScope {
    public static let pattern = "http.<stat_prefix>.cors."
    public static let about = "The CORS filters of a connection manager, by its `stat_prefix`."
    public let prefix: String
    /// The scope of one `stat_prefix`.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix) }
}

/// `<stat_prefix>.http_local_rate_limit.`
public struct LocalRateLimitScope: StatScope {
    public static let pattern = "<stat_prefix>.http_local_rate_limit."
    public static let about =
        "Local rate limits, by the `stat_prefix` of the filter or of what a route says of it; those with the same prefix "
        + "count together."
    public let prefix: String
    /// The scope of one `stat_prefix`.
    public init(_ statPrefix: String) { prefix = Self.filled(statPrefix) }
}

/// `cluster.<name>.`
public struct ClusterScope: StatScope {
    public static let pattern = "cluster.<name>."
    public static let about = "One cluster, by its `alt_stat_name` or its name, with `_` for each `:` and `/`."
    public let prefix: String
    /// The scope of one cluster; `name` is as it stands in the stat.
    public init(_ name: String) {
        // As `filled`; there may be ten thousand clusters.
        prefix = "cluster.\(name)."
    }
}

/// `cluster.<name>.external.` and `.internal.`
public struct ClusterOriginScope: StatScope {
    /// Where a request came from.
    public enum Origin: String, Sendable { case external, `internal` }
    public static let pattern = "cluster.<name>.<origin>."
    public static let about =
        "Answers of a cluster by where their requests came from, `external` or `internal`. Every request counts as "
        + "external here, but for copies of requests."
    public let prefix: String
    /// The scope of one cluster and one origin.
    public init(_ name: String, _ origin: Origin) { prefix = Self.filled(name, origin.rawValue) }
}

/// `cluster.<name>.retry.`
public struct ClusterRetryScope: StatScope {
    public static let pattern = "cluster.<name>.retry."
    public static let about =
        "Answers of a cluster that were thrown away, since the request was sent again. Made when there is one."
    public let prefix: String
    /// The scope of one cluster.
    public init(_ name: String) { prefix = Self.filled(name) }
}

/// `cluster.<name>.circuit_breakers.<priority>.`
public struct ClusterLimitScope: StatScope {
    /// Which requests.
    public enum Priority: String, Sendable { case `default`, high }
    public static let pattern = "cluster.<name>.circuit_breakers.<priority>."
    public static let about =
        "The circuit breakers of a cluster, for requests of priority `default` or `high`. They are of all workers together, and "
        + "follow what happens within a turn of the main thread's loop."
    public let prefix: String
    /// The scope of one cluster and one priority.
    public init(_ name: String, _ priority: Priority) {
        prefix = "cluster.\(name).circuit_breakers.\(priority.rawValue)."
    }
}

/// `cluster.<name>.health_check.`
public struct ClusterHealthCheckScope: StatScope {
    public static let pattern = "cluster.<name>.health_check."
    public static let about = "The active health checks of a cluster that has some."
    public let prefix: String
    /// The scope of one cluster.
    public init(_ name: String) { prefix = Self.filled(name) }
}

/// `cluster.<name>.outlier_detection.`
public struct ClusterOutlierScope: StatScope {
    public static let pattern = "cluster.<name>.outlier_detection."
    public static let about = "The outlier detection of a cluster that has one."
    public let prefix: String
    /// The scope of one cluster.
    public init(_ name: String) { prefix = Self.filled(name) }
}

/// `cluster.<name>.ring_hash_lb.`
public struct ClusterRingHashScope: StatScope {
    public static let pattern = "cluster.<name>.ring_hash_lb."
    public static let about = "The ring of a cluster with `lb_policy` `RING_HASH`."
    public let prefix: String
    /// The scope of one cluster.
    public init(_ name: String) { prefix = Self.filled(name) }
}

/// `cluster.<name>.maglev_lb.`
public struct ClusterMaglevScope: StatScope {
    public static let pattern = "cluster.<name>.maglev_lb."
    public static let about = "The table of a cluster with `lb_policy` `MAGLEV`."
    public let prefix: String
    /// The scope of one cluster.
    public init(_ name: String) { prefix = Self.filled(name) }
}

/// `vhost.<virtual_host>.vcluster.<name>.`, or `vhost.<virtual_host>.route.<name>.`
public struct RequestClassScope: StatScope {
    /// What the requests have in common.
    public enum Kind: String, Sendable {
        case vcluster, route
    }
    public static let pattern = "vhost.<virtual_host>.<part>.<name>."
    public static let about =
        "Requests of a virtual host: those of one of its `virtual_clusters` (*part* is `vcluster`; `other` are those of none "
        + "of them), or of a route (*part* is `route`) by its `stat_prefix`. What is counted is what is counted for the "
        + "cluster."
    public let prefix: String
    /// The scope of one virtual cluster or route.
    public init(host: String, _ kind: Kind, _ name: String) { prefix = Self.filled(host, kind.rawValue, name) }
}

/// `server.`
public struct ServerScope: StatScope {
    public static let pattern = "server."
    public static let about =
        "The process itself. Uptime, connections and memory are measured at each flush of the stats and when `/stats` is "
        + "asked for."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `hot_restart.`
public struct HotRestartScope: StatScope {
    public static let pattern = "hot_restart."
    public static let about = "Hot restarts in which this base id's process was replaced."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `runtime.`
public struct RuntimeScope: StatScope {
    public static let pattern = "runtime."
    public static let about = "Values that can change while the process runs."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `overload.`
public struct OverloadScope: StatScope {
    public static let pattern = "overload."
    public static let about = "The overload manager, if there is one."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `overload.envoy.resource_monitors.<monitor>.`
public struct OverloadMonitorScope: StatScope {
    public static let pattern = "overload.envoy.resource_monitors.<monitor>."
    public static let about = "One resource monitor of the overload manager."
    public let prefix: String
    /// The scope of one monitor: `fixed_heap`.
    public init(_ monitor: String) { prefix = Self.filled(monitor) }
}

/// `overload.envoy.overload_actions.<action>.`
public struct OverloadActionScope: StatScope {
    public static let pattern = "overload.envoy.overload_actions.<action>."
    public static let about = "One action of the overload manager."
    public let prefix: String
    /// The scope of one action: `stop_accepting_requests`.
    public init(_ action: String) { prefix = Self.filled(action) }
}

/// `listener_manager.`
public struct ListenerManagerScope: StatScope {
    public static let pattern = "listener_manager."
    public static let about = "The set of listeners."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `cluster_manager.cds.`
public struct ClusterDiscoveryScope: StatScope {
    public static let pattern = "cluster_manager.cds."
    public static let about = "The clusters that come from a file; only where the configuration names one."
    public let prefix = pattern
    public init() {}
}

/// `listener_manager.lds.`
public struct ListenerDiscoveryScope: StatScope {
    public static let pattern = "listener_manager.lds."
    public static let about = "The listeners that come from a file; only where the configuration names one."
    public let prefix = pattern
    public init() {}
}

/// `cluster_manager.`
public struct ClusterManagerScope: StatScope {
    public static let pattern = "cluster_manager."
    public static let about = "The set of clusters, which is that of the configuration file."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `filesystem.`
public struct FilesystemScope: StatScope {
    public static let pattern = "filesystem."
    public static let about = "The files of access logs."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `http.admin.`
public struct AdminHTTPScope: StatScope {
    public static let pattern = "http.admin."
    public static let about = "Requests to the admin listener."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `listener.admin.`
public struct AdminListenerScope: StatScope {
    public static let pattern = "listener.admin."
    public static let about = "Connections to the admin listener."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `stats.`
public struct StatsScope: StatScope {
    public static let pattern = "stats."
    public static let about = "The stats themselves."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}

/// `envoyd.`
public struct UnusedScope: StatScope {
    public static let pattern = "envoyd."
    public static let about =
        "Where a listener counts what its filter has no stats for. Hidden, and of no meaning to an operator."
    public let prefix = Self.filled()
    /// The only one.
    public init() {}
}
