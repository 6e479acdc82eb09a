/// `hash_policy` of routes and TCP proxies: what of a request or a connection chooses its host.
extension Decoder {
    func hashPolicies(_ value: Value?) -> [HashPolicy] {
        (value?.messages(.hashPolicy) ?? []).compactMap { message in
            let isTerminal = message["terminal"]?.bool() ?? false
            return hashSource(message).map { HashPolicy($0, isTerminal: isTerminal) }
        }
    }

    /// nil: there is nothing to hash, or an error, which has been reported.
    private func hashSource(_ message: Message) -> HashPolicy.Source? {
        let value = message.requireOne(
            of: ["header", "cookie", "connection_properties", "query_parameter"], else: ["filter_state"])
        if message.has("header") {
            guard let header = value?.message(.hashHeader), let name = header.require("header_name") else { return nil }
            return hashedField(name).map { .header($0) }
        }
        if message.has("cookie") { return value?.message(.hashCookie).flatMap { hashCookie($0) }.map { .cookie($0) } }
        if message.has("query_parameter") {
            return value?.message(.hashQuery)?.require("name")?.nonEmptyString().map { .queryParameter($0) }
        }
        return value?.message(.hashConnection)?["source_ip"]?.bool() == true ? .sourceIP : nil
    }

    /// Fields that end at this hop, or that the proxy itself writes: Envoy would hash what it has made of them.
    private static let unhashable: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade", "expect", "via",
        "x-request-id", "x-forwarded-proto", "x-forwarded-client-cert",
    ]

    private func hashedField(_ value: Value) -> String? {
        guard let name = value.nonEmptyString()?.lowercased() else { return nil }
        if [":method", ":path", ":authority", ":scheme"].contains(name) { return name }
        guard LogFormatParser.isHeaderName(name) else {
            value.error("\(quoted(name)) is not the name of a header")
            return nil
        }
        if Self.unhashable.contains(name) || name.hasPrefix("x-envoy-") {
            value.error(
                "the hash of \(quoted(name)), which the proxy itself writes or removes, is not supported by this build")
            return nil
        }
        return name
    }

    private func hashCookie(_ message: Message) -> HashCookie? {
        guard let name = message.require("name").flatMap({ cookieName($0) }) else { return nil }
        var cookie = HashCookie(name: name)
        if let ttl = message["ttl"]?.protoDuration() { cookie.ttlSeconds = ttl.seconds }
        cookie.path = plainText(message["path"]) ?? ""
        for attribute in message["attributes"]?.messages(.hashCookieAttribute) ?? [] {
            guard let name = attribute.require("name").flatMap({ cookieName($0) }) else { continue }
            let value = plainText(attribute["value"]) ?? ""
            cookie.attributes.append(value.isEmpty ? name : "\(name)=\(value)")
        }
        return cookie
    }

    private func cookieName(_ value: Value) -> String? { value.nonEmptyString() == nil ? nil : plainText(value) }

    /// Whether the host of a TCP proxy's connection is chosen by its client's address.
    func hashesSource(_ value: Value?) -> Bool {
        guard let value else { return false }
        let policies = value.list()
        if policies.count > 1 { value.error("a TCP proxy may have one hash policy only") }
        guard let policy = policies.first?.message(.connectionHash) else { return false }
        let source = policy.requireOne(of: ["source_ip"], else: ["filter_state"])
        return source?.message(.connectionHashSource) != nil
    }
}
