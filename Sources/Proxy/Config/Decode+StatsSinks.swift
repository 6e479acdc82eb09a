/// `stats_sinks`.
extension Decoder {
    mutating func statsSinks(_ value: Value?) -> [StatsSink] {
        var result: [StatsSink] = []
        for message in value?.messages(.statsSink) ?? [] {
            if let sink = statsSink(message) { result.append(sink) }
        }
        return result
    }

    private mutating func statsSink(_ message: Message) -> StatsSink? {
        _ = message["name"]?.string()
        guard let typed = message.requireOne(of: ["typed_config"], else: ["config"]),
            let (schema, config) = typed.extensionMessage([.statsdSink, .dogStatsdSink])
        else { return nil }
        let isDog = schema == MessageSchema.dogStatsdSink.name
        guard let target = sinkTarget(config, isDog: isDog) else { return nil }
        var sink = StatsSink(target, location: message.location)
        if let prefix = config["prefix"]?.string(), !prefix.isEmpty { sink.prefix = prefix }
        sink.hasTags = isDog
        if let value = config["max_bytes_per_datagram"] {
            guard let most = value.number(1...UInt32.max) else { return nil }
            // No datagram has more (RFC 768, RFC 791), however many are allowed.
            sink.maxBytes = min(UInt64(most), 65_507)
        }
        return sink
    }

    private mutating func sinkTarget(_ config: Message, isDog: Bool) -> StatsSink.Target? {
        if let value = config["tcp_cluster_name"] {
            guard let name = value.nonEmptyString() else { return nil }
            refer(to: name, at: value)
            return .cluster(name)
        }
        let members = isDog ? ["address"] : ["address", "tcp_cluster_name"]
        return config.requireOne(of: members).flatMap { address($0, .ipLiteral, allowsUDP: true)?.address }
            .map { .datagrams($0) }
    }
}
