/// `preconnect_policy`: connections that are made before anybody needs them. The bounds of both are Envoy's.
public struct PreconnectPolicy: Sendable, Hashable {
    /// `per_upstream_preconnect_ratio`, 1 to 3: connections of a host for each request that it has; 1: none ahead.
    public var perUpstream = 1.0
    /// `predictive_preconnect_ratio`, 1 to 3: connections of the cluster for each request that it has, at the hosts that are next; 0:
    /// none ahead.
    public var predictive = 0.0
    /// Whether there ever is a connection ahead.
    public var isOn: Bool { perUpstream > 1 || predictive > 1 }
    public init() {}
}
