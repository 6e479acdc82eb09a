/// The filters of a filter chain.
extension Decoder {
    /// One of its filters.
    private enum Found {
        case terminal(NetworkFilter)
        case limit(ConnectionLimit)
        case rate(ConnectionRateLimit)
    }

    /// What a filter chain consists of.
    struct NetworkFilters {
        var terminal: NetworkFilter
        var limit: ConnectionLimit?
        var rateLimits: [ConnectionRateLimit]
    }

    /// nil: they have errors.
    mutating func networkFilters(_ value: Value) -> NetworkFilters? {
        let filters = value.list()
        if filters.isEmpty, case .sequence = value.node.content { value.error("one network filter is required") }
        var terminal: NetworkFilter?
        var limit: ConnectionLimit?
        var rateLimits: [ConnectionRateLimit] = []
        for (position, filter) in filters.enumerated() {
            let isLast = position == filters.count - 1
            let found = networkFilter(filter)
            switch found {
            case .terminal(let found):
                terminal = found
                if !isLast { filter.error("ends the filter chain: no other may stand behind it") }
            case .limit(let found):
                if limit != nil {
                    filter.error("only one connection limit for each filter chain is supported by this build")
                }
                limit = found
            case .rate(var found):
                found.followsLimit = limit != nil
                rateLimits.append(found)
            case nil: break
            }
            switch found {
            case .limit, .rate:
                if isLast { filter.error("does not end the filter chain: another must stand behind it") }
            case .terminal, nil: break
            }
        }
        return terminal.map { NetworkFilters(terminal: $0, limit: limit, rateLimits: rateLimits) }
    }

    private mutating func networkFilter(_ value: Value) -> Found? {
        guard let message = value.message(.networkFilter) else { return nil }
        _ = message.require("name")?.nonEmptyString()
        guard let config = message.requireOne(of: ["typed_config"], else: ["config_discovery", "config"]) else {
            return nil
        }
        guard let (schema, filter) = config.extensionMessage(MessageSchema.networkFilters) else { return nil }
        switch schema {
        case MessageSchema.tcpProxy.name: return tcpProxy(filter).map { .terminal(.tcpProxy($0)) }
        case MessageSchema.echo.name: return .terminal(.echo)
        case MessageSchema.networkDirectResponse.name: return .terminal(.directResponse(fixedResponse(filter)))
        case MessageSchema.connectionLimit.name: return connectionLimit(filter).map { .limit($0) }
        case MessageSchema.networkRateLimit.name: return networkRateLimit(filter).map { .rate($0) }
        default: return httpConnectionManager(filter).map { .terminal(.httpConnectionManager($0)) }
        }
    }

    private func fixedResponse(_ message: Message) -> [UInt8] { message["response"].flatMap { data($0) }?.bytes ?? [] }

    private func connectionLimit(_ message: Message) -> ConnectionLimit? {
        let prefix = message.require("stat_prefix")?.nonEmptyString()
        let most = message.require("max_connections")?.number(1...UInt32.max)
        let delay = message["delay"]?.duration() ?? 0
        guard let prefix, let most else { return nil }
        return ConnectionLimit(statPrefix: prefix, maxConnections: most, delayMs: delay)
    }

    private func networkRateLimit(_ message: Message) -> ConnectionRateLimit? {
        let prefix = message.require("stat_prefix")?.nonEmptyString()
        let bucket = message.require("token_bucket").flatMap { tokenBucket($0) }
        let enabled = message["runtime_enabled"].flatMap { runtimeFlag($0) }
        let key = message["share_key"]?.string()
        guard let prefix, let bucket else { return nil }
        var limit = ConnectionRateLimit(statPrefix: prefix, bucket: bucket)
        limit.enabled = enabled ?? limit.enabled
        limit.shareKey = key ?? ""
        return limit
    }
}
