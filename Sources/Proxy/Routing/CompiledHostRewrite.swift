import ProxyConfig

/// Where the host that an upstream gets comes from, when it is more than a text in place of the client's.
struct CompiledHostRewrite: BitwiseCopyable {
    enum Source: BitwiseCopyable {
        case literal(Bytes)
        /// The name, in lower case.
        case header(Bytes)
        case path(Regex, substitution: Bytes)
        case upstream
    }
    let source: Source
    let appendsForwardedHost: Bool

    /// Nil: the host goes on as it is.
    init?(_ forward: Forward) {
        switch forward.hostRewrite {
        case .literal(let host): source = .literal(Bytes(keeping: host))
        case .header(let name): source = .header(Bytes(keeping: name))
        case .path(let rewrite):
            source = .path(Regex(rewrite.pattern), substitution: Bytes(keeping: rewrite.substitution))
        case .upstream: source = .upstream
        case nil: return nil
        }
        appendsForwardedHost = forward.appendsForwardedHost
    }
}
