/// `internal_redirect_policy`: answers that send a request elsewhere are followed by the proxy itself (`InternalRedirectPolicy`).
public struct InternalRedirectPolicy: Sendable, Equatable {
    /// What must hold for the route of the target.
    public enum Predicate: Sendable, Equatable {
        /// This route has not sent the request there before.
        case previousRoutes
        /// It is one of these, by name.
        case allowListed([String])
        /// Nothing that came by http goes to https.
        case safeCrossScheme
    }
    /// `max_internal_redirects`: how often a request may be sent elsewhere, by whichever routes.
    public var most: UInt32 = 1
    /// `redirect_response_codes`, of 301, 302, 303, 307 and 308.
    public var statuses: [UInt16] = [302]
    public var predicates: [Predicate] = []
    /// `allow_cross_scheme_redirect`.
    public var crossesSchemes = false
    /// `response_headers_to_copy`: what the next request has of the answer, in lower case.
    public var copiedHeaders: [String] = []
    public init() {}
}
