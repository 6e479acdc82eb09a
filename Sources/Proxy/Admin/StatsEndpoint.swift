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
        do throws(BadQuery) {
            let query = try StatsQuery(request.query, isPrometheus: isPrometheus)
            let shown = context.statsSnapshot().filtered(query.shows)
            let body = shown.formatted(query.format, histograms: query.histograms)
            return query.format == .json ? .json(body) : .text(body)
        } catch {
            return .text(error.text, status: 400)
        }
    }
}

/// A query that the endpoint cannot answer; the text says what it could, in Envoy's words.
struct BadQuery: Error {
    var text: String
}

/// What `/stats` is asked for.
struct StatsQuery {
    enum Kind: String, CaseIterable {
        case all = "All"
        case counters = "Counters"
        case histograms = "Histograms"
        case gauges = "Gauges"
        case textReadouts = "TextReadouts"
    }

    private(set) var format = StatsFormat.text
    private(set) var histograms = HistogramDisplay.summary
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
            guard let format = StatsFormat(rawValue: name) else {
                throw BadQuery(text: "usage: /stats?format=(json|prometheus|text)\n\n")
            }
            self.format = format
        }
        guard let display else { return }
        // Each form but text shows histograms in one way. Another way that was asked for is refused, not replaced.
        switch format {
        case .text: histograms = display
        case .json where display != .summary:
            throw BadQuery(text: "format=json shows histograms as histogram_buckets=summary only\n")
        case .prometheus where display != .cumulative:
            throw BadQuery(text: "unsupported prometheus histogram bucket mode")
        case .json, .prometheus: break
        }
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

    func shows(_ stat: StatValue) -> Bool {
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
