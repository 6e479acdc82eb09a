import ProxyConfig

/// The HTTP filters in front of the router that a route has, in their order, each with what concerns this route. Plain data that
/// lives as long as the process; a route without any has none of this.
struct CompiledFilters: BitwiseCopyable {
    let filters: UnsafeMutablePointer<CompiledFilter>
    let count: Int
}

/// One filter as a route has it.
struct CompiledFilter: BitwiseCopyable {
    enum Action: BitwiseCopyable {
        case fault(UnsafePointer<CompiledFault>)
        case cors(UnsafePointer<CompiledCORS>)
        case localRateLimit(UnsafePointer<CompiledRateLimit>)
        case headerMutation(UnsafePointer<CompiledMutation>)
        /// With the most bytes that a body may have.
        case buffer(UInt64)
        case healthCheck(UnsafePointer<CompiledHealthCheck>)
    }
    /// In `http_filters`.
    var position: Int32
    var action: Action
}

/// The filters of a connection manager beside what routes have of them.
struct ListenerFilters: BitwiseCopyable {
    /// Names by position.
    let names: UnsafeMutablePointer<Bytes>
    let count: Int
    /// Of requests without a route; nil: none.
    let unrouted: UnsafePointer<CompiledFilters>?

    /// Where a filter with this name stands; behind all where there is none.
    func position(of name: Bytes) -> Int32 {
        for i in 0..<count where names[i].count == name.count && names[i].isPrefix(of: name.start, name.count) {
            return Int32(i)
        }
        return Int32(count)
    }
}

/// `header_mutation`: one change after the other, of all levels.
struct CompiledMutation: BitwiseCopyable {
    var request: CompiledChanges?
    var response: CompiledChanges?
}

/// What a filter has noted of a request, for its response.
enum FilterNote: BitwiseCopyable {
    case nothing
    /// `cors`: the request's origin is allowed.
    case allowedOrigin
    /// `local_ratelimit`: what is left.
    case limit(most: UInt64, remaining: UInt64, resetSeconds: UInt64)
    /// `health_check`: the request is one.
    case healthCheck
}

/// Puts together which filters each route of a connection manager has. Main thread.
final class FilterCompiler {
    /// Whose virtual host or route: names what belongs to it, so that routes share what their virtual host says.
    typealias Level = (scope: String, overrides: [FilterOverride])

    private let filters: [HTTPFilter]
    private let context: FilterContext
    /// By level and name.
    private var made: [String: CompiledFilter.Action] = [:]

    init(_ filters: [HTTPFilter], _ context: FilterContext) {
        self.filters = filters
        self.context = context
    }

    func listenerFilters() -> UnsafePointer<ListenerFilters>? {
        if filters.isEmpty { return nil }
        let names = UnsafeMutablePointer<Bytes>.kept(capacity: filters.count)
        for (i, filter) in filters.enumerated() { (names + i).initialize(to: Bytes(keeping: filter.name)) }
        return keepForever(ListenerFilters(names: names, count: filters.count, unrouted: compile([])))
    }

    /// - Parameter levels: the most specific first; nil: none is left.
    func compile(_ levels: [Level]) -> UnsafePointer<CompiledFilters>? {
        var found: [CompiledFilter] = []
        for (i, filter) in filters.enumerated() {
            let said = levels.compactMap { level in
                level.overrides.first { $0.name == filter.name }.map { (scope: level.scope, action: $0.action) }
            }
            var isOn = !filter.isDisabled
            if let first = said.first { if case .disable = first.action { isOn = false } else { isOn = true } }
            let configs = said.compactMap { one in
                if case .configure(let config) = one.action { (scope: one.scope, config: config) } else { nil }
            }
            if isOn, let action = action(filter, i, configs) {
                found.append(CompiledFilter(position: Int32(i), action: action))
            }
        }
        if found.isEmpty { return nil }
        let memory = UnsafeMutablePointer<CompiledFilter>.kept(capacity: found.count)
        memory.initialize(from: found, count: found.count)
        return keepForever(CompiledFilters(filters: memory, count: found.count))
    }

    private func action(
        _ filter: HTTPFilter, _ position: Int, _ levels: [(scope: String, config: HTTPFilterConfig)]
    ) -> CompiledFilter.Action? {
        // Several of the levels count for some filters, so that the name says all of them.
        let key =
            ([filter.config.kind, filter.name] + levels.map(\.scope) + (isOwn(filter, levels) ? ["\(position)"] : []))
            .joined(separator: "\n")
        if let known = made[key] { return known }
        let action = make(filter, position, levels)
        made[key] = action
        return action
    }

    /// Whether the filter's own configuration counts, and not only what the route says.
    private func isOwn(_ filter: HTTPFilter, _ levels: [(scope: String, config: HTTPFilterConfig)]) -> Bool {
        if case .headerMutation = filter.config { return true }
        return levels.isEmpty
    }

    private func make(
        _ filter: HTTPFilter, _ position: Int, _ levels: [(scope: String, config: HTTPFilterConfig)]
    ) -> CompiledFilter.Action? {
        switch levels.first?.config ?? filter.config {
        case .fault(let fault): return CompiledFault(fault, context).map { .fault(keepForever($0)) }
        case .cors:
            let policies = levels.compactMap { if case .cors(let policy) = $0.config { policy } else { nil } }
            return CompiledCORS(policies, context).map { .cors(keepForever($0)) }
        case .localRateLimit(let limit):
            let place = levels.first?.scope ?? "filter \(position)"
            return .localRateLimit(
                keepForever(CompiledRateLimit(limit, context, name: "\(context.listener)\n\(filter.name)\n\(place)")))
        case .buffer(let most): return .buffer(UInt64(most))
        case .healthCheck(let check): return .healthCheck(keepForever(CompiledHealthCheck(check, context)))
        case .headerMutation:
            guard case .headerMutation(let own) = filter.config else { return nil }
            let all = levels.compactMap { if case .headerMutation(let one) = $0.config { one } else { nil } }
            let ordered = [own] + (own.mostSpecificWins ? all.reversed() : all)
            let mutation = CompiledMutation(
                request: CompiledChanges(ordered.flatMap(\.request), isRequest: true),
                response: CompiledChanges(ordered.flatMap(\.response), isRequest: false))
            return mutation.request == nil && mutation.response == nil ? nil : .headerMutation(keepForever(mutation))
        }
    }
}

/// What filters are compiled with.
struct FilterContext {
    /// Names the listener and its filter chain.
    var listener: String
    var clusters: ClusterNames
    var shares: RuntimeShares
    /// Faults in force, of all listeners with the same `stat_prefix`.
    var activeFaults: UnsafeMutablePointer<UInt64>
    var limits: RateLimitTable
    var memberships: ClusterMemberships
    /// `service-cluster` of this process.
    var localCluster: Bytes
}

/// The same in the memory of the configuration (`KeptMemory`).
func passingCell() -> UnsafeMutablePointer<UInt64> {
    let cells = UnsafeMutablePointer<UInt64>.kept(capacity: 16)
    cells.initialize(repeating: 0, count: 16)
    return cells + 8
}

/// A word that all workers write, in a cache line of its own. For the life of the process.
func sharedCell() -> UnsafeMutablePointer<UInt64> {
    let cells = UnsafeMutablePointer<UInt64>.allocate(capacity: 16)
    cells.initialize(repeating: 0, count: 16)
    return cells + 8
}

/// A copy in the memory of the configuration (`KeptMemory`).
func keepForever<Part: BitwiseCopyable>(_ part: Part) -> UnsafePointer<Part> {
    let memory = UnsafeMutablePointer<Part>.kept(capacity: 1)
    memory.initialize(to: part)
    return UnsafePointer(memory)
}
