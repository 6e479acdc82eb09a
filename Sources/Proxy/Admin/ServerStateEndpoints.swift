import ProxyConfig

/// `/memory`: Envoy's `Memory` message. What of it an allocator of our own would know is 0.
enum MemoryEndpoint {
    static func answer(_: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        let memory = context.memory
        // 64-bit numbers are strings in protobuf's JSON.
        return .json(
            JSON.object([
                "allocated": .string("\(memory.allocated)"), "heap_size": .string("\(memory.held)"),
                "pageheap_unmapped": .string("0"),
                "pageheap_free": .string("\(memory.held > memory.allocated ? memory.held - memory.allocated : 0)"),
                "total_thread_cache": .string("0"), "total_physical_bytes": .string("\(memory.resident)"),
            ]).text)
    }
}

/// `/logging`: what is logged from now on. There is one logger, `main`.
enum LoggingEndpoint {
    private static let usage = """

        usage: /logging?<name>=<level> (change single level)
        usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)
        usage: /logging?level=<level> (change all levels)
        levels: trace debug info warning error critical off

        """

    static func answer(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        let query = request.parameters
        // What a form leaves empty is not asked for.
        let asked = query.parameters.filter { !$0.value.isEmpty }
        let level: LogLevel?
        do throws(BadQuery) {
            level = try wanted(asked)
        } catch {
            return .text("error: \(error.text)\n\(usage)\(loggers(context))", status: 400)
        }
        if let level { context.log.setLevel(level) }
        return .text(loggers(context))
    }

    private static func loggers(_ context: any AdminContext) -> String {
        "active loggers:\n  main: \(context.log.level.rawValue)\n\n"
    }

    private static func wanted(_ asked: [AdminQuery.Parameter]) throws(BadQuery) -> LogLevel? {
        guard let parameter = asked.first else { return nil }
        if asked.count > 1 { throw BadQuery(text: "invalid number of parameters") }
        switch parameter.name {
        case "level": return try level(parameter.value)
        case "main": return try level(parameter.value)
        case "paths":
            var last: LogLevel?
            for part in parameter.value.split(separator: ",", omittingEmptySubsequences: false) {
                let pair = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                guard pair.count == 2 else { throw BadQuery(text: "empty logger level") }
                guard pair[0] == "main" else { throw BadQuery(text: "unknown logger name") }
                last = try level(String(pair[1]))
            }
            return last
        default: throw BadQuery(text: "unknown logger name")
        }
    }

    private static func level(_ text: String) throws(BadQuery) -> LogLevel {
        guard let level = LogLevel(rawValue: text) else { throw BadQuery(text: "unknown logger level") }
        return level
    }
}
