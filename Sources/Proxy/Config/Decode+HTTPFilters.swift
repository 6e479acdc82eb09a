/// What the router filter says.
struct RouterOptions {
    var suppressesEnvoyHeaders = false
    var respectsExpectedTimeout = false
}

/// `http_filters`, and what routes say of them.
extension Decoder {
    /// Those in front of the router, which must be the last one.
    func httpFilters(_ message: Message, _ options: inout RouterOptions) -> [HTTPFilter] {
        guard let value = message["http_filters"] else {
            message.error("http_filters must end with the router filter, \(Self.routerType)")
            return []
        }
        guard case .sequence = value.node.content else {
            value.error("expected a list, got \(value.node.kindText)")
            return []
        }
        let filters = value.list()
        var routers: [Int] = []
        var result: [HTTPFilter] = []
        for (index, filter) in filters.enumerated() {
            guard let message = filter.message(.httpFilter) else { continue }
            let name = message.require("name")?.nonEmptyString() ?? ""
            guard let config = message.requireOne(of: ["typed_config"], else: ["config_discovery", "config"]) else {
                continue
            }
            let isDisabled = message["disabled"]?.bool() ?? false
            if isRouter(config) {
                routers.append(index)
                if isDisabled { message["disabled"]?.error("the router filter cannot be disabled") }
                if let fields = config.extensionMessage([.router])?.message {
                    options.suppressesEnvoyHeaders = fields["suppress_envoy_headers"]?.bool() ?? false
                    options.respectsExpectedTimeout = fields["respect_expected_rq_timeout"]?.bool() ?? false
                }
                continue
            }
            if message["is_optional"]?.bool() == true, isUnknownFilter(config) {
                findings.warn(
                    config.location, config.path, "left out: the filter is optional, and this build does not have it")
                continue
            }
            guard let (schema, fields) = config.extensionMessage(MessageSchema.httpFilters + [.router]),
                let found = filterConfig(schema, fields)
            else { continue }
            result.append(HTTPFilter(name: name, isDisabled: isDisabled, config: found))
        }
        guard let first = routers.first else {
            value.error("must end with the router filter, \(Self.routerType)")
            return result
        }
        if first != filters.count - 1 { filters[first].error("the router filter must be the last one") }
        return result
    }

    private static var routerType: String { "type.googleapis.com/" + MessageSchema.router.name }

    /// Of the router's type, whatever else is wrong with it.
    private func isRouter(_ config: Value) -> Bool {
        type(of: config)?.hasSuffix("/" + MessageSchema.router.name) == true
    }

    private func isUnknownFilter(_ config: Value) -> Bool {
        guard let type = type(of: config) else { return false }
        return !MessageSchema.httpFilters.contains { type.hasSuffix("/" + $0.name) }
    }

    private func type(of config: Value) -> String? {
        guard case .mapping(let entries) = config.node.content,
            let type = entries.first(where: { $0.key == "@type" }), case .scalar(let scalar) = type.value.content
        else { return nil }
        return scalar.text
    }

    private func filterConfig(_ schema: String, _ message: Message) -> HTTPFilterConfig? {
        switch schema {
        case MessageSchema.fault.name: return fault(message).map { .fault($0) }
        case MessageSchema.cors.name: return .cors(CORSPolicy())
        case MessageSchema.corsPolicy.name: return .cors(corsPolicy(message))
        case MessageSchema.localRateLimit.name: return localRateLimit(message).map { .localRateLimit($0) }
        case MessageSchema.headerMutationFilter.name, MessageSchema.headerMutationOfRoute.name:
            return .headerMutation(headerMutation(message))
        case MessageSchema.buffer.name: return buffer(message)
        case MessageSchema.bufferOfRoute.name:
            return message.requireOne(of: ["buffer"], else: [])?.message(.buffer).flatMap { buffer($0) }
        case MessageSchema.healthCheckFilter.name: return healthCheckFilter(message).map { .healthCheck($0) }
        default: return nil
        }
    }

    // MARK: What routes say

    /// `typed_per_filter_config` of a route, a virtual host or a route configuration.
    func filterOverrides(_ message: Message) -> [FilterOverride] {
        guard let map = message["typed_per_filter_config"] else { return [] }
        return map.map().compactMap { entry in
            guard let (schema, fields) = entry.value.extensionMessage(MessageSchema.filterOverrides),
                let action = overrideAction(schema, fields)
            else { return nil }
            return FilterOverride(name: entry.key, action: action, location: entry.keyLocation, path: entry.value.path)
        }
    }

    private func overrideAction(_ schema: String, _ message: Message) -> FilterOverride.Action? {
        guard schema == MessageSchema.filterConfig.name else { return configured(schema, message) }
        if message["disabled"]?.bool() == true { return .disable }
        guard let config = message["config"] else {
            // Envoy's rule.
            message.error("neither disabled nor a config is given")
            return nil
        }
        if case .mapping(let entries) = config.node.content, entries.isEmpty { return .enable }
        guard
            let (schema, fields) = config.extensionMessage(
                MessageSchema.filterOverrides.filter { $0 !== MessageSchema.filterConfig })
        else { return nil }
        return configured(schema, fields)
    }

    private func configured(_ schema: String, _ message: Message) -> FilterOverride.Action? {
        if schema == MessageSchema.bufferOfRoute.name, let disabled = message["disabled"] {
            // Envoy's rule.
            if disabled.bool() == false { disabled.error("can only be true") }
            return .disable
        }
        return filterConfig(schema, message).map { .configure($0) }
    }

    /// What routes say is of filters that are there, and of their kind.
    func checkOverrides(_ http: HTTPConnectionManager) {
        var kinds: [String: Set<String>] = [:]
        for filter in http.filters { kinds[filter.name, default: []].insert(filter.config.kind) }
        for override in http.routes.allOverrides {
            guard let known = kinds[override.name] else {
                let suggestion = Suggestion.text(for: override.name, among: kinds.keys)
                findings.warn(
                    override.location, override.path,
                    "there is no HTTP filter \(quoted(override.name))\(suggestion), so that this has no effect")
                continue
            }
            if case .configure(let config) = override.action, !known.contains(config.kind) {
                let list = known.sorted().joined(separator: ", ")
                findings.error(
                    override.location, override.path,
                    "\(quoted(override.name)) is a filter of the kind \(list), and this is of the kind \(config.kind)")
            }
        }
    }

    // MARK: Filters

    private func fault(_ message: Message) -> HTTPFault? {
        var fault = HTTPFault()
        if let delay = message["delay"]?.message(.faultDelay) {
            guard delay.requireOne(of: ["fixed_delay", "header_delay"], else: ["type"]) != nil else { return nil }
            var result = HTTPFault.Delay(fixedMs: delay["fixed_delay"].map { $0.positiveDuration() ?? 0 })
            _ = delay["header_delay"]?.message(.headerDelay)
            result.percentage = delay["percentage"]?.message(.fractionalPercent)?.fraction() ?? FractionalPercent(0)
            fault.delay = result
        }
        if let abort = message["abort"]?.message(.faultAbort) {
            guard abort.requireOne(of: ["http_status", "header_abort"], else: ["grpc_status"]) != nil else {
                return nil
            }
            // Envoy's rule.
            var result = HTTPFault.Abort(status: abort["http_status"].map { UInt16($0.number(200...599) ?? 200) })
            _ = abort["header_abort"]?.message(.headerAbort)
            result.percentage = abort["percentage"]?.message(.fractionalPercent)?.fraction() ?? FractionalPercent(0)
            fault.abort = result
        }
        fault.upstreamCluster = message["upstream_cluster"]?.string() ?? ""
        fault.headers = headerConditions(message["headers"])
        fault.maxActiveFaults = message["max_active_faults"]?.number()
        func key(_ field: String, _ path: WritableKeyPath<HTTPFault.Keys, String>) {
            if let name = message[field]?.string(), !name.isEmpty { fault.keys[keyPath: path] = name }
        }
        key("delay_percent_runtime", \.delayPercent)
        key("delay_duration_runtime", \.delayMs)
        key("abort_percent_runtime", \.abortPercent)
        key("abort_http_status_runtime", \.abortStatus)
        key("max_active_faults_runtime", \.maxActiveFaults)
        return fault
    }

    private func corsPolicy(_ message: Message) -> CORSPolicy {
        var policy = CORSPolicy()
        policy.origins = (message["allow_origin_string_match"]?.messages(.stringMatcher) ?? []).compactMap { matcher in
            guard let match = textMatch(matcher, "") else { return nil }
            var origin = CORSPolicy.Origin(match: match)
            origin.ignoresCase = matcher["ignore_case"]?.bool() ?? false
            return origin
        }
        policy.methods = plainText(message["allow_methods"]) ?? ""
        policy.headers = plainText(message["allow_headers"]) ?? ""
        policy.exposeHeaders = plainText(message["expose_headers"]) ?? ""
        policy.maxAge = plainText(message["max_age"]) ?? ""
        policy.allowsCredentials = message["allow_credentials"]?.bool()
        policy.allowsPrivateNetwork = message["allow_private_network_access"]?.bool()
        policy.forwardsOtherPreflights = message["forward_not_matching_preflights"]?.bool()
        policy.enabled = message["filter_enabled"].flatMap { runtimeFraction($0) }
        policy.shadowEnabled = message["shadow_enabled"].flatMap { runtimeFraction($0) }
        return policy
    }

    private func localRateLimit(_ message: Message) -> LocalRateLimit? {
        guard let prefix = message.require("stat_prefix")?.nonEmptyString() else { return nil }
        var limit = LocalRateLimit(statPrefix: prefix)
        // As in Envoy a status below 400 is none.
        if let status = message["status"]?.message(.httpStatus)?.require("code").flatMap({ statusCode($0) }) {
            limit.status = status < 400 ? 429 : status
        }
        if let value = message["token_bucket"] {
            guard let bucket = tokenBucket(value) else { return nil }
            limit.bucket = bucket
        }
        limit.enabled = message["filter_enabled"].flatMap { runtimeFraction($0) } ?? limit.enabled
        limit.enforced = message["filter_enforced"].flatMap { runtimeFraction($0) } ?? limit.enforced
        limit.responseHeaders = additions(message["response_headers_to_add"], .response, most: 10)
        limit.requestHeadersWhenNotEnforced =
            additions(message["request_headers_to_add_when_not_enforced"], .request, most: 10)
        limit.tellsLimits =
            message["enable_x_ratelimit_headers"]?.choice([("OFF", 0, false), ("DRAFT_VERSION_03", 1, true)]) ?? false
        limit.isPerConnection = message["local_rate_limit_per_downstream_connection"]?.bool() ?? false
        return limit
    }

    /// `envoy.type.v3.TokenBucket`.
    func tokenBucket(_ value: Value) -> LocalRateLimit.Bucket? {
        guard let bucket = value.message(.tokenBucket),
            let most = bucket.require("max_tokens")?.number(1...UInt32.max),
            let interval = bucket.require("fill_interval"), let milliseconds = interval.positiveDuration()
        else { return nil }
        // Envoy's rule.
        if milliseconds < 50 { interval.error("must be at least 0.05s") }
        let fill = bucket["tokens_per_fill"].map { $0.number(1...UInt32.max) } ?? 1
        guard let fill else { return nil }
        return LocalRateLimit.Bucket(maxTokens: most, tokensPerFill: fill, fillIntervalMs: milliseconds)
    }

    /// `envoy.type.v3.StatusCode`: a number, or a name.
    private func statusCode(_ value: Value) -> UInt16? {
        if case .scalar(let scalar) = value.node.content, let number = UInt16(scalar.text) {
            guard 100..<600 ~= number else {
                value.error("\(number) is no status")
                return nil
            }
            return number
        }
        return value.choice(
            Self.statusNames.map { ($0.name, Int($0.status), $0.status) })
    }

    private static let statusNames: [(name: String, status: UInt16)] = [
        ("Continue", 100), ("OK", 200), ("Created", 201), ("Accepted", 202), ("NonAuthoritativeInformation", 203),
        ("NoContent", 204), ("ResetContent", 205), ("PartialContent", 206), ("MultiStatus", 207),
        ("AlreadyReported", 208), ("IMUsed", 226), ("MultipleChoices", 300), ("MovedPermanently", 301), ("Found", 302),
        ("SeeOther", 303), ("NotModified", 304), ("UseProxy", 305), ("TemporaryRedirect", 307),
        ("PermanentRedirect", 308), ("BadRequest", 400), ("Unauthorized", 401), ("PaymentRequired", 402),
        ("Forbidden", 403), ("NotFound", 404), ("MethodNotAllowed", 405), ("NotAcceptable", 406),
        ("ProxyAuthenticationRequired", 407), ("RequestTimeout", 408), ("Conflict", 409), ("Gone", 410),
        ("LengthRequired", 411), ("PreconditionFailed", 412), ("PayloadTooLarge", 413), ("URITooLong", 414),
        ("UnsupportedMediaType", 415), ("RangeNotSatisfiable", 416), ("ExpectationFailed", 417),
        ("MisdirectedRequest", 421), ("UnprocessableEntity", 422), ("Locked", 423), ("FailedDependency", 424),
        ("UpgradeRequired", 426), ("PreconditionRequired", 428), ("TooManyRequests", 429),
        ("RequestHeaderFieldsTooLarge", 431), ("InternalServerError", 500), ("NotImplemented", 501),
        ("BadGateway", 502), ("ServiceUnavailable", 503), ("GatewayTimeout", 504), ("HTTPVersionNotSupported", 505),
        ("VariantAlsoNegotiates", 506), ("InsufficientStorage", 507), ("LoopDetected", 508), ("NotExtended", 510),
        ("NetworkAuthenticationRequired", 511),
    ]

    private func buffer(_ message: Message) -> HTTPFilterConfig? {
        message.require("max_request_bytes")?.number(1...UInt32.max).map { .buffer(maxRequestBytes: $0) }
    }

    private func healthCheckFilter(_ message: Message) -> HealthCheckFilter? {
        guard let passThrough = message.require("pass_through_mode")?.bool() else { return nil }
        var filter = HealthCheckFilter(isPassThrough: passThrough)
        filter.headers = headerConditions(message["headers"])
        if let time = message["cache_time"] {
            // Envoy's rule.
            if !passThrough { time.error("only a filter with pass_through_mode: true keeps answers") }
            filter.cacheTimeMs = time.positiveDuration()
        }
        for entry in message["cluster_min_healthy_percentages"]?.map() ?? [] {
            guard let percent = entry.value.message(.percent) else { continue }
            filter.minHealthy[entry.key] = percent["value"]?.exactPercent() ?? 0
        }
        return filter
    }

    private func headerMutation(_ message: Message) -> HeaderMutation {
        var result = HeaderMutation()
        result.mostSpecificWins = message["most_specific_header_mutations_wins"]?.bool() ?? false
        guard let mutations = message["mutations"]?.message(.mutations) else { return result }
        result.request = mutationRules(mutations["request_mutations"], .request)
        result.response = mutationRules(mutations["response_mutations"], .response)
        return result
    }

    func mutationRules(_ list: Value?, _ side: HeaderSide) -> [HeaderChanges] {
        (list?.messages(.headerMutationRule) ?? []).compactMap { rule in
            guard let given = rule.requireOne(of: ["remove", "append"], else: ["remove_on_match"]) else { return nil }
            var changes = HeaderChanges()
            if rule.has("remove") {
                guard let name = changedName(given) else { return nil }
                changes.removed = [name]
            } else {
                guard let added = given.message(.headerValueOption).flatMap({ addition($0, side) }) else { return nil }
                changes.added = [added]
            }
            return changes
        }
    }
}
