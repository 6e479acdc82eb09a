/// Routes and what they do with a request.
public struct Route: Sendable {
    public var name: String
    public var match: PathMatch
    /// `match.case_sensitive`.
    public var caseSensitive = true
    /// `match.headers`: all of them have to hold.
    public var headers: [HeaderCondition] = []
    /// `match.query_parameters`: all of them have to hold.
    public var query: [QueryCondition] = []
    /// `match.runtime_fraction`: the share of requests that the route is for; nil: all.
    public var fraction: RuntimeFraction?
    public var action: RouteAction
    /// What is done to the request's headers, by this route, its virtual host and the route configuration, in the order in
    /// which they act.
    public var requestChanges: [HeaderChanges] = []
    /// The same for the response's.
    public var responseChanges: [HeaderChanges] = []
    /// `request_body_buffer_limit` or `per_request_buffer_limit_bytes`, of the route or its virtual host: bytes of a body that are
    /// kept for another try; nil: as many as the listener's connections may keep.
    public var bodyLimit: UInt64?
    /// `typed_per_filter_config`.
    public var overrides: [FilterOverride] = []
    /// `stat_prefix`: its requests are counted apart; empty: they are not.
    public var statPrefix = ""
    public var location: SourceLocation
    public init(name: String = "", match: PathMatch, action: RouteAction, location: SourceLocation) {
        self.name = name
        self.match = match
        self.action = action
        self.location = location
    }
}

/// `virtual_clusters`: requests that are counted together.
public struct VirtualCluster: Sendable, Hashable {
    public var name: String
    /// All of them have to hold; one at least.
    public var headers: [HeaderCondition]
    public init(name: String, headers: [HeaderCondition]) {
        self.name = name
        self.headers = headers
    }
}

public enum PathMatch: Sendable, Hashable {
    case prefix(String)
    case path(String)
    /// `path_separated_prefix`: `/a` matches `/a`, `/a/…` and `/a?…`, not `/ab`.
    case pathSeparatedPrefix(String)
    /// `safe_regex`: RE2, of the whole path without its query.
    case regex(String)
    /// `connect_matcher`: CONNECT requests, which have no path. No other match takes them.
    case connect
}

public enum RouteAction: Sendable {
    case forward(Forward)
    /// `direct_response`: a status and an inline body.
    case directResponse(status: UInt16, body: [UInt8])
    case redirect(Redirect)
}

/// How a path is written anew.
public enum PathRewrite: Sendable, Hashable {
    /// What the route matched is replaced; of a regular expression that is the whole path.
    case prefix(String)
    case regex(RegexRewrite)
}

/// Which host an upstream gets in place of the client's.
public enum HostRewrite: Sendable, Hashable {
    /// `host_rewrite_literal`.
    case literal(String)
    /// `host_rewrite_header`: the first value of that header, if it has one; in lower case.
    case header(String)
    /// `host_rewrite_path_regex`: the path without its query, with all matches replaced.
    case path(RegexRewrite)
    /// `auto_host_rewrite`: the name of the host that is chosen, if it has one.
    case upstream
}

/// `redirect`: a `location` made of the request's own.
public struct Redirect: Sendable, Hashable {
    /// `https_redirect`, `scheme_redirect`; nil: the request's.
    public var scheme: String?
    /// `host_redirect`; nil: the request's.
    public var host: String?
    /// `port_redirect`; nil: the request's.
    public var port: UInt32?
    /// `path_redirect`; nil: the request's.
    public var path: String?
    public var rewrite: PathRewrite?
    public var status: UInt16 = 301
    public var stripsQuery = false
    /// The port of the request's host stays, whatever the scheme is (`require_tls`).
    public var keepsPort = false
    public init() {}
}

/// Which cluster a request goes to.
public enum ClusterChoice: Sendable, Hashable {
    case named(String)
    /// `cluster_header`: the one that a field of the request names.
    case header(String)
    case weighted([ClusterWeight])
}

/// One of `weighted_clusters`.
public struct ClusterWeight: Sendable, Hashable {
    public var name: String
    public var weight: UInt32
    /// `runtime_key_prefix` and the name: a key of the runtime that has the weight; nil: none.
    public var key: String?
    public init(name: String, weight: UInt32, key: String? = nil) {
        self.name = name
        self.weight = weight
        self.key = key
    }
}

/// `route`: to a cluster.
public struct Forward: Sendable {
    public var cluster: ClusterChoice
    /// Where the cluster's name stands.
    public var clusterLocation: SourceLocation
    /// `cluster_not_found_response_code`.
    public var clusterNotFoundStatus: UInt16 = 503
    /// `timeout`; Envoy's default 15 s, 0 = none.
    public var timeoutMs: UInt64 = 15_000
    /// `max_stream_duration` of the route's; nil: that of the connection manager counts, 0: none does.
    public var maxStreamDurationMs: UInt64?
    /// `grpc_timeout_header_max`: what a request says in `grpc-timeout` counts instead, up to this; 0: whatever it is; nil: it does not.
    public var grpcTimeoutMaxMs: UInt64?
    /// `grpc_timeout_header_offset`: so much less of that.
    public var grpcTimeoutOffsetMs: UInt64 = 0
    /// `idle_timeout`: overrides `stream_idle_timeout`; nil: not given, 0 = none.
    public var idleTimeoutMs: UInt64?
    /// `prefix_rewrite`, `regex_rewrite`; nil: none.
    public var rewrite: PathRewrite?
    /// Nil: the host goes on as it is.
    public var hostRewrite: HostRewrite?
    /// `append_x_forwarded_host`: a host that is rewritten goes on in `x-forwarded-host`.
    public var appendsForwardedHost = false
    /// `upgrade_configs` of the route: what it turns on (`true`) or off for itself, in lower case.
    public var upgrades: [String: Bool] = [:]
    /// `connect_config` of the CONNECT upgrade: the tunnel ends here, and what is in it goes to the host as TCP. Otherwise
    /// the host gets the CONNECT.
    public var terminatesConnect = false
    /// `retry_policy` of the route, or of its virtual host; nil: a request is sent once.
    public var retry: RetryPolicy?
    /// `internal_redirect_policy`, `internal_redirect_action`; nil: redirects are the client's.
    public var redirects: InternalRedirectPolicy?
    /// `include_request_attempt_count` of the virtual host: upstreams see which try it is.
    public var countsAttempts = false
    /// `include_attempt_count_in_response`: clients see how many there were.
    public var countsAttemptsInResponse = false
    /// `hash_policy`: what chooses the host, in clusters that look at it.
    public var hashPolicies: [HashPolicy] = []
    /// `request_mirror_policies` of the route, else of its virtual host, else of the route configuration.
    public var mirrors: [MirrorPolicy] = []
    /// `priority`: whose limits and connections its requests use.
    public var priority = RequestPriority.default
    public init(cluster: ClusterChoice, clusterLocation: SourceLocation) {
        self.cluster = cluster
        self.clusterLocation = clusterLocation
    }
}
