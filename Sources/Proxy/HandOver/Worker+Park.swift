import CLinux
import Glibc

/// What a worker keeps for the time in which it stands still. Few and rare: a class with references is fine here.
final class Parking {
    /// Runs on the worker once it stands.
    fileprivate(set) var parked: (@Sendable () -> Void)?
    /// What was told meanwhile, in order.
    var deferred: [WorkerCommand] = []
    /// Connections that came over and are not served yet.
    var adopted: [AdoptedUnit] = []
    /// Of those that are served: connections at rest that have no timer yet.
    var resting: [Worker.ReadyEntry] = []
}

/// Standing still for a hand-over: a parked worker touches nothing and polls nothing, so that the main thread may read
/// and change what it owns. Its epoll set goes on noting events (edge-triggered), and none is lost.
extension Worker {
    func requestPark(_ parked: @escaping @Sendable () -> Void) {
        parking.parked = parked
        state.pointee.parks = true
    }

    /// Called between two turns of the loop.
    @inline(never)
    func park() {
        state.pointee.parks = false
        sendOutbox()
        // The other process may write lines of the same requests soon.
        accessLog.flush(byTimer: false)
        let parked = parking.parked
        parking.parked = nil
        parked?()
        while let resume = waitForResume() { resume(self) }
        state.pointee.nowNs = cl_monotonic_ns()
        let commands = parking.deferred
        parking.deferred = []
        for command in commands { execute(command) }
        if state.pointee.wasHeld { runCommands() }
    }

    /// Steps that the main thread wants to be done while the worker stands, nil when it goes on.
    private func waitForResume() -> ((Worker) -> Void)? {
        while true {
            var commands = parking.deferred
            parking.deferred = []
            commands += mailbox.take()
            for (i, command) in commands.enumerated() {
                switch command {
                case .whileParked(let step):
                    parking.deferred = commands.enumerated().filter { $0.offset != i }.map(\.element)
                    state.pointee.nowNs = cl_monotonic_ns()
                    return step
                case .resume:
                    commands.remove(at: i)
                    parking.deferred = commands
                    return nil
                case .stop:
                    parking.deferred = commands
                    return nil
                default: break
                }
            }
            parking.deferred = commands
            var entry = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, -1)
        }
    }
}
