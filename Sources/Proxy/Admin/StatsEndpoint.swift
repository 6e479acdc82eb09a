import Stats

/// `/stats` and `/stats/prometheus`.
enum StatsEndpoint {
    static func answer(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        answer(request, context, isPrometheus: false)
    }

    static func prometheus(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        answer(request, context, isPrometheus: true)
    }

    private static func answer(
        _ request: AdminRequest, _ context: any AdminContext, isPrometheus: Bool
    ) -> AdminResponse {
        let query: StatsQuery
        do throws(BadQuery) {
            query = try StatsQuery(request.query, isPrometheus: isPrometheus)
        } catch {
            return .text(error.text, status: 400)
        }
        if query.page == .active {
            return AdminResponse(content: .html, body: StatsPage.active(request.query))
        }
        let source = context.statsSource()
        let view = context.statsView
        let page = query.page == .plain ? StatsPage.frame(request.query) : nil
        // Many are read and written by a thread of their own, piece by piece, as the client takes them.
        let maker = AdminResponse.Maker { write in
            func html(_ text: String) {
                var text = text
                text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
            }
            var lines = source.lines(withTags: query.format == .prometheus)
            lines.apply(view, withTags: query.format == .prometheus)
            if query.leavesOut { lines.keep { query.shows($0) } }
            if let page {
                html(page.start)
                lines.write(query.format, histograms: query.histograms) { AdminHTML.escape($0, write) }
                html(page.end)
            } else {
                lines.write(query.format, histograms: query.histograms, to: write)
            }
        }
        var content = AdminResponse.Content.text
        if query.format == .json { content = .json }
        if page != nil { content = .html }
        let response = AdminResponse(content: content, body: "", maker: maker)
        return source.isSmall ? response.collected : response
    }
}

/// A query that the endpoint cannot answer; the text says what it could, in Envoy's words.
struct BadQuery: Error {
    var text: String
}

/// What `/stats` is asked for.
struct StatsQuery: @unchecked Sendable {
    enum Kind: String, CaseIterable {
        case all = "All"
        case counters = "Counters"
        case histograms = "Histograms"
        case gauges = "Gauges"
        case textReadouts = "TextReadouts"
    }

    /// A page for a browser around the stats.
    enum Page {
        /// The stats as text.
        case plain
        /// It asks for them itself.
        case active
    }

    private(set) var format = StatsFormat.text
    private(set) var page: Page?
    /// nil: as the form shows them.
    private(set) var histograms: HistogramDisplay?
    private let usedOnly: Bool
    private let filter: Pattern?
    private let isInverted: Bool
    private var kind = Kind.all
    private var showsNone = false

    /// - Parameter isPrometheus: whether the path says so; else the query may.
    init(_ query: AdminQuery, isPrometheus: Bool) throws(BadQuery) {
        usedOnly = query.has("usedonly")
        isInverted = query.has("invert_filter")
        filter = try query["filter"].map { (text) throws(BadQuery) in try Self.pattern(text) }
        if let hidden = query["hidden"] {
            guard ["include", "only", "exclude"].contains(hidden) else {
                throw BadQuery(text: "usage: /stats?hidden=(include|only|exclude)\n\n")
            }
            // There are no hidden stats in Envoy's sense, so there is nothing that is only hidden.
            showsNone = hidden == "only"
        }
        let display = try query["histogram_buckets"].map { (text) throws(BadQuery) in try Self.display(text) }
        if let type = query["type"] {
            guard let kind = Kind(rawValue: type) else { throw BadQuery(text: "invalid &type= param") }
            self.kind = kind
        }
        if isPrometheus {
            format = .prometheus
        } else if let name = query["format"] {
            switch name {
            case "html": page = .plain
            case "active-html": page = .active
            default:
                guard let format = StatsFormat(rawValue: name) else {
                    throw BadQuery(text: "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n")
                }
                self.format = format
            }
        }
        // Prometheus has histograms or summaries. Another way that was asked for is refused, not replaced.
        if format == .prometheus, let display, display != .cumulative, display != .summary {
            throw BadQuery(text: "unsupported prometheus histogram bucket mode")
        }
        histograms = display
    }

    static func pattern(_ text: String) throws(BadQuery) -> Pattern {
        do {
            return try Pattern(text)
        } catch {
            throw BadQuery(text: "Invalid re2 regex: \(error)".visible)
        }
    }

    private static func display(_ text: String) throws(BadQuery) -> HistogramDisplay {
        // Envoy's old name.
        if text == "none" { return .summary }
        guard let display = HistogramDisplay(rawValue: text) else {
            throw BadQuery(text: "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n")
        }
        return display
    }

    /// Whether there may be stats that it does not show.
    var leavesOut: Bool { showsNone || usedOnly || kind != .all || filter != nil }

    func shows(_ stat: StatLines.Stat) -> Bool {
        guard !showsNone, !usedOnly || stat.isUsed else { return false }
        switch kind {
        case .all: break
        case .counters: guard stat.kind == .counter else { return false }
        case .gauges: guard stat.kind == .gauge else { return false }
        case .histograms: guard stat.kind == .histogram else { return false }
        case .textReadouts: guard stat.kind == .text else { return false }
        }
        guard let filter else { return true }
        return filter.matchesPart(of: stat.name) != isInverted
    }
}
