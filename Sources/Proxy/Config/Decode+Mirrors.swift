/// `request_mirror_policies` of routes, virtual hosts and route configurations.
extension Decoder {
    mutating func mirrors(_ list: Value?) -> [MirrorPolicy] {
        var result: [MirrorPolicy] = []
        for message in list?.messages(.mirrorPolicy) ?? [] {
            guard let target = mirrorTarget(message) else { continue }
            var policy = MirrorPolicy(target: target)
            policy.fraction = message["runtime_fraction"].flatMap { runtimeFraction($0) }
            policy.appendsSuffix = !(message["disable_shadow_host_suffix_append"]?.bool() ?? false)
            policy.host = plainText(message["host_rewrite_literal"])
            policy.changes = mutationRules(message["request_headers_mutations"], .request)
            result.append(policy)
        }
        return result
    }

    private mutating func mirrorTarget(_ message: Message) -> MirrorPolicy.Target? {
        guard let value = message.requireOne(of: ["cluster", "cluster_header"], else: []),
            let name = value.nonEmptyString()
        else { return nil }
        if message.has("cluster") {
            refer(to: name, at: value)
            return .cluster(name)
        }
        guard LogFormatParser.isHeaderName(name) else {
            value.error("\(quoted(name)) is not the name of a header")
            return nil
        }
        return .header(name.lowercased())
    }
}
