/// `internal_redirect_policy` of routes, and the older `internal_redirect_action`.
extension Decoder {
    /// Nil: such answers go to the client.
    ///
    /// - Parameter message: the route's action.
    func internalRedirects(_ message: Message) -> InternalRedirectPolicy? {
        let follows = message["internal_redirect_action"]?.choice([
            ("PASS_THROUGH_INTERNAL_REDIRECT", 0, false), ("HANDLE_INTERNAL_REDIRECT", 1, true),
        ])
        let most = message["max_internal_redirects"]?.number()
        if let value = message["internal_redirect_policy"] {
            return value.message(.internalRedirectPolicy).map { redirectPolicy($0) }
        }
        guard follows == true else { return nil }
        var policy = InternalRedirectPolicy()
        policy.most = most ?? policy.most
        return policy
    }

    private func redirectPolicy(_ message: Message) -> InternalRedirectPolicy {
        var policy = InternalRedirectPolicy()
        policy.most = message["max_internal_redirects"]?.number() ?? policy.most
        if let codes = message["redirect_response_codes"], !codes.list().isEmpty {
            // Envoy's rule; others than these are none to it.
            if codes.list().count > 5 { codes.error("more than 5 codes") }
            policy.statuses = codes.list().compactMap { $0.number().map { UInt16(clamping: $0) } }
                .filter { [301, 302, 303, 307, 308].contains($0) }
        }
        policy.crossesSchemes = message["allow_cross_scheme_redirect"]?.bool() ?? false
        policy.copiedHeaders = (message["response_headers_to_copy"]?.list() ?? []).compactMap { changedName($0) }
        for one in message["predicates"]?.messages(.redirectPredicate) ?? [] {
            _ = one.require("name")?.nonEmptyString()
            let known: [MessageSchema] = [.previousRoutes, .allowListedRoutes, .safeCrossScheme]
            guard let given = one.require("typed_config")?.extensionMessage(known) else { continue }
            switch given.schema {
            case MessageSchema.previousRoutes.name: policy.predicates.append(.previousRoutes)
            case MessageSchema.safeCrossScheme.name: policy.predicates.append(.safeCrossScheme)
            default:
                let names = (given.message["allowed_route_names"]?.list() ?? []).compactMap { $0.string() }
                policy.predicates.append(.allowListed(names))
            }
        }
        return policy
    }
}
