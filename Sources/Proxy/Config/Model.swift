/// The typed, validated configuration: what of an Envoy v3 bootstrap this build supports, with Envoy's defaults filled in.
///
/// The loader makes it; the server compiles it into a `Snapshot` of indices. Times are milliseconds; 0 means "disabled"
/// wherever Envoy says so. Every part that can be reported on later carries the place it was read from.
public struct Bootstrap: Sendable {
    public var node = Node()
    public var admin: Admin?
    public var listeners: [Listener] = []
    public var clusters: [Cluster] = []
    /// `stats_flush_interval`: how often histogram intervals are closed.
    public var statsFlushIntervalMs: UInt32 = 5000
    /// `dynamic_resources.cds_config`: where clusters come from besides; nil: nowhere.
    public var clusterSource: ClusterSource?
    /// `lds_config`; nil: all listeners stand in the configuration.
    public var listenerSource: ListenerSource?
    /// `stats_flush_on_admin`: the interval ends, and sinks get their stats, when the admin listener is asked for them.
    public var statsFlushOnAdmin = false
    public var statsSinks: [StatsSink] = []
    /// `stats_config`.
    public var statsConfig = StatsConfig()
    /// `layered_runtime.layers`: later ones override earlier ones. Without any, Envoy has one for `/runtime_modify`.
    public var runtimeLayers = [RuntimeLayer(name: "admin", source: .admin)]
    /// nil: there is no overload manager.
    public var overload: OverloadManager?
    public init() {}
}

/// `node`: overridden by `--service-node`, `--service-cluster`, `--service-zone`.
public struct Node: Sendable {
    public var id = ""
    public var cluster = ""
    public var region = ""
    public var zone = ""
    public var subZone = ""
    public init() {}
}

public struct Admin: Sendable {
    public var address: Address
    /// `access_log`, and `access_log_path` behind them.
    public var accessLogs: [AccessLog]
    public var location: SourceLocation
    public init(address: Address, accessLogs: [AccessLog] = [], location: SourceLocation) {
        self.address = address
        self.accessLogs = accessLogs
        self.location = location
    }
}

/// `envoy.config.core.v3.Address`.
public enum Address: Sendable, Hashable {
    /// `socket_address`: for listeners an IP literal, for endpoints an IP literal or (DNS clusters) a host name.
    case socket(host: String, port: UInt16)
    /// `pipe`: a Unix socket; a leading `@` means the abstract name space.
    case pipe(path: String)
}

public struct Listener: Sendable {
    /// Given, or made from the address when the file has none.
    public var name: String
    public var address: Address
    /// `stat_prefix`: replaces the address in `listener.<…>.` when given.
    public var statPrefix: String?
    /// Accept IPv4 on an IPv6 wildcard (`socket_address.ipv4_compat`).
    public var ipv4Compat = false
    /// `enable_reuse_port`; Envoy's default is true.
    public var reusePort = true
    /// `tcp_backlog_size`.
    public var backlog: UInt32 = 4096
    /// `per_connection_buffer_limit_bytes`; Envoy's default 1 MiB.
    public var bufferLimit: UInt32 = 1 << 20
    /// `socket_options`, and `freebind`, `transparent`, `tcp_keepalive`, `tcp_fast_open_queue_length` as such.
    public var socketOptions: [SocketOption] = []
    /// `access_log`: of connections, whatever they are for.
    public var accessLogs: [AccessLog] = []
    /// `bind_to_port`: false: it has no socket, and gets connections from listeners with `use_original_dst` only.
    public var bindsToPort = true
    /// The listener filter `original_dst`, or `use_original_dst`: connections know where they went before they were
    /// redirected.
    public var restoresDestination = false
    /// `use_original_dst`: connections go to the listener that has the address they went to, if there is one.
    public var handsOff = false
    /// The listener filter `proxy_protocol`; nil: there is none.
    public var proxyProtocol: ProxyProtocolFilter?
    /// `listener_filters_timeout`; Envoy's default 15 s, 0 = none. Only with a listener filter.
    public var listenerFiltersTimeoutMs: UInt64 = 15_000
    /// `continue_on_listener_filters_timeout`.
    public var continuesOnListenerFiltersTimeout = false
    /// `filter_chains`: each connection gets one of them, by what it has.
    public var filterChains: [FilterChain] = []
    /// `default_filter_chain`: for connections that none of the others takes; nil: they are closed.
    public var defaultFilterChain: FilterChain?
    /// It comes from a file (LDS).
    public var isDiscovered = false
    /// Another number where something else is said; of one that comes from a file.
    public var digest = 0
    /// The same of all but its filter chains.
    public var ownDigest = 0
    public var location: SourceLocation
    public init(name: String, address: Address, location: SourceLocation) {
        self.name = name
        self.address = address
        self.location = location
    }
}

public struct HTTPConnectionManager: Sendable {
    public var statPrefix: String
    public var routes: RouteConfiguration
    /// `rds`: where `routes` come from; nil: they stand in the configuration.
    public var routeSource: RouteSource?
    /// `server_name`, the `server` response header.
    public var serverName = "envoy"
    /// `server_header_transformation`.
    public var serverHeader = ServerHeader.overwrite
    /// `use_remote_address`.
    public var useRemoteAddress = false
    /// `xff_num_trusted_hops`.
    public var xffTrustedHops: UInt32 = 0
    /// `skip_xff_append`.
    public var skipXFFAppend = false
    /// `via`; empty: none.
    public var via = ""
    /// `generate_request_id`.
    public var generateRequestID = true
    /// `preserve_external_request_id`.
    public var preserveExternalRequestID = false
    /// `always_set_request_id_in_response`.
    public var requestIDInResponse = false
    /// `internal_address_config`: whose requests are internal; nil: nobody's.
    public var internalAddresses: InternalAddresses?
    /// Router, `suppress_envoy_headers`.
    public var suppressesEnvoyHeaders = false
    /// Router, `respect_expected_rq_timeout`.
    public var respectsExpectedTimeout = false
    /// `add_user_agent`: the node's cluster, in `user-agent` where there is none.
    public var addsUserAgent = false
    /// `append_x_forwarded_port`.
    public var appendsForwardedPort = false
    /// `http_protocol_options.header_key_format`.
    public var headerCase: HeaderCase = []
    /// `stream_error_on_invalid_http_message`, or what `http_protocol_options` has in its place: a connection outlives the answer
    /// to a request whose end is known, though it is invalid.
    public var keepsAfterErrors = false
    /// `proxy_100_continue`: hosts decide whether a client that waits for a 100 gets one.
    public var proxies100Continue = false
    /// `scheme_header_transformation.scheme_to_overwrite`, `http` or `https`; nil: requests keep theirs.
    public var scheme: String?
    /// `scheme_header_transformation.match_upstream`.
    public var matchesUpstreamScheme = false
    /// `http_protocol_options.allow_absolute_url`.
    public var allowsAbsoluteURL = true
    /// `normalize_path`.
    public var normalizesPath = false
    /// `merge_slashes`.
    public var mergesSlashes = false
    /// `path_with_escaped_slashes_action`.
    public var escapedSlashes = EscapedSlashes.keep
    /// `common_http_protocol_options.headers_with_underscores_action`.
    public var underscores = Underscores.allow
    /// `strip_matching_host_port`, `strip_any_host_port`.
    public var hostPort = HostPort.keep
    /// `strip_trailing_host_dot`.
    public var stripsTrailingDot = false
    /// `max_request_headers_kb`, 1…8192.
    public var maxRequestHeadersKiB: UInt32 = 60
    /// `common_http_protocol_options.max_headers_count`.
    public var maxHeadersCount: UInt32 = 100
    /// `common_http_protocol_options.idle_timeout`; Envoy's default 1 h, 0 = none.
    public var idleTimeoutMs: UInt64 = 3_600_000
    /// `common_http_protocol_options.max_connection_duration`; 0 = none.
    public var maxConnectionDurationMs: UInt64 = 0
    /// `common_http_protocol_options.max_stream_duration`, for routes without their own; 0 = none.
    public var maxStreamDurationMs: UInt64 = 0
    /// `common_http_protocol_options.max_requests_per_connection`; 0 = no limit.
    public var maxRequestsPerConnection: UInt32 = 0
    /// `stream_idle_timeout`; Envoy's default 5 min, 0 = none.
    public var streamIdleTimeoutMs: UInt64 = 300_000
    /// `request_timeout`: until the whole request has come; 0 = none.
    public var requestTimeoutMs: UInt64 = 0
    /// `request_headers_timeout`; 0 = none.
    public var requestHeadersTimeoutMs: UInt64 = 0
    /// `delayed_close_timeout`; Envoy's default 1 s.
    public var delayedCloseTimeoutMs: UInt64 = 1000
    /// `drain_timeout`; Envoy's default 5 s.
    public var drainTimeoutMs: UInt64 = 5000
    /// `http_protocol_options.accept_http_10`.
    public var acceptHTTP10 = false
    /// `http_protocol_options.default_host_for_http_10`; empty: none.
    public var defaultHostForHTTP10 = ""
    /// `http_protocol_options.enable_trailers`: pass trailers on instead of dropping them.
    public var enableTrailers = false
    /// `upgrade_configs`: the accepted `Upgrade` tokens in lower case (`websocket`), those with `enabled: false` left out.
    public var upgradeTypes: [String] = []
    public var accessLogs: [AccessLog] = []
    public var logMoments = LogMoments()
    /// `local_reply_config`; nil: answers go out as they are.
    public var localReplies: LocalReplyConfig?
    /// `http_filters` in front of the router.
    public var filters: [HTTPFilter] = []
    public init(statPrefix: String, routes: RouteConfiguration) {
        self.statPrefix = statPrefix
        self.routes = routes
    }
}

public enum EscapedSlashes: UInt8, Sendable, BitwiseCopyable { case keep, reject, redirect, forward }
public enum Underscores: UInt8, Sendable, BitwiseCopyable { case allow, reject, drop }
public enum HostPort: UInt8, Sendable, BitwiseCopyable { case keep, stripIfOurs, strip }

public enum ServerHeader: Sendable, BitwiseCopyable { case overwrite, appendIfAbsent, passThrough }

public struct RouteConfiguration: Sendable {
    public var name: String
    /// Of what a file says of it: other routes have another one; 0: it is of no file.
    public var digest = 0
    public var virtualHosts: [VirtualHost]
    /// `typed_per_filter_config`.
    public var overrides: [FilterOverride] = []
    public init(name: String, virtualHosts: [VirtualHost]) {
        self.name = name
        self.virtualHosts = virtualHosts
    }
}

public struct VirtualHost: Sendable {
    public var name: String
    /// In lower case: exact names, `*suffix`, `prefix*` or `*`; unique in the route configuration.
    public var domains: [String]
    public var routes: [Route]
    /// `virtual_clusters`: a request is counted for the first that it is of, or for `other`.
    public var virtualClusters: [VirtualCluster] = []
    /// `typed_per_filter_config`.
    public var overrides: [FilterOverride] = []
    public var location: SourceLocation
    public init(name: String, domains: [String], routes: [Route], location: SourceLocation) {
        self.name = name
        self.domains = domains
        self.routes = routes
        self.location = location
    }
}

public struct TCPProxy: Sendable {
    /// One of `weighted_clusters`.
    public struct Weight: Sendable, Equatable {
        public var cluster: String
        /// From 1.
        public var weight: UInt32
        public init(cluster: String, weight: UInt32) {
            self.cluster = cluster
            self.weight = weight
        }
    }
    public var statPrefix: String
    /// `cluster`; empty: see `weights`.
    public var cluster: String
    public var clusterLocation: SourceLocation
    /// `weighted_clusters`: each attempt to connect goes to one of them; empty: to `cluster`.
    public var weights: [Weight] = []
    /// `idle_timeout`; Envoy's default 1 h, 0 = none.
    public var idleTimeoutMs: UInt64 = 3_600_000
    /// `max_connect_attempts`.
    public var maxConnectAttempts: UInt32 = 1
    /// `max_downstream_connection_duration`; 0 = none.
    public var maxConnectionDurationMs: UInt64 = 0
    /// `hash_policy` `source_ip`: the client's address chooses the host, in clusters that look at it.
    public var hashesSource = false
    public var accessLogs: [AccessLog] = []
    public var logMoments = LogMoments()
    public init(statPrefix: String, cluster: String, clusterLocation: SourceLocation) {
        self.statPrefix = statPrefix
        self.cluster = cluster
        self.clusterLocation = clusterLocation
    }
}

public struct Cluster: Sendable {
    public var name: String
    /// `alt_stat_name`: used in `cluster.<…>.` when given.
    public var altStatName: String?
    public var discovery: Discovery = .static
    /// It comes from a file (CDS).
    public var isDiscovered = false
    /// Of what the file says of it: another cluster has another one.
    public var digest = 0
    /// `eds_cluster_config`, of a cluster of that type.
    public var endpointSource: EndpointSource?
    /// `dns_lookup_family`; Envoy's default AUTO.
    public var dnsFamily: DNSFamily = .auto
    /// `dns_refresh_rate`; Envoy's default 5 s.
    public var dnsRefreshMs: UInt64 = 5000
    /// `dns_failure_refresh_rate.base_interval`; nil: as `dnsRefreshMs`.
    public var dnsFailureBaseMs: UInt64?
    /// `dns_failure_refresh_rate.max_interval`; nil: ten times the base.
    public var dnsFailureMaxMs: UInt64?
    /// `respect_dns_ttl`.
    public var respectDNSTTL = false
    /// `connect_timeout`; Envoy's default 5 s, greater than 0.
    public var connectTimeoutMs: UInt64 = 5000
    /// `per_connection_buffer_limit_bytes`; Envoy's default 1 MiB.
    public var bufferLimit: UInt32 = 1 << 20
    /// `load_assignment` in file order.
    public var endpoints: [Endpoint] = []
    /// HttpProtocolOptions `common_http_protocol_options.idle_timeout`; Envoy's default 1 h, 0 = none.
    public var idleTimeoutMs: UInt64 = 3_600_000
    /// HttpProtocolOptions `common_http_protocol_options.max_requests_per_connection`; 0 = no limit.
    public var maxRequestsPerConnection: UInt32 = 0
    /// `http_protocol_options.header_key_format`.
    public var headerCase: HeaderCase = []
    /// `common_http_protocol_options.max_stream_duration` of a request that is sent there; 0 = none.
    public var maxStreamDurationMs: UInt64 = 0
    /// `circuit_breakers.thresholds`: what requests of each priority may use.
    public var limits = ClusterLimits()
    public var highLimits = ClusterLimits()
    /// `health_checks`: one at most; nil: hosts are not asked.
    public var healthCheck: HealthCheck?
    /// `outlier_detection`; nil: none.
    public var outlierDetection: OutlierDetection?
    /// `common_lb_config.healthy_panic_threshold` in whole percent; with fewer healthy hosts all are used. 0: never.
    public var healthyPanicPercent: UInt32 = 50
    /// `common_lb_config.zone_aware_lb_config.fail_traffic_on_panic`: then none are.
    public var failsInPanic = false
    /// `load_assignment.policy.overprovisioning_factor` in percent; Envoy's default.
    public var overprovisioning: UInt32 = 140
    /// `common_lb_config.locality_weighted_lb_config`: localities of a priority take turns by `EndpointGroup.weight`.
    public var weighsLocalities = false
    /// Where the proxy itself is (`node.locality`): such hosts are first among those of a priority.
    public var ownLocality = Locality()
    /// What endpoints have in common, by `Endpoint.group`.
    public var groups: [EndpointGroup] = []
    /// `ignore_health_on_host_removal`: a host that DNS no longer has goes at once, healthy or not.
    public var ignoresHealthOnRemoval = false
    /// `close_connections_on_host_health_failure`.
    public var closesConnectionsOnHealthFailure = false
    /// `upstream_connection_options.tcp_keepalive`, as options.
    public var keepalive: [SocketOption] = []
    /// `upstream_bind_config`, of the cluster or of the cluster manager; nil: there is none.
    public var bind: BindConfig?
    /// `transport_socket` `upstream_proxy_protocol`: each connection begins with such a header; nil: with none.
    public var proxyProtocol: ProxyProtocolVersion?
    /// `lb_policy` and what belongs to it.
    public var balancing = LoadBalancing.roundRobin
    /// Of ROUND_ROBIN and LEAST_REQUEST; nil: hosts have all of their weight at once.
    public var slowStart: SlowStart?
    /// `common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing`.
    public var hashesHostnames = false
    /// `preconnect_policy`; nil: no connection is made ahead.
    public var preconnect: PreconnectPolicy?
    public var location: SourceLocation
    public init(name: String, location: SourceLocation) {
        self.name = name
        self.location = location
    }
}

/// The cluster types of this build (`type`).
public enum Discovery: Sendable {
    case `static`, strictDNS, logicalDNS
    /// Hosts are where clients want to go.
    case originalDst
    /// Endpoints come from a file that may change.
    case eds

    /// Hosts are what names resolve to.
    public var isDNS: Bool { self == .strictDNS || self == .logicalDNS }
}

public enum DNSFamily: Sendable { case auto, v4Only, v6Only, v4Preferred, all }

/// Endpoints of one priority and one locality: those of `LocalityLbEndpoints` that say the same of both.
public struct EndpointGroup: Sendable, Hashable {
    /// 0 is the highest.
    public var priority: UInt32
    public var locality: Locality
    /// `load_balancing_weight` of the locality; 0: none is given, so that it has no turns where others have some.
    public var weight: UInt32 = 0
    /// Envoy's rule.
    static let lowestPriority: UInt32 = 128
    public init(priority: UInt32, locality: Locality, weight: UInt32 = 0) {
        self.priority = priority
        self.locality = locality
        self.weight = weight
    }
}

/// Where endpoints are.
public struct Locality: Sendable, Hashable {
    public var region = ""
    public var zone = ""
    public var subZone = ""
    public init() {}
}

public struct Endpoint: Sendable {
    public var address: Address
    /// Position in `Cluster.groups`.
    public var group = 0
    /// `load_balancing_weight`, from 1.
    public var weight: UInt32 = 1
    /// `endpoint.hostname`.
    public var hostname = ""
    /// `metadata`, `envoy.lb`, `hash_key`: what is hashed instead of the address; empty: none.
    public var hashKey = ""
    /// `metadata.filter_metadata` as JSON, in the order of the text; empty: there is no `metadata`.
    public var metadata = ""
    /// What `metadata` says under `envoy.lb` (`HostLabels`); empty: nothing.
    public var labels = ""
    /// `metadata`, `envoy.lb`, `canary`.
    public var isCanary = false
    /// `health_status`.
    public var health = EndpointHealth.unknown
    /// `endpoint.health_check_config.port_value`; 0: the endpoint's own.
    public var healthCheckPort: UInt16 = 0
    /// `endpoint.health_check_config.hostname`; empty: as the check says.
    public var healthCheckHostname = ""
    /// `endpoint.health_check_config.disable_active_health_check`.
    public var disablesHealthCheck = false
    /// Its file has it no more, but it is well (EDS).
    public var isKept = false
    public var location: SourceLocation
    public init(address: Address, location: SourceLocation) {
        self.address = address
        self.location = location
    }
}

/// `internal_address_config`: clients that are trusted.
public struct InternalAddresses: Sendable, Hashable {
    public var unixSockets = false
    public var ranges: [AddressRange] = []
    public init() {}
}
