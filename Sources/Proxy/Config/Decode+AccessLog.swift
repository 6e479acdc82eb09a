/// `access_log` of a connection manager or a TCP proxy.
extension Decoder {
    func accessLogs(_ value: Value?) -> [AccessLog] {
        guard let value else { return [] }
        return value.list().compactMap { accessLog($0) }
    }

    private func accessLog(_ value: Value) -> AccessLog? {
        guard let message = value.message(.accessLogger) else { return nil }
        _ = message["name"]?.string()
        let filter = message["filter"].flatMap { logFilter($0, depth: 0) }
        guard let config = message.requireOne(of: ["typed_config"], else: ["config"]),
            let (schema, logger) = config.extensionMessage([.fileLogger, .stdoutLogger, .stderrLogger])
        else { return nil }
        var log = AccessLog(sink: .standardOutput, format: .defaultText, location: logger.location, path: logger.path)
        log.filter = filter
        switch schema {
        case MessageSchema.stdoutLogger.name: break
        case MessageSchema.stderrLogger.name: log.sink = .standardError
        default:
            guard let path = logger.require("path"), let text = path.nonEmptyString() else { return nil }
            log.sink = .file(path: text)
            log.location = path.location
            log.path = path.path
        }
        guard let format = logFormat(logger) else { return nil }
        log.format = format
        return log
    }

    // MARK: Formats

    private func logFormat(_ logger: Message) -> LogFormat? {
        if let value = logger["log_format"] {
            guard let message = value.message(.substitutionFormat) else { return nil }
            guard let shape = logShape(message) else { return nil }
            return LogFormat(shape, omitsEmpty: message["omit_empty_values"]?.bool() ?? false)
        }
        // Envoy's older fields: an empty text means the default.
        if let value = logger["format"] {
            guard let text = value.string() else { return nil }
            return text.isEmpty ? .defaultText : pieces(text, value).map { LogFormat(.text($0)) }
        }
        if let value = logger["json_format"] ?? logger["typed_json_format"] {
            return object(value).map { LogFormat(.json($0)) }
        }
        return .defaultText
    }

    func logShape(_ message: Message) -> LogFormat.Shape? {
        if let value = message["json_format"] { return object(value).map { .json($0) } }
        if let value = message["text_format"] {
            guard let text = value.nonEmptyString() else { return nil }
            return pieces(text, value).map { .text($0) }
        }
        guard
            let source = message.requireOne(of: ["text_format_source", "json_format", "text_format"]).flatMap({
                data($0)
            })
        else { return nil }
        guard let text = String(validating: source.bytes, as: UTF8.self) else {
            source.value.error("a format must be UTF-8")
            return nil
        }
        return pieces(text, source.value).map { .text($0) }
    }

    func pieces(_ text: String, _ value: Value) -> [LogPiece]? {
        do throws(LogFormatError) {
            return try LogFormatParser.parse(text)
        } catch {
            value.error(error.description)
            return nil
        }
    }

    private func object(_ value: Value) -> LogValue? {
        guard case .mapping = value.node.content else {
            value.error("expected a mapping, got \(value.node.kindText)")
            return nil
        }
        findings.forms?.note(value.node, .free)
        return logValue(value, depth: 0)
    }

    private static let deepest = 32

    private func logValue(_ value: Value, depth: Int) -> LogValue? {
        guard depth < Self.deepest else {
            value.error("nested deeper than \(Self.deepest) levels")
            return nil
        }
        switch value.node.content {
        case .sequence:
            // Each is read, so that one fault does not hide the next.
            let all = value.list().map { logValue($0, depth: depth + 1) }
            return all.contains { $0 == nil } ? nil : .list(all.compactMap { $0 })
        case .mapping:
            let all = value.map().map { entry in
                logValue(entry.value, depth: depth + 1).map { LogMember(entry.key, $0) }
            }
            guard !all.contains(where: { $0 == nil }) else { return nil }
            return .object(
                all.compactMap { $0 }.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) })
        case .scalar(let scalar):
            switch scalar.kind {
            case .null: return .null
            case .bool: return .bool(scalar.text == "true")
            case .number:
                // As Envoy reads YAML: whole numbers are numbers, others are text.
                if let number = YAMLNode.freeNumber(scalar.text) {
                    return .number("\(number)")
                }
                return .template([.literal(scalar.text)])
            case .string: return pieces(scalar.text, value).map { .template($0) }
            }
        }
    }

    // MARK: Filters

    func logFilter(_ value: Value, depth: Int) -> LogFilter? {
        guard depth < Self.deepest else {
            value.error("nested deeper than \(Self.deepest) levels")
            return nil
        }
        guard let message = value.message(.logFilter) else { return nil }
        if let inner = message["status_code_filter"]?.message(.statusCodeFilter) {
            return comparison(inner).map { .status($0) }
        }
        if let inner = message["duration_filter"]?.message(.durationFilter) {
            return comparison(inner).map { .duration($0) }
        }
        if let inner = message["not_health_check_filter"] {
            _ = inner.message(.notHealthCheckFilter)
            return .notHealthCheck
        }
        if let inner = message["and_filter"] { return many(inner, depth).map { .all($0) } }
        if let inner = message["or_filter"] { return many(inner, depth).map { .any($0) } }
        if let inner = message["header_filter"]?.message(.headerFilter) {
            return inner.require("header")?.message(.headerMatcher).flatMap { headerCondition($0) }
                .map { .header($0) }
        }
        if let inner = message["runtime_filter"]?.message(.logRuntimeFilter) {
            return share(inner).map { .runtime($0) }
        }
        if let inner = message["log_type_filter"]?.message(.logTypeFilter) { return types(inner) }
        if let inner = message["response_flag_filter"]?.message(.responseFlagFilter) { return flags(inner) }
        _ = message.requireOne(
            of: ["status_code_filter", "duration_filter", "response_flag_filter", "header_filter"],
            else: [
                "traceable_filter", "grpc_status_filter", "runtime_filter", "extension_filter", "metadata_filter",
                "log_type_filter", "not_health_check_filter", "and_filter", "or_filter",
            ])
        return nil
    }

    private func many(_ value: Value, _ depth: Int) -> [LogFilter]? {
        guard let filters = value.message(.manyFilters)?.require("filters") else { return nil }
        let list = filters.list()
        if list.count < 2 { filters.error("at least two filters are required") }
        let all = list.map { logFilter($0, depth: depth + 1) }
        return all.contains { $0 == nil } ? nil : all.compactMap { $0 }
    }

    private func comparison(_ message: Message) -> LogComparison? {
        guard let comparison = message.require("comparison")?.message(.comparisonFilter) else { return nil }
        var operation = LogComparison.Operation.equal
        if let value = comparison["op"] {
            guard
                let chosen: LogComparison.Operation = value.choice([
                    ("EQ", 0, .equal), ("GE", 1, .atLeast), ("LE", 2, .atMost), ("NE", 3, .notEqual),
                ])
            else { return nil }
            operation = chosen
        }
        guard let number = comparison.require("value")?.message(.runtimeNumber) else { return nil }
        guard let key = number.require("runtime_key")?.nonEmptyString() else { return nil }
        return LogComparison(operation, number["default_value"]?.number() ?? 0, key: key)
    }

    private func share(_ message: Message) -> LogShare? {
        let key = message.require("runtime_key")?.nonEmptyString()
        let percent = message["percent_sampled"].map { $0.message(.fractionalPercent)?.fraction() }
        guard let key, let percent = percent ?? FractionalPercent(0) else { return nil }
        var share = LogShare(percent, key: key)
        share.isIndependent = message["use_independent_randomness"]?.bool() ?? false
        return share
    }

    private func types(_ message: Message) -> LogFilter? {
        let names = LogType.allCases.map { ("\($0.text)", Int($0.rawValue), $0) }
        let list = message["types"]?.list() ?? []
        let all = list.map { $0.choice(names) }
        if all.contains(where: { $0 == nil }) { return nil }
        let types = all.reduce(LogTypes()) { types, one in one.map { types.union(LogTypes($0)) } ?? types }
        return .types(types, excludes: message["exclude"]?.bool() ?? false)
    }

    /// `access_log_options`, or the older fields beside it.
    func logMoments(
        _ message: Message, _ schema: MessageSchema, start: (option: String, old: String),
        connected: (option: String, old: String)
    ) -> LogMoments {
        let interval = "access_log_flush_interval"
        var moments = LogMoments()
        let options = message["access_log_options"].flatMap { $0.message(schema) }
        if message.has("access_log_options") {
            // Envoy's rule.
            for old in [interval, start.old, connected.old] where !old.isEmpty {
                message[old]?.error("only one of \(old) and access_log_options may be given")
            }
        }
        func flag(_ names: (option: String, old: String)) -> Bool {
            if let options { return options[names.option]?.bool() ?? false }
            return names.old.isEmpty ? false : message[names.old]?.bool() ?? false
        }
        moments.start = flag(start)
        moments.connected = flag(connected)
        if let value = options.map({ $0[interval] }) ?? message[interval], let time = value.protoDuration() {
            // Envoy's rule.
            if time.seconds == 0, time.nanoseconds < 1_000_000 { value.error("must be at least 0.001s") }
            moments.intervalMs = time.milliseconds
        }
        return moments
    }

    private func flags(_ message: Message) -> LogFilter? {
        var result: [ResponseFlag] = []
        for value in message["flags"]?.list() ?? [] {
            guard let text = value.string() else { continue }
            guard let flag = ResponseFlag.allCases.first(where: { $0.short == text }) else {
                let suggestion = Suggestion.text(for: text, among: ResponseFlag.allCases.map(\.short))
                value.error("unknown response flag \(quoted(text))\(suggestion)")
                continue
            }
            result.append(flag)
        }
        return .flags(result)
    }
}
