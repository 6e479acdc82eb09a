import CLinux
import HotRestart
import ProxyConfig

/// The listening sockets of one listener: one shared by all workers, or a group of SO_REUSEPORT members.
public struct ListenerSockets: Sendable {
    /// Its first row in `Snapshot.listeners`: of one of the configuration, its position there.
    public var listener: Int
    public var members: [Member]
    public struct Member: Sendable {
        public var descriptor: Int32
        /// The worker that accepts from it; nil: every worker does (EPOLLEXCLUSIVE).
        public var worker: Int?
        public init(descriptor: Int32, worker: Int?) {
            self.descriptor = descriptor
            self.worker = worker
        }
    }
    public init(listener: Int, members: [Member]) {
        self.listener = listener
        self.members = members
    }
}

/// One address of a cluster, as DNS or the configuration gave it.
public struct UpstreamHost: Sendable {
    public var address: cl_address
    /// The endpoint's `hostname`, or the DNS name it came from; may be empty.
    public var hostname: String
    public var weight: UInt32
    /// Position of its endpoint in the configuration of the cluster, -1: unknown.
    var endpoint = -1
    /// Where its outcomes are counted; nil: nowhere.
    var cells: HostCells?
    /// How many requests it has; nil: nobody asks.
    var load: HostLoad?
    /// `Endpoint.labels`; known only to workers.
    var labels = ""
    var isCanary = false
    /// `EndpointGroup.priority`; known only to workers.
    var priority: UInt32 = 0
    /// For `/clusters`.
    var health = HealthFlags()
    var configuredHealth = EndpointHealth.unknown
    public init(address: cl_address, hostname: String = "", weight: UInt32 = 1, endpoint: Int = -1) {
        self.address = address
        self.hostname = hostname
        self.weight = weight
        self.endpoint = endpoint
    }
}

/// How connections are asked to go away.
public enum Drain: Sendable, Equatable {
    /// The chance that a response carries `Connection: close` grows from 0 to 1 over the given time.
    case gradual(overMs: UInt64)
    /// Every response from now on carries `Connection: close`; idle connections stay.
    case immediate
    /// Everything ends now.
    case close
    /// As `immediate`, and idle connections get `graceMs` in which a request is still answered with `Connection: close`,
    /// are then half-closed, lingered on, and closed.
    case finish(graceMs: UInt64)
}

/// The workers as the main thread sees them. All calls are made from the main thread; completions run on it.
public protocol DataPlane: AnyObject {
    /// Makes the worker threads. Nothing is accepted yet.
    func start() throws
    /// Accepts from these sockets from now on (again after `stopAccepting`: every listener whose sockets are given).
    func startAccepting(_ sockets: [ListenerSockets])
    /// Takes listening sockets out of every worker's epoll set; `done` runs when all have. The descriptors stay open.
    ///
    /// - Parameters:
    ///   - listeners: their positions, see `ListenerSockets`; nil: all.
    ///   - closing: the sockets are about to be closed, so what waits in their queues is accepted now: a close would
    ///     reset it.
    func stopAccepting(listeners: [Int]?, closing: Bool, _ done: @escaping () -> Void)
    func drain(_ drain: Drain)
    /// Whether every response asks its client to go away, without a drain.
    func failHealthCheck(_ fails: Bool)
    /// What the overload manager wants (`OverloadState`).
    func overload(_ word: UInt64)
    /// Connections of clients that were refused since there are too many of all listeners.
    var refusedConnections: UInt64 { get }
    /// Serving goes on as if no drain had been asked for.
    func cancelDrain()
    /// Gives what workers have of access logs to the thread that writes them; `done` runs when all have.
    func flushLogs(_ done: @escaping () -> Void)
    /// Replaces the hosts of a cluster (position in `Bootstrap.clusters`) in every worker. `selection` nil: all are used.
    func publish(hosts: [UpstreamHost], selection: HostSelection?, cluster: Int)
    /// Changes which of them are used.
    func select(_ selection: HostSelection?, cluster: Int)
    /// A host has become unhealthy: its connections at rest are closed, those in use after their response, tunnels if
    /// `closesTunnels`.
    func hostFailed(_ address: cl_address, cluster: Int, closesTunnels: Bool)
    /// Lets hosts of a cluster of type ORIGINAL_DST go that nobody wants; `done` gets their addresses, once for each worker
    /// that had them.
    func cleanOriginalHosts(cluster: Int, _ done: @escaping ([cl_address]) -> Void)
    /// Whether there has ever been a connection to the cluster.
    func hasTraffic(cluster: Int) -> Bool
    /// What a cluster uses of the limits of a priority, nil: nobody uses that priority. What changes later is told.
    func limitUse(cluster: Int, _ priority: RequestPriority) -> LimitUse?
    /// Parent: what goes with the connections. Child: what has come with them.
    var hostHealth: [UInt8] { get set }
    /// Downstream connections alive in all workers.
    var connectionCount: Int { get }
    /// Runs on the main thread when `connectionCount` has become 0 (and at once if it is).
    func whenEmpty(_ done: @escaping () -> Void)
    // MARK: Moving connections

    /// Stops every worker between two turns of its loop; `done` runs on the main thread when all stand.
    func park(_ done: @escaping () -> Void)
    /// Lets parked workers go on as if nothing had happened.
    func resumeParked()
    /// Parent, parked: descriptors to pass before the freeze.
    func beginAhead()
    func nextAhead(limit: Int, withRecords: Bool) -> (record: [UInt8], descriptors: [Int32])?
    /// Child, parked: takes them.
    func adoptAhead(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> String?
    /// Parent, parked: writes all connections as records; see `WorkerPool`.
    func exportConnections(
        descriptorLimit: Int, pieceBytes: Int, pieceDescriptors: Int,
        send: (_ bytes: UnsafeBufferPointer<UInt8>, _ descriptors: [Int32], _ isLast: Bool) -> Bool
    ) -> ConnectionExport?
    func readAnswer(_ bytes: [UInt8], _ export: inout ConnectionExport) -> String?
    /// Parent, parked: lets go what the child has; the workers go on.
    func forgetMoved(_ export: ConnectionExport)
    /// Parent, parked: ends what is lost with a dead child; the workers go on.
    func closeLost(_ export: ConnectionExport)
    /// Child, parked: takes records and descriptors.
    func adoptConnections(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> String?
    func connectionAnswer() -> (answer: [UInt8], problem: String?)
    /// Child, parked: puts what was adopted into the gauges.
    func countAdopted()
    /// Child, parked: serves what was adopted; the workers go on.
    func activateConnections()
    /// Child, parked: forgets what was adopted.
    func dropConnections()

    /// Whether there are clusters without stats.
    var hasStatsToMake: Bool { get }
    /// Makes the stats of a cluster that has none yet, and of which no worker has needed them; returns which that was, nil:
    /// all have.
    func makeNextStats() -> Int?

    /// Closes everything and joins the threads.
    func shutdown()
}
