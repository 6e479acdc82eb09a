import CLinux
import Glibc
import ProxyConfig
import Stats
import Synchronization

/// The real data plane: one `Worker` a thread. Used from the main thread only.
public final class WorkerPool: DataPlane {
    let workers: [Worker]
    let snapshot: Snapshot
    let stats: DataPlaneStats
    let writers: [StatsWriter]
    let mailbox: MainMailbox
    let open: OpenConnections
    /// Clusters that only finish what came from a predecessor, behind the configured ones.
    var goneClusters: [TransactionRecord.Name] = []
    /// What requests of a predecessor are counted by, and the configuration has no more.
    var goneClasses = 0
    /// The connections that are coming over.
    var incoming: ConnectionImport?
    let ahead = AheadTable()
    /// Parent: up to which slot descriptors were passed ahead, by worker.
    var aheadCursors: [Int32] = []
    /// Parent: the records that went with them.
    let sentEarly = SentEarly()
    public var hostHealth: [UInt8] = []
    /// What a worker has to say of a host, on the main thread.
    var hostEvent: ((_ cluster: Int, _ host: UInt64, _ event: HostEvent) -> Void)?
    /// The circuit breakers of a cluster are to be looked at, on the main thread.
    var limitReached: ((_ cluster: Int) -> Void)?
    /// A worker has a host that its client has named, on the main thread.
    var originalHost: ((_ cluster: Int, _ address: PeerAddress) -> Void)?
    private var threads: [pthread_t] = []
    /// Before which workers wait, or will.
    var gates: [Gate] = []
    /// Workers that have left their loops.
    fileprivate var endedCount = 0
    private var emptyWaiters: [() -> Void] = []
    private let relay: PoolRelay

    /// - Parameters:
    ///   - concurrency: worker threads, at least 1.
    ///   - mailbox: how workers reach the main thread.
    ///   - log: called from workers.
    ///   - accessLog: who writes the lines of access logs; nil: nobody, they are dropped.
    ///   - earlyStats: how many clusters have their stats from the start; see `makeNextStats`.
    init(
        configuration: CompiledConfiguration, store: StatsStore, concurrency: Int, mailbox: MainMailbox,
        log: @escaping @Sendable (String) -> Void, accessLog: AccessLogWriter? = nil, earlyStats: Int = .max
    ) throws {
        let stats = DataPlaneStats(
            store: store, snapshot: configuration.snapshot, concurrency: concurrency, early: earlyStats)
        let relay = PoolRelay()
        let hooks = WorkerHooks(
            drained: { _ in mailbox.post { relay.pool?.checkEmpty() } },
            needStatus: { worker, key in mailbox.post { relay.pool?.makeStatus(worker, key) } },
            needClusterStats: { [wanted = stats.wanted] cluster in
                wanted.add(cluster)
                mailbox.post { relay.pool?.stats.makeWanted() }
            },
            ended: { mailbox.post { relay.pool?.endedCount += 1 } },
            hostEvent: { [snapshot = configuration.snapshot] cluster, host, event in
                mailbox.post { relay.pool?.hostEvent?(Int(snapshot.base(of: cluster)), host, event) }
            },
            originalHost: { [snapshot = configuration.snapshot] cluster, address in
                mailbox.post { relay.pool?.originalHost?(Int(snapshot.base(of: cluster)), address) }
            },
            limitReached: { [snapshot = configuration.snapshot] cluster in
                mailbox.post { relay.pool?.limitReached?(Int(snapshot.base(of: cluster))) }
            },
            log: log)
        let open = OpenConnections(workers: max(concurrency, 1), listeners: configuration.snapshot.rowCount)
        var writers: [StatsWriter] = []
        var workers: [Worker] = []
        for index in 0..<max(concurrency, 1) {
            let writer = store.makeWriter()
            writers.append(writer)
            workers.append(
                try Worker(
                    index: index, of: max(concurrency, 1), snapshot: configuration.snapshot, stats: stats,
                    writer: writer, hooks: hooks, accessLog: accessLog, files: FilesystemCells(store, writer),
                    open: open))
        }
        self.stats = stats
        snapshot = configuration.snapshot
        self.open = open
        self.writers = writers
        self.workers = workers
        self.mailbox = mailbox
        self.relay = relay
        relay.pool = self
    }

    public func start() throws {
        for worker in workers {
            var thread = pthread_t()
            let context = Unmanaged.passRetained(worker).toOpaque()
            let code = pthread_create(
                &thread, nil,
                { @Sendable context in
                    guard let context else { return nil }
                    let worker = Unmanaged<Worker>.fromOpaque(context).takeRetainedValue()
                    CrashReport.threadBegins("wrk:worker_\(worker.index)")
                    worker.run()
                    worker.hooks.ended()
                    return nil
                }, context)
            guard code == 0 else {
                Unmanaged<Worker>.fromOpaque(context).release()
                throw SystemError(call: "pthread_create", code: code)
            }
            threads.append(thread)
        }
    }

    public func startAccepting(_ sockets: [ListenerSockets]) {
        for listener in sockets {
            for member in listener.members {
                if let worker = member.worker {
                    workers[worker % workers.count].mailbox.post(
                        .listen(listener: listener.listener, descriptor: member.descriptor, exclusive: false))
                } else {
                    for worker in workers {
                        worker.mailbox.post(
                            .listen(
                                listener: listener.listener, descriptor: member.descriptor,
                                exclusive: workers.count > 1))
                    }
                }
            }
        }
    }

    public func stopAccepting(listeners: [Int]?, closing: Bool, _ done: @escaping () -> Void) {
        let pending = Countdown(workers.count, done)
        let mailbox = mailbox
        for worker in workers {
            worker.mailbox.post(
                .unlisten(listeners: listeners, closing: closing, done: { mailbox.post { pending.arrive() } }))
        }
    }

    public func drain(_ drain: Drain) { for worker in workers { worker.mailbox.post(.drain(drain)) } }

    public func failHealthCheck(_ fails: Bool) {
        for worker in workers { worker.mailbox.post(.failHealthCheck(fails)) }
    }

    public func overload(_ word: UInt64) { for worker in workers { worker.mailbox.post(.overload(word: word)) } }

    public var refusedConnections: UInt64 { open.refused }

    public func flushLogs(_ done: @escaping () -> Void) {
        let pending = Countdown(workers.count, done)
        let mailbox = mailbox
        for worker in workers { worker.mailbox.post(.flushLogs(done: { mailbox.post { pending.arrive() } })) }
    }

    public func cancelDrain() { for worker in workers { worker.mailbox.post(.cancelDrain) } }

    public func publish(hosts: [UpstreamHost], selection: HostSelection? = nil, cluster: Int) {
        for cluster in both(cluster) {
            for worker in workers { worker.mailbox.post(.hosts(cluster: cluster, hosts, selection)) }
        }
    }

    public func select(_ selection: HostSelection?, cluster: Int) {
        for cluster in both(cluster) {
            for worker in workers { worker.mailbox.post(.select(cluster: cluster, selection)) }
        }
    }

    public func hostFailed(_ address: cl_address, cluster: Int, closesTunnels: Bool) {
        for cluster in both(cluster) {
            for worker in workers {
                worker.mailbox.post(.hostFailed(cluster: cluster, address, closesTunnels: closesTunnels))
            }
        }
    }

    public func cleanOriginalHosts(cluster: Int, _ done: @escaping ([cl_address]) -> Void) {
        let mailbox = mailbox
        let sum = CollectedAddresses(both(cluster).count * workers.count, done)
        for cluster in both(cluster) {
            for worker in workers {
                worker.mailbox.post(
                    .cleanOriginalHosts(cluster: cluster, done: { gone in mailbox.post { sum.arrive(gone) } }))
            }
        }
    }

    public func hasTraffic(cluster: Int) -> Bool {
        let snapshot = workers[0].snapshot
        return cluster < snapshot.clusterCount
            && (snapshot.usage(of: cluster).hadConnection
                || snapshot.high(of: cluster).map { snapshot.usage(of: $0).hadConnection } == true)
    }

    /// A cluster of the configuration, and the same for requests of priority HIGH.
    func both(_ cluster: Int) -> [Int] {
        if let high = workers[0].snapshot.high(of: cluster) { [cluster, high] } else { [cluster] }
    }

    public func limitUse(cluster: Int, _ priority: RequestPriority) -> LimitUse? {
        let snapshot = workers[0].snapshot
        guard let position = priority == .high ? snapshot.high(of: cluster) : cluster, position < snapshot.clusterCount
        else { return nil }
        let limits = snapshot.clusters[position]
        let usage = snapshot.usage(of: position)
        usage.beginLook()
        var retries = UInt64(limits.maxRetries)
        if let budget = limits.retryBudget, budget.isOn {
            retries = budget.limit(active: stats.activity.requests(cluster: position) &+ usage.pending)
        }
        // Where requests are not counted there are never more than connections.
        let requests =
            limits.limitsRequests
            ? usage.requests : min(usage.connections, stats.activity.requests(cluster: position))
        return LimitUse(
            connections: .init(count: usage.connections, limit: UInt64(limits.maxConnections)),
            pending: .init(count: usage.pending, limit: UInt64(limits.maxPending)),
            requests: .init(count: requests, limit: UInt64(limits.maxRequests)),
            retries: .init(count: usage.retries, limit: retries))
    }

    public var connectionCount: Int { workers.reduce(0) { $0 + $1.downstreamCount } }

    public func whenEmpty(_ done: @escaping () -> Void) {
        emptyWaiters.append(done)
        checkEmpty()
    }

    public var hasStatsToMake: Bool { stats.hasMore }

    public func makeNextStats() -> Int? { stats.makeNext() }

    public func shutdown() {
        openGates()
        for worker in workers { worker.mailbox.post(.stop) }
        // Until its last turn a worker may wait for stats that are made here.
        while stats.hasMore, endedCount < threads.count {
            var waiting = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&waiting, 1, 1000)
            mailbox.run()
        }
        for thread in threads { pthread_join(thread, nil) }
        threads = []
        relay.pool = nil
    }

    fileprivate func checkEmpty() {
        guard !emptyWaiters.isEmpty, connectionCount == 0 else { return }
        let waiters = emptyWaiters
        emptyWaiters = []
        for done in waiters { done() }
    }

    fileprivate func makeStatus(_ worker: Int, _ key: RareStatusKey) {
        let counter = writers[worker].counter(stats.status(key))
        workers[worker].mailbox.post(.statusCell(key, StatusCell(counter: counter)))
    }
}

/// What worker hooks hold instead of the pool itself: the main thread alone looks inside.
private final class PoolRelay: @unchecked Sendable {
    weak var pool: WorkerPool?
}

/// Runs something once when a number of workers have answered; only the main thread counts.
final class Countdown: @unchecked Sendable {
    private var left: Int
    private let done: () -> Void
    init(_ count: Int, _ done: @escaping () -> Void) {
        left = count
        self.done = done
    }
    func arrive() {
        left -= 1
        if left == 0 { done() }
    }
}

/// What several workers have answered; only the main thread adds.
private final class CollectedAddresses: @unchecked Sendable {
    private var left: Int
    private var addresses: [cl_address] = []
    private let done: ([cl_address]) -> Void
    init(_ count: Int, _ done: @escaping ([cl_address]) -> Void) {
        left = count
        self.done = done
    }
    func arrive(_ more: [cl_address]) {
        addresses += more
        left -= 1
        if left == 0 { done(addresses) }
    }
}
