/// What a route does with a request.
extension Decoder {
    mutating func forward(_ message: Message, _ retry: RetryPolicy?) -> Forward {
        let (choice, place) = clusterChoice(message)
        var result = Forward(cluster: choice, clusterLocation: place?.location ?? message.location)
        if let timeout = message["timeout"]?.duration() { result.timeoutMs = timeout }
        if let limits = message["max_stream_duration"]?.message(.maxStreamDuration) {
            // As in Envoy it is in place of the timeout.
            result.timeoutMs = 0
            result.maxStreamDurationMs = limits["max_stream_duration"]?.duration()
            result.grpcTimeoutMaxMs = limits["grpc_timeout_header_max"]?.duration()
            result.grpcTimeoutOffsetMs = limits["grpc_timeout_header_offset"]?.duration() ?? 0
        }
        result.idleTimeoutMs = message["idle_timeout"]?.duration()
        result.rewrite = pathRewrite(message)
        if let value = message["cluster_not_found_response_code"] {
            let codes: [(String, Int, UInt16)] = [
                ("SERVICE_UNAVAILABLE", 0, 503), ("NOT_FOUND", 1, 404), ("INTERNAL_SERVER_ERROR", 2, 500),
            ]
            result.clusterNotFoundStatus = value.choice(codes) ?? 503
        }
        result.hostRewrite = hostRewrite(message)
        result.appendsForwardedHost = message["append_x_forwarded_host"]?.bool() ?? false
        result.hashPolicies = hashPolicies(message["hash_policy"])
        result.redirects = internalRedirects(message)
        result.mirrors = mirrors(message["request_mirror_policies"])
        result.priority = requestPriority(message["priority"])
        result.retry = message.has("retry_policy") ? retryPolicy(message["retry_policy"]) : retry
        for upgrade in message["upgrade_configs"].map({ upgrades($0, .routeUpgrade) }) ?? [] {
            result.upgrades[upgrade.type] = upgrade.enabled
            if upgrade.terminates { result.terminatesConnect = true }
        }
        return result
    }

    private mutating func clusterChoice(_ message: Message) -> (ClusterChoice, Value?) {
        let value = message.requireOne(
            of: ["cluster", "cluster_header", "weighted_clusters"],
            else: ["cluster_specifier_plugin", "inline_cluster_specifier_plugin"])
        if message.has("cluster_header") {
            let name = value?.nonEmptyString()
            if let value, let name, !LogFormatParser.isHeaderName(name) {
                value.error("\(quoted(name)) is not the name of a header")
            }
            return (.header((name ?? "").lowercased()), value)
        }
        if message.has("weighted_clusters") {
            return (.weighted(value?.message(.weightedCluster).map { weights($0) } ?? []), value)
        }
        let name = value?.nonEmptyString()
        if let value, let name { refer(to: name, at: value) }
        return (.named(name ?? ""), value)
    }

    private mutating func weights(_ message: Message) -> [ClusterWeight] {
        guard let list = message.require("clusters") else { return [] }
        let prefix = message["runtime_key_prefix"]?.string() ?? ""
        var all: [ClusterWeight] = []
        var sum: UInt64 = 0
        for one in list.messages(.clusterWeight) {
            let value = one.requireOne(of: ["name"], else: ["cluster_header"])
            let name = value?.nonEmptyString()
            if let value, let name { refer(to: name, at: value) }
            let weight = one["weight"]?.number() ?? 0
            sum += UInt64(weight)
            all.append(
                ClusterWeight(
                    name: name ?? "", weight: weight, key: prefix.isEmpty ? nil : "\(prefix).\(name ?? "")"))
        }
        if list.list().isEmpty { list.error("at least one cluster is required") }
        // Envoy's rules: the sum is more than nothing and fits into 32 bits.
        if !all.isEmpty, sum == 0 || sum > UInt64(UInt32.max) {
            list.error("the weights sum up to \(sum), which must lie within 1 and \(UInt32.max)")
        }
        if let total = message["total_weight"], let number = total.number(1...UInt32.max), UInt64(number) != sum {
            total.error("the weights sum up to \(sum), not to \(number)")
        }
        return all
    }

    private func pathRewrite(_ message: Message) -> PathRewrite? {
        if let value = message["regex_rewrite"] { return regexRewrite(value).map { .regex($0) } }
        guard let text = message["prefix_rewrite"]?.string(), !text.isEmpty else { return nil }
        return .prefix(text)
    }

    private func hostRewrite(_ message: Message) -> HostRewrite? {
        if message["auto_host_rewrite"]?.bool() == true { return .upstream }
        if let value = message["host_rewrite_literal"] { return plainText(value).map { .literal($0) } }
        if let value = message["host_rewrite_header"] {
            guard let name = value.string(), !name.isEmpty else { return nil }
            guard LogFormatParser.isHeaderName(name) else {
                value.error("\(quoted(name)) is not the name of a header")
                return nil
            }
            return .header(name.lowercased())
        }
        return message["host_rewrite_path_regex"].flatMap { regexRewrite($0) }.map { .path($0) }
    }

    func redirect(_ message: Message) -> Redirect? {
        var result = Redirect()
        if message["https_redirect"]?.bool() == true { result.scheme = "https" }
        if let scheme = plainText(message["scheme_redirect"]) { result.scheme = scheme }
        result.host = plainText(message["host_redirect"])
        if let port = message["port_redirect"]?.number(0...65535), port > 0 { result.port = port }
        result.path = plainText(message["path_redirect"])
        result.rewrite = pathRewrite(message)
        if let value = message["response_code"] {
            let codes: [(String, Int, UInt16)] = [
                ("MOVED_PERMANENTLY", 0, 301), ("FOUND", 1, 302), ("SEE_OTHER", 2, 303), ("TEMPORARY_REDIRECT", 3, 307),
                ("PERMANENT_REDIRECT", 4, 308),
            ]
            result.status = value.choice(codes) ?? 301
        }
        result.stripsQuery = message["strip_query"]?.bool() ?? false
        return result
    }

    /// A text that goes into a header; nil when it is empty.
    func plainText(_ value: Value?) -> String? {
        guard let value, let text = value.string(), !text.isEmpty else { return nil }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            value.error("\(quoted(text)) has control characters")
            return nil
        }
        return text
    }

    func directResponse(_ message: Message, _ bodyLimit: UInt32) -> RouteAction? {
        let status = message.require("status")?.number(200...599)
        let body = message["body"].flatMap { data($0) }
        if let body, body.bytes.count > bodyLimit {
            body.value.error("body of \(body.bytes.count) bytes, at most \(bodyLimit) are allowed")
        }
        return status.map { .directResponse(status: UInt16($0), body: body?.bytes ?? []) }
    }
}
