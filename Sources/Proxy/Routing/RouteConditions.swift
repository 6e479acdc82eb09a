import CLinux
import Glibc
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
    private enum Subject: UInt8, BitwiseCopyable { case field, method, path, authority, scheme }

    private var share: RuntimeShare?
    /// Of the path without its query.
    private var path: OpaquePointer?
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
        self.path = path.flatMap { Regex.compile($0) }
        headerCount = route.headers.count
        headers = .allocate(capacity: max(headerCount, 1))
        for (i, condition) in route.headers.enumerated() { (headers + i).initialize(to: Self.test(condition)) }
        queryCount = route.query.count
        queries = .allocate(capacity: max(queryCount, 1))
        for (i, condition) in route.query.enumerated() {
            let match = TextMatcher(condition.match, ignoresCase: condition.ignoresCase)
            (queries + i).initialize(to: QueryTest(name: Bytes(keeping: condition.name), match: match))
        }
    }

    private static func test(_ condition: HeaderCondition) -> HeaderTest {
        let subject: Subject =
            switch condition.name {
            case ":method": .method
            case ":path": .path
            case ":authority", "host": .authority
            case ":scheme": .scheme
            default: .field
            }
        return HeaderTest(subject: subject, name: Bytes(keeping: condition.name), rule: HeaderRule(condition))
    }

    /// Whether all of it holds.
    func hold(_ request: RoutedRequest) -> Bool {
        if let share, !share.contains(request.random) { return false }
        if let path, !Regex.matches(path, request.path) { return false }
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
        case .field: return test.pointee.rule.holds(request, test.pointee.name)
        }
    }
}

/// A request as routes look at it.
struct RoutedRequest: BitwiseCopyable {
    /// Nil where there is none but a path, as in tests of routes without other conditions.
    var head: UnsafeMutablePointer<MessageHead>?
    var authority = Bytes("")
    /// Without its query.
    var path = Bytes("")
    /// For routes that are for a share of the requests.
    var random: UInt64 = 0
    /// As `:scheme` has it.
    var scheme = Bytes("http")

    var method: Bytes? {
        head.map { Bytes($0.pointee.base + Int($0.pointee.methodStart), Int($0.pointee.methodLength)) }
    }

    /// The path with its query.
    var target: Bytes? {
        guard let head, head.pointee.method != .connect else { return nil }
        if head.pointee.targetLength == 0 { return Bytes("/") }
        return Bytes(head.pointee.base + Int(head.pointee.target), Int(head.pointee.targetLength))
    }

    /// The position of a field with this name.
    func field(_ name: Bytes, after: Int = -1) -> Int? {
        guard let head else { return nil }
        for i in (after + 1)..<max(head.pointee.count, after + 1) where isField(head.pointee, i, name) { return i }
        return nil
    }

    /// Of a field that `field` found.
    func value(_ i: Int) -> Bytes {
        guard let head, i < head.pointee.count else { return Bytes("") }
        let field = head.pointee.fields[i]
        return Bytes(head.pointee.base + Int(field.value), Int(field.valueLength))
    }

    /// Whether a field is there for the one who routes: what concerns the connection is not.
    private func isField(_ h: MessageHead, _ i: Int, _ name: Bytes) -> Bool {
        let field = h.fields[i]
        guard Int(field.nameLength) == name.count, !field.isNominated else { return false }
        switch field.id {
        case .connection, .keepAlive, .proxyConnection, .http2Settings, .xEnvoyInternalOnly: return false
        case .upgrade: if !h.connectionUpgrade { return false }
        case .te: if !h.acceptsTrailers { return false }
        default: break
        }
        return foldedEqual(h.base + Int(field.name), name.start, name.count)
    }

    /// The first value of a query parameter, as it stands there; nil: it is not there. One without `=` is empty.
    func parameter(_ name: Bytes) -> Bytes? {
        guard let target, path.count < target.count, target.start[path.count] == UInt8(ascii: "?") else { return nil }
        var at = path.count + 1
        while at <= target.count {
            var end = at
            var equals = -1
            while end < target.count, target.start[end] != UInt8(ascii: "&") {
                if equals < 0, target.start[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            let nameEnd = equals < 0 ? end : equals
            if nameEnd - at == name.count, memcmp(target.start + at, name.start, name.count) == 0 {
                return equals < 0 ? Bytes("") : Bytes(target.start + equals + 1, end - equals - 1)
            }
            at = end + 1
        }
        return nil
    }
}
