/// `request_mirror_policies`: where copies of requests go (`RequestMirrorPolicy`). Their answers are thrown away.
public struct MirrorPolicy: Sendable {
    public enum Target: Sendable, Hashable {
        case cluster(String)
        /// `cluster_header`, in lower case: a request without it is not copied.
        case header(String)
    }
    public var target: Target
    /// `runtime_fraction`: the share of requests that is copied; nil: all.
    public var fraction: RuntimeFraction?
    /// Not `disable_shadow_host_suffix_append`: the copy's host has `-shadow` at its end.
    public var appendsSuffix = true
    /// `host_rewrite_literal`: the copy's host, without anything at its end; nil: the request's.
    public var host: String?
    /// `request_headers_mutations`, each a level of its own.
    public var changes: [HeaderChanges] = []
    public init(target: Target) { self.target = target }
}
