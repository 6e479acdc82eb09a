/// `envoy.filters.listener.proxy_protocol`: connections begin with a header that says between whom they are.
public struct ProxyProtocolFilter: Sendable {
    /// `allow_requests_without_proxy_protocol`.
    public var allowsWithout = false
    /// Whether V1 and V2 are not in `disallowed_versions`. One of them is taken.
    public var takesV1 = true
    public var takesV2 = true
    /// `stat_prefix`: behind `proxy_proto.` in the names of stats; empty: nothing is.
    public var statPrefix = ""
    public init() {}
}

/// `envoy.config.core.v3.ProxyProtocolConfig.Version`.
public enum ProxyProtocolVersion: Sendable { case v1, v2 }
