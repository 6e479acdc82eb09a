import CLinux
import Synchronization

/// What the main thread tells a worker. Commands are rare: a lock and an eventfd are fine here.
enum WorkerCommand: Sendable {
    /// Accept from these descriptors; `exclusive` when other workers do so too.
    case listen(listener: Int, descriptor: Int32, exclusive: Bool)
    /// Stop accepting: these listeners, or all of them when nil; when they are to be closed, what waits is accepted
    /// first. `done` runs on the worker.
    case unlisten(listeners: [Int]?, closing: Bool, done: @Sendable () -> Void)
    case hosts(cluster: Int, [UpstreamHost], HostSelection?)
    /// Which hosts of a cluster are used; nil: all.
    case select(cluster: Int, HostSelection?)
    /// A host has become unhealthy: connections to it are let go.
    case hostFailed(cluster: Int, cl_address, closesTunnels: Bool)
    case cleanOriginalHosts(cluster: Int, done: @Sendable ([cl_address]) -> Void)
    case drain(Drain)
    case cancelDrain
    /// Connections of these rows of `Snapshot.listeners` end now.
    case closeRows(Set<Int>)
    case failHealthCheck(Bool)
    /// What the overload manager has measured (`OverloadState`).
    case overload(word: UInt64)
    /// Lines of access logs go to the thread that writes them.
    case flushLogs(done: @Sendable () -> Void)
    /// The cell of a rare status code, made by the main thread.
    case statusCell(RareStatusKey, StatusCell)
    /// Stand still after this turn of the loop; `parked` runs on the worker once it does.
    case park(parked: @Sendable () -> Void)
    /// A step for the parked worker's own thread.
    case whileParked(@Sendable (Worker) -> Void)
    /// Go on.
    case resume
    /// Wait at once until the gate is open; `arrived` runs on the worker before.
    case hold(Gate, arrived: @Sendable () -> Void)
    case stop
}

/// `upstream_rq_<status>` of a cluster, or of its `external.`/`internal.` part, or of a class of requests.
struct RareStatusKey: Hashable, Sendable {
    enum Part: UInt8, Sendable { case all, external, inside, retry, requestClass }
    /// Position of the cluster, or of the class.
    var cluster: Int32
    /// Of `retry` also a class (`5`), and 0 for all of them.
    var status: UInt16
    var part: Part
}

/// Commands on their way to a worker.
final class WorkerMailbox: Sendable {
    private let queue = Mutex<[WorkerCommand]>([])
    /// Readable when there are commands.
    let descriptor: Int32

    init() throws(SystemError) {
        let fd = cl_eventfd()
        guard fd >= 0 else { throw SystemError(call: "eventfd", code: -fd) }
        descriptor = fd
    }

    deinit { _ = cl_close(descriptor) }

    func post(_ command: WorkerCommand) {
        let isFirst = queue.withLock { commands in
            commands.append(command)
            return commands.count == 1
        }
        // Whoever posted the first of those that wait has signalled, or is about to.
        if isFirst { cl_eventfd_signal(descriptor) }
    }

    func take() -> [WorkerCommand] {
        cl_eventfd_drain(descriptor)
        return queue.withLock { commands in
            let taken = commands
            commands = []
            return taken
        }
    }
}
