/// One path of the admin listener.
struct AdminEndpoint: Sendable {
    struct Parameter: Sendable {
        var name: String
        var help: String
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
    static let all: [AdminEndpoint] = [
        AdminEndpoint(path: "/", help: "Admin home page") { _, _ in
            AdminResponse(content: .html, body: home)
        },
        AdminEndpoint(
            path: "/clusters", help: "upstream cluster status",
            parameters: [
                .init(name: "filter", help: "Regular expression (Google re2) for filtering clusters by name"),
                .init(name: "format", help: "File format to use; One of (text, json)"),
            ], answer: ClustersEndpoint.answer),
        AdminEndpoint(
            path: "/drain_listeners", help: "drain listeners", isMutating: true,
            parameters: [
                .init(
                    name: "graceful",
                    help: "When draining listeners, enter a graceful drain period prior to closing listeners. This "
                        + "behaviour and duration is configurable via CLI options"),
                .init(
                    name: "skip_exit",
                    help: "When draining listeners, drain the connections but never stop the listeners. The graceful "
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
        AdminEndpoint(path: "/help", help: "print out list of admin commands") { _, _ in
            .text("admin commands are:\n\(commands)")
        },
        AdminEndpoint(
            path: "/hot_restart", help: "print what the last hot restart moved", answer: HotRestartEndpoint.answer),
        AdminEndpoint(path: "/hot_restart_version", help: "print the hot restart compatibility version") {
            .text($1.hotRestartVersion)
        },
        AdminEndpoint(
            path: "/listeners", help: "print listener info",
            parameters: [.init(name: "format", help: "File format to use; One of (text, json)")],
            answer: ListenersEndpoint.answer),
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
            path: "/server_info", help: "print server version/status information", answer: ServerInfoEndpoint.answer),
        AdminEndpoint(
            path: "/stats", help: "print server stats",
            parameters: filters + [
                .init(name: "format", help: "Format to use; One of (text, json, prometheus)"),
                .init(
                    name: "type",
                    help: "Stat types to include.; One of (All, Counters, Histograms, Gauges, TextReadouts)"),
                .init(
                    name: "histogram_buckets",
                    help: "Histogram bucket display mode; One of (cumulative, disjoint, detailed, summary)"),
            ], answer: StatsEndpoint.answer),
        AdminEndpoint(
            path: "/stats/prometheus", help: "print server stats in prometheus format",
            parameters: filters + [
                .init(name: "histogram_buckets", help: "Histogram bucket display mode; One of (cumulative)")
            ], answer: StatsEndpoint.prometheus),
    ]

    private static let filters: [AdminEndpoint.Parameter] = [
        .init(name: "usedonly", help: "Only include stats that have been written by system since restart"),
        .init(name: "filter", help: "Regular expression (Google re2) for filtering stats"),
        .init(name: "invert_filter", help: "Invert the filter regex"),
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
        if request.query.has("inboundonly") {
            return .text("inboundonly is not supported: listeners have no traffic_direction here\n", status: 400)
        }
        context.drainListeners(graceful: request.query.has("graceful"), skipExit: request.query.has("skip_exit"))
        return .text("OK\n")
    }

    /// A text within HTML.
    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    /// Links to what can be read, buttons for what changes something.
    private static var home: String {
        var rows = ""
        for endpoint in all where endpoint.path != "/" {
            let control =
                endpoint.isMutating
                ? "<form action='\(endpoint.path)' method='post'><button>\(endpoint.path)</button></form>"
                : "<a href='\(endpoint.path)'>\(endpoint.path)</a>"
            rows += "<tr><td>\(control)</td><td>\(escaped(endpoint.help))</td></tr>\n"
        }
        return """
            <!DOCTYPE html>
            <html lang='en'>
            <head><meta charset='utf-8'><title>envoyd Admin</title></head>
            <body>
            <table>
            <thead><tr><th>Command</th><th>Description</th></tr></thead>
            <tbody>
            \(rows)</tbody>
            </table>
            </body>
            </html>

            """
    }
}
