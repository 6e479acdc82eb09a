import ProxyConfig

/// One path of the admin listener.
struct AdminEndpoint: Sendable {
    struct Parameter: Sendable {
        /// What it takes.
        enum Kind: Equatable, Sendable {
            /// To be there is all.
            case flag
            case text
            /// One of these; the first is the same as none.
            case choice([String])
        }
        var name: String
        var kind: Kind
        /// Without what it may be one of.
        var about: String

        init(_ name: String, _ help: String) { self.init(name, .text, help) }

        init(_ name: String, _ kind: Kind, _ help: String) {
            self.name = name
            self.kind = kind
            about = help
        }

        var help: String {
            guard case .choice(let choices) = kind else { return about }
            return "\(about); One of (\(choices.joined(separator: ", ")))"
        }
    }
    var path: String
    var help: String
    /// Changes something, so that it takes POST only.
    var isMutating = false
    var parameters: [Parameter] = []
    var answer: @Sendable (AdminRequest, any AdminContext) -> AdminResponse
}

/// All paths, and what is answered for any of them.
enum AdminEndpoints {
    /// Sorted, as the help shows them.
    static let all: [AdminEndpoint] =
        [
            AdminEndpoint(path: "/", help: "Admin home page", answer: HomePage.answer),
            AdminEndpoint(path: "/certs", help: "print certs on machine") { _, _ in
                .json(JSON.object(["certificates": .array([])]).text)
            },
            AdminEndpoint(
                path: "/clusters", help: "upstream cluster status",
                parameters: [
                    .init("filter", "Regular expression (Google re2) for filtering clusters by name"), format,
                ], answer: ClustersEndpoint.answer),
            AdminEndpoint(
                path: "/config_dump", help: "dump current Envoy configs", parameters: ConfigDumpEndpoint.parameters,
                answer: ConfigDumpEndpoint.answer),
            AdminEndpoint(path: "/contention", help: "dump current Envoy mutex contention stats (if enabled)") { _, _ in
                .text("Mutex contention tracing is not enabled.\n")
            },
            AdminEndpoint(
                path: "/cpuprofiler", help: "enable/disable the CPU profiler", isMutating: true,
                parameters: [.init("enable", .choice(["y", "n"]), "enable/disable the CPU profiler")],
                answer: { _, _ in .text(noProfiler("CPU", "perf record -g -p PID"), status: 501) }),
            AdminEndpoint(
                path: "/drain_listeners", help: "drain listeners", isMutating: true,
                parameters: [
                    .init(
                        "graceful", .flag,
                        "When draining listeners, enter a graceful drain period prior to closing listeners. This "
                            + "behaviour and duration is configurable via server options or CLI"),
                    .init(
                        "skip_exit", .flag,
                        "When draining listeners, drain the connections but never stop the listeners. The graceful "
                            + "parameter has no effect when this is set, since the drain period only delays stopping the "
                            + "listeners"),
                ], answer: drainListeners),
            AdminEndpoint(
                path: "/healthcheck/fail", help: "cause the server to fail health checks", isMutating: true
            ) {
                if let refusal = refusedWhileHandingOver($1) { return refusal }
                $1.failHealthCheck(true)
                return .text("OK\n")
            },
            AdminEndpoint(path: "/healthcheck/ok", help: "cause the server to pass health checks", isMutating: true) {
                if let refusal = refusedWhileHandingOver($1) { return refusal }
                $1.failHealthCheck(false)
                return .text("OK\n")
            },
            AdminEndpoint(
                path: "/heapprofiler", help: "enable/disable the heap profiler", isMutating: true,
                parameters: [.init("enable", .choice(["y", "n"]), "enable/disable the heap profiler")],
                answer: { _, _ in .text(noProfiler("heap", "valgrind --tool=massif"), status: 501) }),
            AdminEndpoint(path: "/help", help: "print out list of admin commands") { _, _ in
                .text("admin commands are:\n\(commands)")
            },
            AdminEndpoint(
                path: "/hot_restart", help: "print what the last hot restart moved", answer: HotRestartEndpoint.answer),
            AdminEndpoint(path: "/hot_restart_version", help: "print the hot restart compatibility version") {
                .text($1.hotRestartVersion)
            },
            AdminEndpoint(
                path: "/init_dump", help: "dump current Envoy init manager information (experimental)",
                answer: { _, _ in .json("{}\n") }),
            AdminEndpoint(
                path: "/listeners", help: "print listener info", parameters: [format], answer: ListenersEndpoint.answer),
            AdminEndpoint(
                path: "/logging", help: "query/change logging levels", isMutating: true,
                parameters: [
                    .init(
                        "paths",
                        "Change multiple logging levels by setting to <logger_name1>:<desired_level1>,"
                            + "<logger_name2>:<desired_level2>. There is one logger, main"),
                    .init(
                        "level", .choice([""] + LogLevel.allCases.map(\.rawValue)),
                        "desired logging level, this will change all loggers's level"),
                ], answer: LoggingEndpoint.answer),
            AdminEndpoint(
                path: "/memory", help: "print current allocation/heap usage", answer: MemoryEndpoint.answer),
            AdminEndpoint(path: "/quitquitquit", help: "exit the server", isMutating: true) { _, _ in
                AdminResponse(body: "OK\n", afterwards: .quit)
            },
            AdminEndpoint(path: "/ready", help: "print server state, return 200 if LIVE, otherwise return 503") {
                .text("\($1.state.name)\n", status: $1.state == .live ? 200 : 503)
            },
            AdminEndpoint(path: "/reopen_logs", help: "reopen access logs", isMutating: true) {
                $1.reopenLogs()
                return .text("OK\n")
            },
            AdminEndpoint(path: "/reset_counters", help: "reset all counters to zero", isMutating: true) {
                $1.resetCounters()
                return .text("OK\n")
            },
            AdminEndpoint(path: "/runtime", help: "print runtime values", answer: RuntimeEndpoint.show),
            AdminEndpoint(
                path: "/runtime_modify",
                help:
                    "Adds or modifies runtime values as passed in query parameters. To delete a previously added key, use "
                    + "an empty string as the value. Note that deletion only applies to overrides added via this endpoint; "
                    + "values loaded from disk can be modified via override but not deleted. E.g. "
                    + "?key1=value1&key2=value2...", isMutating: true, answer: RuntimeEndpoint.modify),
            AdminEndpoint(
                path: "/server_info", help: "print server version/status information", answer: ServerInfoEndpoint.answer
            ),
            AdminEndpoint(
                path: "/stats", help: "print server stats", parameters: statsParameters, answer: StatsEndpoint.answer),
            AdminEndpoint(
                path: "/stats/prometheus", help: "print server stats in prometheus format",
                parameters: filters + [
                    .init("histogram_buckets", .choice(["cumulative", "summary"]), "Histogram bucket display mode")
                ], answer: StatsEndpoint.prometheus),
            AdminEndpoint(path: "/stats/recentlookups", help: "Show recent stat-name lookups") { _, _ in
                .text(
                    "There are no lookups of stat names while the server runs: all are found when it loads.\n\ntotal: 0\n"
                )
            },
        ]
        + [
            ("clear", "clear list of stat-name lookups and counter"),
            ("disable", "disable recording of reset stat-name lookup names"),
            ("enable", "enable recording of reset stat-name lookup names"),
        ].map { name, help in
            AdminEndpoint(path: "/stats/recentlookups/\(name)", help: help, isMutating: true) { _, _ in .text("OK\n") }
        }

    private static func noProfiler(_ kind: String, _ instead: String) -> String {
        "The current build does not support \(kind) profiler: use \(instead)\n"
    }

    private static let format = AdminEndpoint.Parameter("format", .choice(["text", "json"]), "File format to use")

    private static let filters: [AdminEndpoint.Parameter] = [
        .init("usedonly", .flag, "Only include stats that have been written by system since restart"),
        .init("filter", "Regular expression (Google re2) for filtering stats"),
        .init("invert_filter", .flag, "Invert the filter regex"),
    ]

    /// Those of `/stats`. A browser that is given nothing else gets a page.
    static let statsParameters =
        filters + [
            .init(
                "format", .choice(["html", "active-html", "text", "json", "prometheus"]), "Format to use"),
            .init(
                "type", .choice(["All", "Counters", "Histograms", "Gauges", "TextReadouts"]), "Stat types to include."),
            .init(
                "histogram_buckets", .choice(["summary", "cumulative", "disjoint", "detailed"]),
                "Histogram bucket display mode"),
        ]

    static func answer(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        guard let endpoint = all.first(where: { $0.path == request.path }) else {
            return .text("invalid path. admin commands are:\n\(commands)", status: 404)
        }
        if endpoint.isMutating, request.method != "POST" {
            return .text("Method \(request.method) not allowed, POST required.", status: 405)
        }
        return endpoint.answer(request, context)
    }

    /// What changes the state now would be missed by the process that is taking over: it has been told of it already.
    static func refusedWhileHandingOver(_ context: any AdminContext) -> AdminResponse? {
        guard context.isHandingOver else { return nil }
        return .text("a hot restart is under way: ask again, the new process will answer\n", status: 503)
    }

    /// The list that `/help` and a wrong path show.
    static var commands: String {
        var output = ""
        for endpoint in all {
            output += "  \(endpoint.path)\(endpoint.isMutating ? " (POST)" : ""): \(endpoint.help)\n"
            for parameter in endpoint.parameters { output += "      \(parameter.name): \(parameter.help)\n" }
        }
        return output
    }

    private static func drainListeners(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        // To drain all of them instead would be worse than to drain none.
        if request.parameters.has("inboundonly") {
            return .text("inboundonly is not supported: listeners have no traffic_direction here\n", status: 400)
        }
        context.drainListeners(
            graceful: request.parameters.has("graceful"), skipExit: request.parameters.has("skip_exit"))
        return .text("OK\n")
    }
}
