import ProxyConfig

/// The filter `cors` as a route has it: what its own policy does not say, that of the virtual host and the one of the route
/// configuration may.
struct CompiledCORS: BitwiseCopyable {
    private let origins: UnsafeMutablePointer<TextMatcher>
    private let originCount: Int
    let methods: Bytes
    let headers: Bytes
    let exposeHeaders: Bytes
    let maxAge: Bytes
    let allowsCredentials: Bool
    let allowsPrivateNetwork: Bool
    let forwardsOtherPreflights: Bool
    /// nil: for all requests.
    let enabled: RuntimeShare?
    /// For these the origin is looked at, and counted, and that is all; nil: for none.
    let shadowEnabled: RuntimeShare?

    /// - Parameter policies: the most specific first. nil: there is none.
    init?(_ policies: [CORSPolicy], _ context: FilterContext) {
        guard let first = policies.first else { return nil }
        func text(_ path: KeyPath<CORSPolicy, String>) -> Bytes {
            Bytes(keeping: policies.lazy.map { $0[keyPath: path] }.first { !$0.isEmpty } ?? "")
        }
        func flag(_ path: KeyPath<CORSPolicy, Bool?>) -> Bool? { policies.lazy.compactMap { $0[keyPath: path] }.first }
        let allowed = policies.lazy.map(\.origins).first { !$0.isEmpty } ?? []
        origins = .kept(capacity: max(allowed.count, 1))
        originCount = allowed.count
        for (i, origin) in allowed.enumerated() {
            (origins + i).initialize(to: TextMatcher(origin.match, ignoresCase: origin.ignoresCase))
        }
        methods = text(\.methods)
        headers = text(\.headers)
        exposeHeaders = text(\.exposeHeaders)
        maxAge = text(\.maxAge)
        allowsCredentials = flag(\.allowsCredentials) ?? false
        allowsPrivateNetwork = flag(\.allowsPrivateNetwork) ?? false
        forwardsOtherPreflights = flag(\.forwardsOtherPreflights) ?? true
        enabled = first.enabled.map { context.shares.make($0) }
        shadowEnabled = first.shadowEnabled.map { context.shares.make($0) }
    }

    /// As in Envoy, what matches `*` allows all.
    func allows(_ origin: Bytes) -> Bool {
        for i in 0..<originCount where origins[i].matches(Bytes("*")) || origins[i].matches(origin) { return true }
        return false
    }
}
