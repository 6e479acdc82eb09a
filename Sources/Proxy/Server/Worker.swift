import CLinux
import Glibc
import StatCatalog
import Stats

/// Mutable scalars of a worker, in memory of their own: the worker object has only `let`s, so that no access is checked
/// for exclusivity at run time.
struct WorkerState: BitwiseCopyable {
    /// CLOCK_MONOTONIC, read once per turn of the loop.
    var nowNs: UInt64 = 0
    var running = true
    /// Stand still after this turn (`Worker+Park`).
    var parks = false
    /// It has waited before a gate since `runCommands` began.
    var wasHeld = false
    /// There are connections that came over at rest and have no timer yet.
    var hasResting = false
    /// CLOCK_MONOTONIC, nanoseconds: they are not registered before, 0: at once.
    var restUntilNs: UInt64 = 0
    var readyCount = 0
    var freedCount = 0
    var drain = DrainState()
    /// There are rows of listeners with a `drain`.
    var hasDrainingRows = false
    /// Every response asks its client to go away (`/healthcheck/fail`).
    var healthCheckFailed = false
    /// What the overload manager wants.
    var overload = OverloadState()
    /// The last attempt to accept found no descriptor or memory left.
    var acceptFails = false
    /// Accepting is paused until then, since there are no descriptors left (EMFILE). 0: not paused.
    var acceptPausedUntilNs: UInt64 = 0
    var random: (UInt64, UInt64) = (0, 0)
    /// `date` as last formatted, and for which second.
    var dateSecond: Int64 = -1
    var roundRobin: UInt32 = 0
    /// By what the last host was chosen in a cluster that `needsCare`.
    var hashKey = HashKey()
    /// The next connection's, and how far the one after it is: workers take turns.
    var connectionID: UInt64 = 0
    var connectionStride: UInt64 = 1
    /// Whether any listener has an access log.
    var hasLogs = false
    /// When lines of what goes on are looked for; 0: there is nothing that has some.
    var periodNs: UInt64 = 0
    var periodStepNs: UInt64 = .max
    /// The id that this request was said to have before its head went on; nil: none was.
    var keptIDStream: StreamPointer?
    var keptID: (UInt64, UInt64) = (0, 0)
    /// The request at hand, `Worker.current`, is one with filters.
    var isFiltering = false
    /// A head is written for filters, not for a host: what is said to the router stays in it.
    var keepsOrders = false
    /// `Worker.ordered` goes by what a proxy in front expects: the client's timeout goes on.
    var passesTimeout = false
}

struct DrainState: BitwiseCopyable {
    /// `rows`: only listeners that were replaced do.
    enum Mode: UInt8, BitwiseCopyable { case none, rows, gradual, immediate, finish }
    var mode = Mode.none
    var startNs: UInt64 = 0
    var lengthNs: UInt64 = 0
}

/// A cluster in one worker: which hosts there are now, and whose turn it is.
struct WorkerCluster: BitwiseCopyable {
    /// Those that are used: indices into the worker's host slab.
    var hosts: UnsafeMutablePointer<Int32>
    var hostCount = 0
    var next = 0
    /// The next host is not simply the next one: weights differ, it is chosen in panic, or the policy is another one.
    var needsCare = false
    /// All of them, in the order of the main thread's list.
    var members: UnsafeMutablePointer<Int32>
    var memberCount = 0
    /// Of a cluster that `needsCare`: what is chosen from, one level for each request.
    var levels = WorkerLevels()
    /// Levels without load, for requests that are sent again elsewhere.
    var others = WorkerLevels()
    /// Hosts whose turn it will be, and that have got connections for it already.
    var ahead = HostsAhead()
}

/// One event loop on one thread: it owns its connections, its streams and its upstream pools, and shares nothing with
/// other workers. The rest of its behaviour is in extensions, one file a subject:
/// `Worker+Loop`, `+Accept`, `+ListenerFilter`, `+FilterChain`, `+Write`, `+Close`, `+Timeouts`, `HTTP/Worker+Downstream`, `HTTP/Worker+Upstream`, `TCP/`.
///
/// Only its own thread touches it after `run()` has begun; the main thread speaks to it through `mailbox`.
final class Worker: @unchecked Sendable {
    let index: Int
    let snapshot: Snapshot
    let mailbox: WorkerMailbox
    let epoll: Int32
    let state: UnsafeMutablePointer<WorkerState>
    /// Downstream connections: a cell that the main thread reads too (`downstreamCount`).
    let downstreams: UnsafeMutablePointer<UInt64>
    let connections: Slab<Connection>
    let streams: Slab<Stream>
    let hosts: Slab<HostPool>
    let retries: Slab<RetryState>
    let addresses: Slab<ClientAddresses>
    /// What is added to answers for cookies that were given.
    let cookies: Slab<ByteBuffer>
    /// Of requests that wait for a filter, or in which a fault is in force.
    let filterStates: Slab<FilterState>
    /// Of connections with a limit of their own.
    let buckets: Slab<ConnectionBucket>
    /// Of requests whose answers are followed.
    let redirects: Slab<RedirectState>
    /// Of copies of requests that are not complete.
    let mirrors: Slab<MirrorState>
    let idleByClient: IdleByClient
    let wheel: TimerWheel
    let clusters: UnsafeMutablePointer<WorkerCluster>
    let listenerStats: UnsafeMutablePointer<ListenerStats>
    let clusterStats: UnsafeMutablePointer<ClusterStats>
    /// The same of all workers together.
    let activity: ClusterActivity
    /// Where sockets are read into: what was left over is put in front.
    let readBuffer: UnsafeMutablePointer<UInt8>
    let readCapacity: Int
    /// Bytes on their way to one connection, gathered so that they go out in one call.
    let out: OutputScratch
    /// A head that has become longer than it was received.
    let movedHead = OutputScratch(capacity: 64)
    /// The value of a header that a route adds, and changes that a stream is to keep.
    let changedValue = OutputScratch(capacity: 64)
    let keptChanges = OutputScratch(capacity: 64)
    /// The head of a request that filters have changed, or kept.
    let filteredHead = OutputScratch(capacity: 64)
    /// What the filter that answers adds to its answer, and what filters do to a response that its request had passed before it
    /// waited: both as `KeptChanges`.
    let answerChanges = OutputScratch(capacity: 64)
    let passedChanges = OutputScratch(capacity: 64)
    /// The request that has filters (`WorkerState.isFiltering`), and what each of them has noted of it.
    let current: UnsafeMutablePointer<Filtered>
    let hostnames = HostNames()
    /// A route as the request at hand wants it (`Worker+RequestOrders`), and what it names.
    let ordered: UnsafeMutablePointer<CompiledRoute>
    let orderedRetry: UnsafeMutablePointer<CompiledRetry>
    let orderedTimeout = OutputScratch(capacity: 64)
    /// Names of headers of responses that the request wants to be asked for again.
    let orderedNames = OutputScratch(capacity: 64)
    /// All of its body, if a filter has waited for that.
    let gatheredBody: UnsafeMutablePointer<ByteBuffer>
    let filterNotes: UnsafeMutablePointer<FilterNote>
    let rateLimitStats: UnsafeMutablePointer<CounterGroup<LocalRateLimitCounter>>
    let connectionRateStats: UnsafeMutablePointer<CounterGroup<ConnectionRateCounter>>
    /// What is counted for requests beside their cluster.
    let requestClasses: RequestClassCells
    /// The body of an answer that `local_reply_config` changes.
    let replyBody = OutputScratch(capacity: 64)
    /// What of a request goes to the hosts of its copies too.
    let copied = OutputScratch(capacity: 64)
    /// Small messages that go out at the end of the turn.
    let outbox: UnsafeMutablePointer<Outbox>
    /// What events of a turn brought, received before the first of them is used.
    let inbox: UnsafeMutablePointer<Inbox>
    let requestHead: UnsafeMutablePointer<MessageHead>
    let responseHead: UnsafeMutablePointer<MessageHead>
    let events: UnsafeMutablePointer<epoll_event>
    let ready: UnsafeMutablePointer<ReadyEntry>
    let freed: UnsafeMutablePointer<Int32>
    let date: UnsafeMutablePointer<UInt8>
    let listening: ListeningSet
    let rareStatus: RareStatus
    let parking = Parking()
    let accessLog: WorkerLog
    /// Connections of all workers.
    let open: OpenConnections
    /// Keeps the memory in which the outcomes of hosts are counted.
    let cellKeeper = CellKeeper()
    /// Keeps what hosts are chosen by.
    let balanceKeeper = BalanceKeeper()
    /// Hosts that clients have named.
    let originalHosts = OriginalHosts()
    let hooks: WorkerHooks

    struct ReadyEntry: BitwiseCopyable {
        var slot: Int32
        var generation: UInt32
    }

    static let eventCapacity = 256
    static let maxConnections = 1 << 20
    /// What is read from a socket at once: four times 64 KB cost a quarter less for large bodies (docs/performance.md).
    static let readChunk = 256 * 1024
    /// The same where heads come, and so what a client may have sent ahead of its turn.
    static let headChunk = 64 * 1024
    /// How often one connection is read before others have their turn.
    static let readTurns = 4

    /// What is read of a body: not much more than may be kept when it cannot be sent.
    @inline(__always)
    static func bodyChunk(_ c: ConnectionPointer) -> Int { min(readChunk, max(headChunk, Int(c.pointee.bufferLimit))) }

    init(
        index: Int, of workers: Int, snapshot: Snapshot, stats: DataPlaneStats, writer: StatsWriter, hooks: WorkerHooks,
        accessLog: AccessLogWriter?, files: FilesystemCells, open: OpenConnections
    ) throws(SystemError) {
        self.index = index
        self.snapshot = snapshot
        self.hooks = hooks
        self.open = open
        mailbox = try WorkerMailbox()
        let epoll = cl_epoll_create()
        guard epoll >= 0 else { throw SystemError(call: "epoll_create1", code: -epoll) }
        self.epoll = epoll
        let rc = cl_epoll_add(epoll, mailbox.descriptor, Epoll.input, Self.mailboxToken)
        guard rc >= 0 else { throw SystemError(call: "epoll_ctl", code: -rc) }
        let now = cl_monotonic_ns()
        state = .allocate(capacity: 1)
        state.initialize(to: WorkerState())
        downstreams = .allocate(capacity: 1)
        downstreams.initialize(to: 0)
        state.pointee.nowNs = now
        state.pointee.random = Self.seed()
        state.pointee.connectionID = UInt64(index)
        state.pointee.connectionStride = UInt64(max(workers, 1))
        state.pointee.hasLogs = !snapshot.logSinks.entries.isEmpty || snapshot.rowCount > snapshot.chainCount
        self.accessLog = WorkerLog(accessLog, cells: files, limit: 2 * Self.maxConnections)
        connections = Slab(empty: Connection(), limit: Self.maxConnections)
        streams = Slab(empty: Stream(), limit: Self.maxConnections)
        hosts = Slab(empty: HostPool(), limit: 1 << 20)
        retries = Slab(empty: RetryState(), limit: Self.maxConnections)
        addresses = Slab(empty: ClientAddresses(), limit: Self.maxConnections)
        cookies = Slab(empty: ByteBuffer(), limit: Self.maxConnections)
        filterStates = Slab(empty: FilterState(), limit: Self.maxConnections)
        buckets = Slab(empty: ConnectionBucket(), limit: Self.maxConnections)
        redirects = Slab(empty: RedirectState(), limit: Self.maxConnections)
        mirrors = Slab(empty: MirrorState(), limit: Self.maxConnections)
        current = .allocate(capacity: 1)
        ordered = .allocate(capacity: 1)
        ordered.initialize(to: CompiledRoute.none)
        orderedRetry = .allocate(capacity: 1)
        orderedRetry.initialize(to: CompiledRetry())
        gatheredBody = .allocate(capacity: 1)
        gatheredBody.initialize(to: ByteBuffer())
        filterNotes = .allocate(capacity: max(snapshot.maxFilters, 1))
        rateLimitStats = stats.resolveRateLimits(writer)
        connectionRateStats = stats.resolveConnectionRates(writer)
        requestClasses = stats.requestClasses.resolve(writer)
        idleByClient = IdleByClient(
            isUsed: snapshot.spareClusters > 0
                || (0..<snapshot.clusterCount).contains { snapshot.clusters[$0].proxyVersion != nil })
        wheel = TimerWheel(nowNs: now)
        clusters = .allocate(capacity: max(snapshot.clusterCount, 1))
        for i in 0..<snapshot.clusterCount {
            (clusters + i).initialize(to: WorkerCluster(hosts: .allocate(capacity: 1), members: .allocate(capacity: 1)))
            if snapshot.clusters[i].balancing.policy == .originalDst { clusters[i].needsCare = true }
        }
        (listenerStats, clusterStats) = stats.resolve(worker: index, writer)
        activity = stats.activity
        readCapacity = snapshot.maxHeadBytes + 2 * Self.readChunk
        readBuffer = .allocate(capacity: readCapacity + MessageHead.slack)
        readBuffer.initialize(repeating: 0, count: readCapacity + MessageHead.slack)
        out = OutputScratch(capacity: 2 * snapshot.maxHeadBytes + 2 * Self.readChunk)
        outbox = .allocate(capacity: 1)
        outbox.initialize(to: Outbox())
        inbox = .allocate(capacity: 1)
        inbox.initialize(to: Inbox())
        requestHead = .allocate(capacity: 1)
        requestHead.initialize(to: MessageHead(capacity: snapshot.maxHeaderFields + 1 + snapshot.maxAddedHeaders))
        responseHead = .allocate(capacity: 1)
        responseHead.initialize(to: MessageHead(capacity: snapshot.maxHeaderFields + 1))
        events = .allocate(capacity: Self.eventCapacity)
        events.initialize(repeating: epoll_event(), count: Self.eventCapacity)
        ready = .allocate(capacity: Self.readyCapacity)
        freed = .allocate(capacity: Self.readyCapacity)
        date = .allocate(capacity: 32)
        date.initialize(repeating: 0, count: 32)
        listening = ListeningSet()
        rareStatus = RareStatus()
    }

    static let mailboxToken: UInt64 = 0xFFFF_FFFF_0000_0000
    static let listenerToken: UInt64 = 0xFFFF_FFFE_0000_0000
    static let readyCapacity = maxConnections

    private static func seed() -> (UInt64, UInt64) {
        var generator = SystemRandomNumberGenerator()
        return (generator.next() | 1, generator.next())
    }

    /// Downstream connections alive. Safe from any thread.
    var downstreamCount: Int { Int(cl_load_relaxed(downstreams)) }

    /// xorshift128+: request ids and the gradual drain's dice. Seeded from the system's generator; not for secrets.
    func random() -> UInt64 {
        var a = state.pointee.random.0
        let b = state.pointee.random.1
        state.pointee.random.0 = b
        a ^= a << 23
        a ^= a >> 17
        a ^= b ^ (b >> 26)
        state.pointee.random.1 = a
        return a &+ b
    }
}

/// What a worker tells the main thread. The closures hop to it.
struct WorkerHooks: Sendable {
    /// The last downstream connection of this worker is gone.
    var drained: @Sendable (_ worker: Int) -> Void
    /// A status code that has no cell yet.
    var needStatus: @Sendable (_ worker: Int, RareStatusKey) -> Void
    /// A cluster whose stats are not made yet is used, and a worker waits.
    var needClusterStats: @Sendable (_ cluster: Int) -> Void
    /// The worker has left its loop.
    var ended: @Sendable () -> Void
    /// Something about a host that the main thread must know.
    var hostEvent: @Sendable (_ cluster: Int32, _ host: UInt64, HostEvent) -> Void
    /// A cluster of type ORIGINAL_DST has a host in this worker that it had not.
    var originalHost: @Sendable (_ cluster: Int32, PeerAddress) -> Void
    /// Something of a cluster's circuit breakers is to be looked at.
    var limitReached: @Sendable (_ cluster: Int32) -> Void
    var log: @Sendable (_ message: String) -> Void
}
