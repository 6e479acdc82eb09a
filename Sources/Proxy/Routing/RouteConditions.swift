import ProxyConfig

/// What a request must be like besides its path: headers, query parameters, an expression over the path, a share of all.
/// Plain data that lives as long as the process; routes without conditions have none.
struct RouteConditions: BitwiseCopyable {
    private struct HeaderTest: BitwiseCopyable {
        var subject: Subject
        var name: Bytes
        var rule: HeaderRule
    }
    private struct QueryTest: BitwiseCopyable {
        var name: Bytes
        var match: TextMatcher
    }
    private enum Subject: UInt8, BitwiseCopyable { case field, method, path, authority, scheme, isInternal }

    private var share: RuntimeShare?
    /// Of the path without its query.
    private var path: Regex?
    private let headers: UnsafeMutablePointer<HeaderTest>
    private let headerCount: Int
    private let queries: UnsafeMutablePointer<QueryTest>
    private let queryCount: Int

    /// Nil when there is nothing to ask.
    init?(_ route: Route, shares: RuntimeShares) {
        var path: String?
        if case .regex(let text) = route.match { path = text }
        if route.fraction == nil, path == nil, route.headers.isEmpty, route.query.isEmpty { return nil }
        share = route.fraction.map { shares.make($0) }
        self.path = path.map { Regex($0) }
        headerCount = route.headers.count
        headers = .kept(capacity: max(headerCount, 1))
        for (i, condition) in route.headers.enumerated() { (headers + i).initialize(to: Self.test(condition)) }
        queryCount = route.query.count
        queries = .kept(capacity: max(queryCount, 1))
        for (i, condition) in route.query.enumerated() {
            let match = TextMatcher(condition.match, ignoresCase: condition.ignoresCase)
            (queries + i).initialize(to: QueryTest(name: Bytes(keeping: condition.name), match: match))
        }
    }

    /// Headers alone, as filters ask for. Nil when there is nothing to ask.
    init?(headers conditions: [HeaderCondition]) {
        if conditions.isEmpty { return nil }
        headerCount = conditions.count
        headers = .kept(capacity: headerCount)
        for (i, condition) in conditions.enumerated() { (headers + i).initialize(to: Self.test(condition)) }
        queryCount = 0
        queries = .kept(capacity: 1)
    }

    private static func test(_ condition: HeaderCondition) -> HeaderTest {
        let subject: Subject =
            switch condition.name {
            case ":method": .method
            case ":path": .path
            case ":authority", "host": .authority
            case ":scheme": .scheme
            case "x-envoy-internal": .isInternal
            default: .field
            }
        return HeaderTest(subject: subject, name: Bytes(keeping: condition.name), rule: HeaderRule(condition))
    }

    /// Whether all of it holds.
    func hold(_ request: RoutedRequest) -> Bool {
        if let share, !share.contains(request.random) { return false }
        if let path, !path.matches(request.path) { return false }
        for i in 0..<headerCount where !holds(headers + i, request) { return false }
        for i in 0..<queryCount where !queries[i].match.matches(request.parameter(queries[i].name)) { return false }
        return true
    }

    private func holds(_ test: UnsafeMutablePointer<HeaderTest>, _ request: RoutedRequest) -> Bool {
        switch test.pointee.subject {
        case .method: return test.pointee.rule.holds(request.method)
        case .path: return test.pointee.rule.holds(request.target)
        case .authority: return test.pointee.rule.holds(request.authority)
        case .scheme: return test.pointee.rule.holds(request.scheme)
        case .isInternal:
            return test.pointee.rule.holds(request.head?.pointee.isInternal == true ? Bytes("true") : nil)
        case .field: return test.pointee.rule.holds(request, test.pointee.name)
        }
    }
}
