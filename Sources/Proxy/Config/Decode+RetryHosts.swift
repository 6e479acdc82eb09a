/// `retry_host_predicate`, `retry_priority` and `rate_limited_retry_back_off` of a retry policy.
extension Decoder {
    func avoidedHosts(_ policy: Message) -> AvoidedHosts {
        var avoided = AvoidedHosts()
        for predicate in policy["retry_host_predicate"]?.messages(.retryHostPredicate) ?? [] {
            _ = predicate.require("name")?.nonEmptyString()
            let config = predicate.requireOne(of: ["typed_config"], else: ["config"])
            let known: [MessageSchema] = [.previousHosts, .omitCanaryHosts, .omitHostMetadata]
            guard let given = config?.extensionMessage(known) else { continue }
            switch given.schema {
            case MessageSchema.previousHosts.name: avoided.previous = true
            case MessageSchema.omitCanaryHosts.name: avoided.canaries = true
            default:
                // As in Envoy nothing is for no host.
                let wanted = HostLabels.wanted(balancerFields(given.message["metadata_match"]))
                if !wanted.isEmpty { avoided.labels.append(wanted) }
            }
        }
        return avoided
    }

    func priorityFrequency(_ message: Message) -> UInt32? {
        _ = message.require("name")?.nonEmptyString()
        let config = message.requireOne(of: ["typed_config"], else: ["config"])
        guard let given = config?.extensionMessage([.previousPriorities])?.message else { return nil }
        return given.require("update_frequency")?.number(1...UInt32(Int32.max))
    }

    func rateLimitedBackOff(_ message: Message) -> RateLimitedBackOff? {
        var backOff = RateLimitedBackOff()
        let headers = message.require("reset_headers")
        for header in headers?.messages(.resetHeader) ?? [] {
            let format: RateLimitedBackOff.Format =
                header["format"]?.choice([("SECONDS", 0, .seconds), ("UNIX_TIMESTAMP", 1, .unixTimestamp)]) ?? .seconds
            guard let value = header.require("name"), let name = value.nonEmptyString() else { continue }
            guard LogFormatParser.isHeaderName(name) else {
                value.error("\(quoted(name)) is not the name of a header")
                continue
            }
            backOff.headers.append(.init(name: name.lowercased(), format: format))
        }
        if let headers, headers.list().isEmpty { headers.error("must have at least one") }
        if let most = message["max_interval"]?.positiveDuration() { backOff.maxMs = most }
        return backOff.headers.isEmpty ? nil : backOff
    }
}
