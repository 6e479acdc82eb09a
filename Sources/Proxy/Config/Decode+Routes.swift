extension Decoder {
    /// Envoy's default of `max_direct_response_body_size_bytes`.
    private static let defaultBodyLimit: UInt32 = 4096

    /// - Parameter isDiscovered: it comes from a file of its own: Envoy does not ask whether the clusters exist then.
    mutating func routeConfiguration(_ message: Message, isDiscovered: Bool = false) -> RouteConfiguration {
        let wereOptional = clustersAreOptional
        defer { clustersAreOptional = wereOptional }
        clustersAreOptional = !(message["validate_clusters"]?.bool() ?? !isDiscovered)
        let name = message["name"]?.string() ?? ""
        let bodyLimit = message["max_direct_response_body_size_bytes"]?.number() ?? Self.defaultBodyLimit
        let general = changesOfLevel(message)
        let generalMirrors = mirrors(message["request_mirror_policies"])
        let specificWins = message["most_specific_header_mutations_wins"]?.bool() ?? false
        var names: [String: SourceLocation] = [:]
        var domains: [String: SourceLocation] = [:]
        var hosts: [VirtualHost] = []
        for host in message["virtual_hosts"]?.messages(.virtualHost) ?? [] {
            let name = host.require("name")
            let text = name?.nonEmptyString()
            if let name, let text {
                if let first = names[text] {
                    name.error("duplicate virtual host name \(quoted(text)), already in \(Self.place(first, name))")
                } else {
                    names[text] = name.location
                }
            }
            let accepted = self.domains(host, &domains)
            let retry = retryPolicy(host["retry_policy"])
            let ofHost = changesOfLevel(host)
            let ownMirrors = mirrors(host["request_mirror_policies"])
            let mirrors = ownMirrors.isEmpty ? generalMirrors : ownMirrors
            let ofHostBodies = bodyLimits(host)
            let countsAttempts = host["include_request_attempt_count"]?.bool() ?? false
            let countsInResponse = host["include_attempt_count_in_response"]?.bool() ?? false
            var routes = (host["routes"]?.messages(.route) ?? []).compactMap { message in
                let ofRoute = changesOfLevel(message)
                // As in Envoy the most specific level acts first, so that others act upon what it has done.
                let levels = specificWins ? [general, ofHost, ofRoute] : [ofRoute, ofHost, general]
                let bodies = bodyLimits(message)
                return route(message, bodyLimit, retry).map { route in
                    var route = route
                    // The new field of either level goes before the old one, as in Envoy.
                    route.bodyLimit = bodies.new ?? ofHostBodies.new ?? bodies.old ?? ofHostBodies.old
                    route.requestChanges = levels.map(\.request).filter { !$0.isEmpty }
                    route.responseChanges = levels.map(\.response).filter { !$0.isEmpty }
                    route.overrides = filterOverrides(message)
                    route.statPrefix = message["stat_prefix"]?.string() ?? ""
                    if case .forward(var forward) = route.action {
                        forward.countsAttempts = countsAttempts
                        forward.countsAttemptsInResponse = countsInResponse
                        if forward.mirrors.isEmpty { forward.mirrors = mirrors }
                        route.action = .forward(forward)
                    }
                    return route
                }
            }
            routes.insert(contentsOf: redirectsToTLS(host), at: 0)
            var result = VirtualHost(name: text ?? "", domains: accepted, routes: routes, location: host.location)
            result.virtualClusters = virtualClusters(host["virtual_clusters"])
            result.overrides = filterOverrides(host)
            hosts.append(result)
        }
        var result = RouteConfiguration(name: name, virtualHosts: hosts)
        result.overrides = filterOverrides(message)
        return result
    }

    private func virtualClusters(_ value: Value?) -> [VirtualCluster] {
        (value?.messages(.virtualCluster) ?? []).compactMap { message in
            let name = message.require("name")?.nonEmptyString()
            guard let value = message.require("headers") else { return nil }
            let items = value.list()
            if items.isEmpty { value.error("must have at least one matcher") }
            let headers = headerConditions(value)
            // What is wrong with one of them has been said.
            guard let name, !items.isEmpty, headers.count == items.count else { return nil }
            return VirtualCluster(name: name, headers: headers)
        }
    }

    /// `require_tls`: routes in front of all others.
    private func redirectsToTLS(_ host: Message) -> [Route] {
        let wanted =
            host["require_tls"]?.choice([("NONE", 0, 0), ("EXTERNAL_ONLY", 1, 1), ("ALL", 2, 2)]) ?? 0
        if wanted == 0 { return [] }
        var redirect = Redirect()
        redirect.scheme = "https"
        redirect.keepsPort = true
        var isPlain = HeaderCondition(name: ":scheme", match: .exact("https"))
        isPlain.isInverted = true
        var isExternal = HeaderCondition(name: "x-envoy-internal", match: .present(true))
        isExternal.isInverted = true
        return [PathMatch.prefix(""), .connect].map { match in
            var route = Route(match: match, action: .redirect(redirect), location: host.location)
            route.headers = wanted == 1 ? [isPlain, isExternal] : [isPlain]
            return route
        }
    }

    /// `request_body_buffer_limit`, and the field that it replaces.
    private func bodyLimits(_ message: Message) -> (new: UInt64?, old: UInt64?) {
        let old: UInt32? = message["per_request_buffer_limit_bytes"]?.number()
        return (message["request_body_buffer_limit"]?.longNumber(), old.map { UInt64($0) })
    }

    private struct ChangesOfLevel {
        var request: HeaderChanges
        var response: HeaderChanges
    }

    private func changesOfLevel(_ message: Message) -> ChangesOfLevel {
        ChangesOfLevel(request: requestChanges(message), response: responseChanges(message))
    }

    /// A host without `domains` is taken as one for all of them; Envoy refuses it.
    private func domains(_ host: Message, _ known: inout [String: SourceLocation]) -> [String] {
        guard let value = host["domains"] else {
            findings.warn(host.location, host.path, "no \"domains\", taken as [\"*\"]; Envoy requires them")
            // Its place is the host's, since there is no field that could have one.
            let place = host.value
            return unique("*", place, &known) ? ["*"] : []
        }
        if case .sequence(let items) = value.node.content, items.isEmpty {
            value.error("must have at least one domain, [\"*\"] for all")
        }
        return value.list().compactMap { item in
            guard let text = item.nonEmptyString() else { return nil }
            // Envoy folds A-Z and nothing else, in an authority too.
            let domain = String(decoding: text.utf8.map { 65...90 ~= $0 ? $0 | 0x20 : $0 }, as: UTF8.self)
            // A wildcard is one `*` at one end; elsewhere Envoy would take it for a letter.
            let stars = domain.utf8.count { $0 == UInt8(ascii: "*") }
            if stars > 1 || (stars == 1 && !domain.hasPrefix("*") && !domain.hasSuffix("*")) {
                item.error("\(quoted(text)): a domain may have one *, at its start or at its end")
                return nil
            }
            return unique(domain, item, &known) ? domain : nil
        }
    }

    private func unique(_ domain: String, _ value: Value, _ known: inout [String: SourceLocation]) -> Bool {
        if let first = known[domain] {
            value.error("duplicate domain \(quoted(domain)), already in \(Self.place(first, value))")
            return false
        }
        known[domain] = value.location
        return true
    }

    /// - Parameter retry: the virtual host's policy, for routes without their own.
    private mutating func route(_ message: Message, _ bodyLimit: UInt32, _ retry: RetryPolicy?) -> Route? {
        let name = message["name"]?.string() ?? ""
        var path: PathMatch?
        var caseSensitive = true
        var fraction: RuntimeFraction?
        var headers: [HeaderCondition] = []
        var query: [QueryCondition] = []
        if let match = message.require("match")?.message(.routeMatch) {
            path = pathMatch(match)
            headers = headerConditions(match["headers"])
            query = queryConditions(match["query_parameters"])
            caseSensitive = match["case_sensitive"]?.bool() ?? true
            fraction = match["runtime_fraction"].flatMap { runtimeFraction($0) }
        }
        var action: RouteAction?
        if let value = message["route"] {
            action = value.message(.routeAction).map { .forward(forward($0, retry)) }
        } else if let value = message["direct_response"] {
            action = value.message(.directResponse).flatMap { directResponse($0, bodyLimit) }
        } else if let value = message["redirect"] {
            action = value.message(.redirect).flatMap { redirect($0) }.map { .redirect($0) }
        } else {
            _ = message.requireOne(
                of: ["route", "direct_response", "redirect"], else: ["filter_action", "non_forwarding_action"])
        }
        if path == .connect, case .forward(let forward)? = action, forward.rewrite != nil {
            message.error("a rewrite has nothing to rewrite where a connect_matcher is: CONNECT has no path")
        }
        guard let path, let action else { return nil }
        var result = Route(name: name, match: path, action: action, location: message.location)
        result.caseSensitive = caseSensitive
        result.fraction = fraction
        result.headers = headers
        result.query = query
        return result
    }

    private func pathMatch(_ match: Message) -> PathMatch? {
        if let value = match["prefix"] { return value.string().map { .prefix($0) } }
        if let value = match["path"] { return value.string().map { .path($0) } }
        if let value = match["path_separated_prefix"] {
            guard let text = value.string() else { return nil }
            // Envoy's rule: ^[^?#]+[^?#/]$
            if text.utf8.count < 2 || text.hasSuffix("/") || text.contains("?") || text.contains("#") {
                value.error("\(quoted(text)) must have two characters or more, no ? or #, and not end with /")
                return nil
            }
            return .pathSeparatedPrefix(text)
        }
        if let value = match["safe_regex"] { return regex(value).map { .regex($0) } }
        if let value = match["connect_matcher"] { return value.message(.connectMatcher).map { _ in .connect } }
        _ = match.requireOne(
            of: ["prefix", "path", "path_separated_prefix", "safe_regex", "connect_matcher"],
            else: ["path_match_policy", "regex"])
        return nil
    }
}
