import CLinux
import ProxyConfig

/// A listener as the workers see it, with one of its filter chains: plain data.
struct CompiledListener: BitwiseCopyable {
    /// In the configuration.
    var position: Int32 = -1
    /// Which filter chain a connection gets; nil: this one.
    var chains: UnsafeMutablePointer<FilterChainTable>?
    /// What connections are once they are the filter chain's.
    var kind: Connection.Kind
    var isHTTP: Bool
    /// The listener has access logs of its own.
    var logsConnections = false
    var bufferLimit: UInt32
    /// TCP proxy: position of the cluster, -1: one of `tcpClusters`.
    var tcpCluster: Int32 = -1
    /// TCP proxy with `weighted_clusters`; nil: there is one cluster.
    var tcpClusters: UnsafePointer<TunnelClusters>?
    var maxConnectAttempts: UInt32 = 1
    /// TCP proxy: the client's address chooses the host, in a cluster that balances by hash.
    var hashesSource = false
    /// Nanoseconds; 0: none.
    var idleTimeoutNs: UInt64
    var maxDurationNs: UInt64
    // HTTP connection manager.
    var routes: Unmanaged<RouteTable>?
    var limits = HeadLimits(bytes: 60 * 1024, fields: 100)
    var serverName = Bytes("envoy")
    var serverHeader = ServerHeader.overwrite
    var useRemoteAddress = false
    var skipXFFAppend = false
    var trustedHops: UInt32 = 0
    var via = Bytes("")
    /// There is something behind the fields of a client: `via`, one of the next two, or a `scheme`.
    var addsFields = false
    /// `add_user_agent`: what it says; nil: nothing.
    var userAgent: Bytes?
    var nodeID = Bytes("")
    var appendsForwardedPort = false
    var allowsAbsoluteURL = true
    /// A connection outlives the answer to a request whose end is known, though it is invalid.
    var keepsAfterErrors = false
    /// `Expect: 100-continue` is for hosts to answer.
    var proxies100 = false
    /// The scheme of all requests; nil: each has its own.
    var scheme: Bytes?
    /// As requests go on they get the scheme of what hosts speak.
    var matchesUpstreamScheme = false
    /// How names are written in heads of responses, and of requests that came here.
    var headerCase: HeaderCase = []
    var generateRequestID = true
    var preserveRequestID = false
    var requestIDInResponse = false
    var acceptHTTP10 = false
    var defaultHost = Bytes("")
    var trailers = false
    var maxRequests: UInt32 = 0
    var normalization = HeadNormalization()
    /// Whether there is something of `normalization` to do.
    var normalizes = false
    /// Whose requests are internal; nil: nobody's.
    var internalAddresses: UnsafePointer<CompiledInternalAddresses>?
    var suppressesEnvoyHeaders = false
    var respectsExpectedTimeout = false
    var streamIdleTimeoutNs: UInt64 = 0
    var requestTimeoutNs: UInt64 = 0
    var headersTimeoutNs: UInt64 = 0
    var delayedCloseNs: UInt64 = 0
    /// `upgrade_configs` tokens, in lower case; routes refer to them by position.
    var upgradeNames: UnsafeMutablePointer<Bytes>
    var upgradeCount = 0
    /// nil: there is no access log, and answers of our own go out as they are.
    var log: UnsafeMutablePointer<ListenerLogs>?
    /// Connections that may be open at once; nil and `.max`: any number.
    var connectionLimit: RuntimeNumber?
    /// Connections know where they went before they were redirected.
    var restoresDestination = false
    /// They go to the listener that has that address, if there is one.
    var handsOff = false
    /// Which headers connections begin with; empty: with none, there is no such filter.
    var headerRules: ProxyHeader.Rules = []
    var filterTimeoutNs: UInt64 = 0
    var continuesOnFilterTimeout = false
    /// nil: the filter chain has no `connection_limit`.
    var chainLimit: UnsafeMutablePointer<ChainLimit>?
    /// nil: the filter chain has no `local_ratelimit`.
    var chainRates: UnsafePointer<ChainRates>?
    /// The filter chain has one of both.
    var isGuarded = false
    /// What a connection is sent that is then closed.
    var fixedResponse = Bytes("")
    /// nil: there is none in front of the router.
    var filters: UnsafePointer<ListenerFilters>?
    /// Faults in force, of all workers and of all listeners with this `stat_prefix`; nil: there is no such filter.
    var activeFaults: UnsafeMutablePointer<UInt64>?
    /// Its listener has gone, or has another filter chain in its place: connections are asked to go away.
    var drain: RowDrain?
}

/// How the connections of a filter chain that has been replaced are asked to go away.
struct RowDrain: BitwiseCopyable {
    /// CLOCK_MONOTONIC.
    var startNs: UInt64
    /// Over which more and more responses ask; 0: all do.
    var lengthNs: UInt64
}

/// A cluster as the workers see it: plain data.
struct CompiledCluster: BitwiseCopyable {
    var connectTimeoutNs: UInt64
    var idleTimeoutNs: UInt64
    var bufferLimit: UInt32
    var maxRequestsPerConnection: UInt32
    /// Of a request from when it has its connection; 0: none.
    var maxStreamNs: UInt64 = 0
    var maxConnections: UInt32
    var maxPending: UInt32
    var maxRequests: UInt32
    var maxRetries: UInt32 = 3
    /// Counts instead of `maxRetries` when it is on; nil: there is no such cluster any more.
    var retryBudget: RuntimeBudget?
    /// Its stat name, for access logs.
    var name = Bytes("-")
    /// What is noted of each response and connection; nothing in most clusters.
    var watch: HostWatch = []
    /// Failures in a row that the main thread is told of; 0: never.
    var consecutive5xx: UInt32 = 0
    var consecutiveGatewayFailure: UInt32 = 0
    var consecutiveLocalOriginFailure: UInt32 = 0
    /// Whether requests are counted: `maxRequests` can be reached before `maxConnections` (an HTTP/1 connection carries one
    /// request, so else nothing needs to be), or what is left is shown.
    var limitsRequests: Bool { maxRequests < maxConnections || tracksRemaining }
    /// How names are written in heads of requests, and of responses of its hosts.
    var headerCase: HeaderCase = []
    /// `track_remaining`.
    var tracksRemaining = false
    /// The cluster of the configuration that it is, for requests of another priority; -1: it is one of these itself.
    var base: Int32 = -1
    /// The share of requests that are answered with 503 at once; nil: there is no such cluster any more.
    var maintenance: RuntimeShare?
    /// The header that connections begin with; nil: none.
    var proxyVersion: ProxyHeader.Version?
    var balancing = CompiledBalancing()
    /// Connections are made ahead; nothing in most clusters.
    var preconnect = CompiledPreconnect()
    /// In `socketSettings`, of its connections; -1: there is nothing to do with them.
    var sockets: Int32 = -1

    /// A cluster that the configuration has no more: it finishes what it has, and nothing new goes there.
    static var gone: CompiledCluster {
        CompiledCluster(
            connectTimeoutNs: 5_000_000_000, idleTimeoutNs: 0, bufferLimit: 1 << 20, maxRequestsPerConnection: 0,
            maxConnections: .max, maxPending: .max, maxRequests: .max)
    }
}

/// What a worker notes of the hosts of a cluster.
struct HostWatch: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// Answers and failures, for outlier detection.
    static let outcomes = HostWatch(rawValue: 1 << 0)
    /// Whether a host could be reached counts apart from what it answers.
    static let splitsLocalOrigin = HostWatch(rawValue: 1 << 1)
    /// Responses that say that their host is not well.
    static let immediateFailures = HostWatch(rawValue: 1 << 2)
    /// How many requests each has, to choose by that.
    static let load = HostWatch(rawValue: 1 << 3)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(_ cluster: Cluster) {
        var watch: HostWatch = []
        if let outliers = cluster.outlierDetection {
            watch.insert(.outcomes)
            if outliers.splitsLocalOrigin { watch.insert(.splitsLocalOrigin) }
        }
        if cluster.healthCheck != nil { watch.insert(.immediateFailures) }
        if case .leastRequest = cluster.balancing { watch.insert(.load) }
        self = watch
    }
}

/// The configuration compiled into tables that workers index and never search by name. Immutable, shared by all workers,
/// and never freed: one process has one.
final class Snapshot: @unchecked Sendable {
    struct ListenerName: Hashable {
        /// The part after `listener.`.
        var statName: String
        var httpPrefix: String?
        var tcpPrefix: String?
        /// Behind `proxy_proto.`, may be empty; nil: there is no such filter.
        var proxyPrefix: String?
        /// Behind `connection_limit.`; nil: there is no such filter.
        var limitPrefix: String?
        /// Behind `http.`; nil: there is no such filter.
        var faultPrefix: String?
        var corsPrefix: String?
    }
    /// Those of the configuration, each with its first filter chain, and behind them one for each further filter chain; then those that
    /// are left free for listeners that may come; the last is that of copies of requests, which no client reaches.
    let listeners: UnsafeMutablePointer<CompiledListener>
    /// Of `listeners`: those that the process has begun with.
    let chainCount: Int
    /// The same with the free ones.
    let rowCount: Int
    let clusters: UnsafeMutablePointer<CompiledCluster>
    /// Clusters of the configuration, and those among them once more that routes use with priority HIGH: with limits and
    /// pools of their own. Behind them is room for `maxGoneClusters` that it has no more.
    let clusterCount: Int
    /// By cluster of the configuration: its position for requests of priority HIGH, -1: there are none. Empty: nowhere.
    let highPositions: [Int32]
    /// Clusters of a predecessor that still serve requests which it began; see `DataPlaneStats.addGone`.
    static let maxGoneClusters = 64
    /// By cluster, of those that have any.
    let socketSettings: UnsafeMutablePointer<SocketSettings>
    /// The clusters of which `socketSettings` has some. Main thread.
    var hasSockets: Set<Int> = []
    /// Rows for clusters that may come, behind those of the configuration.
    let spareClusters: Int
    let usageCells: UnsafeMutablePointer<UInt64>
    /// Of `listeners`.
    private(set) var listenerNames: [ListenerName]
    private(set) var clusterStatNames: [String]
    /// Names as the configuration has them: a record that leaves the process carries them, never positions.
    /// Of `listeners`: empty but for the first row of each.
    private(set) var configuredListeners: [String]
    private(set) var configuredClusters: [String]
    /// Positions by these names.
    private(set) var listenerPositions: [String: Int]
    private(set) var clusterPositions: ClusterNames
    /// The largest head that any listener takes: workers size their read buffer by it.
    let maxHeadBytes: Int
    let maxHeaderFields: Int
    /// This host's own address as `x-forwarded-for` shows it for clients on loopback.
    let localAddress: Bytes
    private(set) var logSinks: LogSinks
    /// What the runtime can change.
    let shares = RuntimeShares()
    /// Whether requests are copied for other clusters, or may be once routes have changed.
    let hasMirrors: Bool
    /// The buckets of local rate limits.
    let rateLimits = RateLimitTable()
    /// By what requests are counted beside their cluster.
    let requestClasses = RequestClassTable()
    /// How many hosts the clusters have of which filters ask that.
    let memberships = ClusterMemberships()
    /// Where listeners are, for connections that are handed from one to another.
    var listenerAddresses: ListenerAddresses
    /// The longest chain of filters.
    let maxFilters: Int
    /// Headers that filters may add to one request.
    let maxAddedHeaders: Int
    static let spareAddedHeaders = 64
    private static let spareFilters = 16
    /// Several listeners may count faults together.
    let faultCells = FaultCells()
    /// Connections of clients that may be open at once, of all listeners; `.max`: any number.
    let globalConnectionLimit: RuntimeNumber

    /// - Parameter localAddress: an IP literal.
    init(_ bootstrap: Bootstrap, localAddress: String = "127.0.0.1") {
        self.localAddress = Bytes(keeping: localAddress)
        logSinks = LogSinks(bootstrap)
        spareClusters = Self.spareClusters(bootstrap)
        let base = spareClusters == 0 ? bootstrap.clusters : bootstrap.clusters + Self.spares(spareClusters)
        let baseCount = base.count
        let highPositions = Self.highPositions(bootstrap, base)
        self.highPositions = highPositions
        let high = highPositions.indices.filter { highPositions[$0] >= 0 }.map { base[$0] }
        let allClusters = high.isEmpty ? base : base + high
        let clusterNames = ClusterNames(base.map(\.name), high: highPositions)
        clusterPositions = clusterNames
        listenerAddresses = ListenerAddresses(Array(bootstrap.listeners.enumerated()))
        listenerPositions = Self.positions(bootstrap.listeners.map(\.name))
        clusterCount = allClusters.count
        configuredClusters = allClusters.map(\.name)
        hasMirrors = Self.hasMirrors(bootstrap)
        let chainCount = bootstrap.listeners.reduce(0) { $0 + $1.allChains.count }
        self.chainCount = chainCount
        let mayHaveMoreListeners = bootstrap.listenerSource != nil
        rowCount = chainCount + Self.spareRows(bootstrap, chainCount)
        listeners = .allocate(capacity: rowCount + 1)
        for i in chainCount..<rowCount { (listeners + i).initialize(to: Self.freeRow) }
        (listeners + rowCount).initialize(to: Self.ofMirrors)
        configuredListeners =
            bootstrap.listeners.map(\.name)
            + Array(repeating: "", count: max(rowCount - bootstrap.listeners.count, 0))
        let room = clusterCount + Self.maxGoneClusters
        clusters = .allocate(capacity: room)
        usageCells = .allocate(capacity: room * ClusterUsage.stride)
        usageCells.initialize(repeating: 0, count: room * ClusterUsage.stride)
        for i in clusterCount..<room { (clusters + i).initialize(to: CompiledCluster.gone) }
        socketSettings = .allocate(capacity: room)
        clusterStatNames = allClusters.map { Self.statName($0.altStatName ?? $0.name) }
        for i in 0..<clusterCount { (clusters + i).initialize(to: CompiledCluster.gone) }
        for (i, cluster) in allClusters.enumerated() where !cluster.name.isEmpty {
            clusters[i] = Self.row(cluster, isHigh: i >= baseCount, shares)
            ClusterUsage(cells: usageCells + i * ClusterUsage.stride)
                .setLimits(cluster.limits(of: i < baseCount ? .default : .high))
            if let settings = SocketSettings(cluster) {
                (socketSettings + i).initialize(to: settings)
                hasSockets.insert(i)
                clusters[i].sockets = Int32(i)
            }
        }
        for (base, position) in highPositions.enumerated() where position >= 0 {
            clusters[Int(position)].base = Int32(base)
        }
        var names = [ListenerName](repeating: ListenerName(statName: ""), count: rowCount)
        var headBytes = 60 * 1024
        var headerFields = 100
        var (chainLength, addedHeaders) = (0, 0)
        var further = bootstrap.listeners.count
        let context = RowContext(
            clusters: clusterNames, shares: shares, faultCells: faultCells, rateLimits: rateLimits,
            memberships: memberships, classes: requestClasses, sinks: logSinks.positions, node: bootstrap.node)
        for (position, listener) in bootstrap.listeners.enumerated() {
            var chains: [Int32] = []
            let limit = shares.makeNumber(.max, key: RuntimeKeys.connectionLimit(of: listener.name))
            for chain in listener.allChains.indices {
                let i = chains.isEmpty ? position : further
                if !chains.isEmpty { further += 1 }
                chains.append(Int32(i))
                let row = Self.row(listener, chain, position: position, limit: limit, context)
                (listeners + i).initialize(to: row.compiled)
                names[i] = row.name
                headBytes = max(headBytes, row.compiled.limits.bytes)
                headerFields = max(headerFields, row.compiled.limits.fields)
                chainLength = max(chainLength, row.filterCount)
                addedHeaders = max(addedHeaders, row.addedHeaders)
            }
            if let table = FilterChainTable(listener, positions: chains) {
                listeners[position].chains = UnsafeMutablePointer(mutating: keepForever(table))
            }
        }
        if mayHaveMoreListeners {
            // For those of others that come later.
            chainLength = max(chainLength, Self.spareFilters)
            addedHeaders = max(addedHeaders, Self.spareAddedHeaders)
        }
        listenerNames = names
        // As in Envoy, the runtime's old key counts for nothing beside the monitor.
        let monitored = bootstrap.overload?.maxConnections
        globalConnectionLimit = shares.makeNumber(
            monitored ?? .max, key: monitored == nil ? RuntimeKeys.globalConnectionLimit : "")
        requestClasses.fixRoom()
        rateLimits.fixRoom(mayHaveMoreListeners: mayHaveMoreListeners)
        maxFilters = chainLength
        maxAddedHeaders = addedHeaders
        maxHeadBytes = headBytes
        maxHeaderFields = headerFields
    }

    private static func hasMirrors(_ bootstrap: Bootstrap) -> Bool {
        if bootstrap.listenerSource != nil { return true }
        return bootstrap.listeners.lazy.flatMap(\.allChains).contains { chain in
            guard case .httpConnectionManager(let http) = chain.filter else { return false }
            // Those that come later may.
            if http.routeSource != nil { return true }
            return http.routes.virtualHosts.lazy.flatMap(\.routes).contains { route in
                if case .forward(let forward) = route.action { !forward.mirrors.isEmpty } else { false }
            }
        }
    }

    /// Of equal names, which only listeners on any free port have, the first.
    private static func positions(_ names: [String]) -> [String: Int] {
        Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    }

    static func text(_ address: Address) -> String {
        switch address {
        case .socket(let host, let port): return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .pipe(let path): return path
        }
    }

    /// Clusters with routes of priority HIGH, behind all others in their order.
    private static func highPositions(_ bootstrap: Bootstrap, _ clusters: [Cluster]) -> [Int32] {
        var names: Set<String> = []
        var isAny = false
        for listener in bootstrap.listeners {
            for chain in listener.allChains {
                guard case .httpConnectionManager(let http) = chain.filter else { continue }
                // Others may come.
                if http.routeSource != nil { isAny = true }
                for route in http.routes.virtualHosts.lazy.flatMap(\.routes) {
                    guard case .forward(let forward) = route.action, forward.priority == .high else { continue }
                    switch forward.cluster {
                    case .named(let name): names.insert(name)
                    case .weighted(let list): names.formUnion(list.map(\.name))
                    // Any may be asked for.
                    case .header: isAny = true
                    }
                }
            }
        }
        guard isAny || !names.isEmpty else { return [] }
        // Which there will be nobody knows.
        if bootstrap.clusterSource != nil || bootstrap.listenerSource != nil { isAny = true }
        var next = Int32(clusters.count)
        return clusters.map { cluster in
            guard isAny || names.contains(cluster.name) else { return -1 }
            next += 1
            return next - 1
        }
    }

    /// Main thread.
    func setName(at position: Int, _ name: String, _ statName: String) {
        configuredClusters[position] = name
        clusterStatNames[position] = statName
    }

    /// Finds clusters by the names that they have now, from the memory that is returned.
    func indexNames() -> KeptMemory {
        let (names, memory) = KeptMemory.collect {
            ClusterNames(Array(configuredClusters.prefix(mostClusters)), high: highPositions)
        }
        clusterPositions = names
        return memory
    }

    /// Where requests of priority HIGH to a cluster of the configuration are, nil: there are none.
    func high(of cluster: Int) -> Int? {
        highPositions.indices.contains(cluster) && highPositions[cluster] >= 0 ? Int(highPositions[cluster]) : nil
    }

    /// The cluster of the configuration that this one is.
    func base(of cluster: Int32) -> Int32 {
        let base = cluster >= 0 ? clusters[Int(cluster)].base : -1
        return base >= 0 ? base : cluster
    }

    /// Names the listener whose first row that is; empty: there is none any more. The workers are held.
    func setListener(at position: Int, _ name: String) {
        let old = configuredListeners[position]
        if listenerPositions[old] == position { listenerPositions[old] = nil }
        configuredListeners[position] = name
        if !name.isEmpty { listenerPositions[name] = position }
    }

    func forgetListener(at position: Int) { setListener(at: position, "") }

    func setName(row: Int, _ name: ListenerName) { listenerNames[row] = name }

    /// The position of a sink of a listener that comes, which may be new.
    func addSink(_ entry: LogSinks.Entry) { logSinks.add(entry) }

    /// What all workers together use of a cluster's limits.
    @inline(__always)
    func usage(of cluster: Int) -> ClusterUsage { ClusterUsage(cells: usageCells + cluster * ClusterUsage.stride) }

    /// A part of a stat name: `:` and `/` become `_` as Envoy does it.
    static func statName(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }) else { return text }
        let bytes = text.utf8.map { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Faults in force, by `stat_prefix`. Main thread.
final class FaultCells {
    private var cells: [String: UnsafeMutablePointer<UInt64>] = [:]

    func of(_ statPrefix: String) -> UnsafeMutablePointer<UInt64> {
        if let known = cells[statPrefix] { return known }
        let cell = sharedCell()
        cells[statPrefix] = cell
        return cell
    }
}

/// A configuration compiled for the workers.
public struct CompiledConfiguration: Sendable {
    let snapshot: Snapshot

    /// - Parameter localAddress: this host's own address, an IP literal, for `x-forwarded-for`.
    public init(_ bootstrap: Bootstrap, localAddress: String = "127.0.0.1") {
        snapshot = Snapshot(bootstrap, localAddress: localAddress)
    }
}
