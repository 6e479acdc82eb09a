extension Decoder {
    mutating func httpConnectionManager(_ message: Message) -> HTTPConnectionManager? {
        let prefix = message.require("stat_prefix")?.nonEmptyString()
        let (routes, source) = routes(message)
        var router = RouterOptions()
        let filters = httpFilters(message, &router)
        var result = HTTPConnectionManager(
            statPrefix: prefix ?? "", routes: routes ?? RouteConfiguration(name: "", virtualHosts: []))
        result.routeSource = source
        headers(message, &result)
        normalization(message, &result)
        timeouts(message, &result)
        result.keepsAfterErrors = message["stream_error_on_invalid_http_message"]?.bool() ?? false
        if let options = message["common_http_protocol_options"]?.message(.downstreamHTTPOptions) {
            commonOptions(options, &result)
        }
        if let options = message["http_protocol_options"]?.message(.downstreamHTTP1Options) {
            result.acceptHTTP10 = options["accept_http_10"]?.bool() ?? false
            result.defaultHostForHTTP10 = options["default_host_for_http_10"]?.string() ?? ""
            result.headerCase = headerCase(options)
            result.allowsAbsoluteURL = options["allow_absolute_url"]?.bool() ?? true
            result.enableTrailers = options["enable_trailers"]?.bool() ?? false
            result.keepsAfterErrors =
                options["override_stream_error_on_invalid_http_message"]?.bool() ?? result.keepsAfterErrors
        }
        result.proxies100Continue = message["proxy_100_continue"]?.bool() ?? false
        scheme(message["scheme_header_transformation"], &result)
        if let value = message["upgrade_configs"] {
            result.upgradeTypes = upgrades(value, .httpUpgrade).filter(\.enabled).map(\.type)
        }
        result.accessLogs = accessLogs(message["access_log"])
        result.logMoments = logMoments(
            message, .requestLogOptions, start: ("flush_access_log_on_new_request", "flush_access_log_on_new_request"),
            connected: ("flush_log_on_tunnel_successfully_established", ""))
        result.localReplies = localReplies(message["local_reply_config"])
        result.filters = filters
        result.suppressesEnvoyHeaders = router.suppressesEnvoyHeaders
        result.respectsExpectedTimeout = router.respectsExpectedTimeout
        result.internalAddresses = message["internal_address_config"]?.message(.internalAddresses).map { fields in
            var trusted = InternalAddresses()
            trusted.unixSockets = fields["unix_sockets"]?.bool() ?? false
            trusted.ranges = ranges(fields["cidr_ranges"])
            return trusted
        }
        checkOverrides(result)
        return result
    }

    private func headers(_ message: Message, _ result: inout HTTPConnectionManager) {
        // An empty name means the default to Envoy.
        if let name = message["server_name"]?.string(), !name.isEmpty { result.serverName = name }
        result.serverHeader =
            message["server_header_transformation"]?.choice([
                ("OVERWRITE", 0, .overwrite), ("APPEND_IF_ABSENT", 1, .appendIfAbsent),
                ("PASS_THROUGH", 2, .passThrough),
            ]) ?? result.serverHeader
        result.useRemoteAddress = message["use_remote_address"]?.bool() ?? result.useRemoteAddress
        result.xffTrustedHops = message["xff_num_trusted_hops"]?.number() ?? result.xffTrustedHops
        result.skipXFFAppend = message["skip_xff_append"]?.bool() ?? result.skipXFFAppend
        result.addsUserAgent = message["add_user_agent"]?.bool() ?? false
        result.appendsForwardedPort = message["append_x_forwarded_port"]?.bool() ?? false
        result.via = message["via"]?.string() ?? result.via
        result.generateRequestID = message["generate_request_id"]?.bool() ?? result.generateRequestID
        result.preserveExternalRequestID =
            message["preserve_external_request_id"]?.bool() ?? result.preserveExternalRequestID
        result.requestIDInResponse =
            message["always_set_request_id_in_response"]?.bool() ?? result.requestIDInResponse
        result.maxRequestHeadersKiB = message["max_request_headers_kb"]?.number(1...8192) ?? result.maxRequestHeadersKiB
    }

    private func scheme(_ value: Value?, _ result: inout HTTPConnectionManager) {
        guard let message = value?.message(.schemeTransformation) else { return }
        result.matchesUpstreamScheme = message["match_upstream"]?.bool() ?? false
        guard let value = message["scheme_to_overwrite"], let scheme = value.string() else { return }
        if scheme != "http", scheme != "https" { value.error("\(quoted(scheme)) is neither http nor https") }
        result.scheme = scheme
    }

    private func normalization(_ message: Message, _ result: inout HTTPConnectionManager) {
        result.normalizesPath = message["normalize_path"]?.bool() ?? false
        result.mergesSlashes = message["merge_slashes"]?.bool() ?? false
        result.escapedSlashes =
            message["path_with_escaped_slashes_action"]?.choice([
                ("IMPLEMENTATION_SPECIFIC_DEFAULT", 0, .keep), ("KEEP_UNCHANGED", 1, .keep),
                ("REJECT_REQUEST", 2, .reject),
                ("UNESCAPE_AND_REDIRECT", 3, .redirect), ("UNESCAPE_AND_FORWARD", 4, .forward),
            ]) ?? .keep
        result.stripsTrailingDot = message["strip_trailing_host_dot"]?.bool() ?? false
        if message["strip_matching_host_port"]?.bool() ?? false { result.hostPort = .stripIfOurs }
        if message["strip_any_host_port"]?.bool() ?? false {
            if result.hostPort == .stripIfOurs {
                message.error("only one of strip_matching_host_port, strip_any_host_port may be true")
            }
            result.hostPort = .strip
        }
    }

    private func timeouts(_ message: Message, _ result: inout HTTPConnectionManager) {
        result.streamIdleTimeoutMs = message["stream_idle_timeout"]?.duration() ?? result.streamIdleTimeoutMs
        result.requestTimeoutMs = message["request_timeout"]?.duration() ?? result.requestTimeoutMs
        result.requestHeadersTimeoutMs =
            message["request_headers_timeout"]?.duration() ?? result.requestHeadersTimeoutMs
        result.drainTimeoutMs = message["drain_timeout"]?.duration() ?? result.drainTimeoutMs
        result.delayedCloseTimeoutMs = message["delayed_close_timeout"]?.duration() ?? result.delayedCloseTimeoutMs
    }

    private func commonOptions(_ options: Message, _ result: inout HTTPConnectionManager) {
        result.idleTimeoutMs = options["idle_timeout"]?.duration() ?? result.idleTimeoutMs
        result.maxConnectionDurationMs =
            options["max_connection_duration"]?.duration() ?? result.maxConnectionDurationMs
        result.maxStreamDurationMs = options["max_stream_duration"]?.duration() ?? 0
        result.maxHeadersCount = options["max_headers_count"]?.number(1...UInt32.max) ?? result.maxHeadersCount
        result.underscores =
            options["headers_with_underscores_action"]?.choice([
                ("ALLOW", 0, .allow), ("REJECT_REQUEST", 1, .reject), ("DROP_HEADER", 2, .drop),
            ]) ?? .allow
        result.maxRequestsPerConnection =
            options["max_requests_per_connection"]?.number() ?? result.maxRequestsPerConnection
    }

    struct Upgrade {
        var type: String
        var enabled: Bool
        /// There is a `connect_config`.
        var terminates: Bool
    }

    /// `upgrade_configs` of the connection manager or of a route, tokens in lower case.
    func upgrades(_ value: Value, _ schema: MessageSchema) -> [Upgrade] {
        var result: [Upgrade] = []
        var known: [String: SourceLocation] = [:]
        for message in value.messages(schema) {
            let enabled = message["enabled"]?.bool() ?? true
            guard let value = message.require("upgrade_type"), let given = value.nonEmptyString() else { continue }
            let type = given.lowercased()
            if type == "connect-udp" {
                value.error("upgrade type \(quoted(given)) is not supported by this build")
                continue
            }
            if let first = known[type] {
                value.error("duplicate upgrade type \(quoted(given)), already in \(Self.place(first, value))")
                continue
            }
            known[type] = value.location
            let connect = message["connect_config"]
            if connect != nil, type != "connect" {
                connect?.error("only an upgrade of type CONNECT has a connect_config")
            }
            result.append(
                Upgrade(type: type, enabled: enabled, terminates: connect?.message(.connectConfig) != nil))
        }
        return result
    }
}
