import CLinux
import Glibc

/// A server's part in hot restarts that take over its listening sockets: all of the protocol, for a server that keeps its
/// open connections and lets them finish.
///
///     let handOver = try ListenerHandOver(path: "/run/echo.restart")      // asks the serving process, if there is one
///     let socket = try handOver.listen("0.0.0.0", port: 7)                // its listening socket, or a new one
///     // … start what accepts from `socket`, but let it not accept yet …
///     try handOver.serve { duty in … }                                    // takes over, serves, hands over
///
/// `serve` waits on the thread that calls it, and calls its closure there: when to accept, when not to, when to close.
/// It returns when the sockets are a successor's for good, or after `StopSwitch.stop()`; then let the open connections
/// finish, and exit. At every instant at most one process accepts, and no connection is refused or lost in between: new ones
/// wait in the kernel's queue, which both processes have.
///
/// The process that was taken over stands by for `Options.standbyNs` with its sockets open. It serves again if its successor
/// dies, and is told before the successor stops on purpose.
///
/// A server that has an event loop for this, passes state or moves connections drives `ChildSession` and `ParentSession`
/// itself. Not thread safe, but for `stopSwitch`.
public final class ListenerHandOver {
    /// What may be other than usual.
    public struct Options {
        /// Product version, as people read it: the other process may log it.
        public var version = ""
        /// Which service this is: a process of another one is refused.
        public var baseID: UInt64 = 0
        /// Permissions of the socket file.
        public var socketMode: UInt32 = 0o600
        /// Connections that may wait in the queue of a socket that `listen` opens.
        public var backlog: Int32 = 1024
        /// For how long the process that was taken over stands by, in nanoseconds.
        public var standbyNs: UInt64 = 10_000_000_000
        /// How long each side waits for the other.
        public var limits = Limits()
        /// Gets a line for the log: what happened and was not asked for by this process.
        public var log: (String) -> Void = { _ in }
        /// For tests of this package: called beside each step of taking over, `before:storeCommitted`.
        package var step: ((String) -> Void)?

        /// Every option at its usual value.
        public init() {}
    }

    /// As given; a leading `@` means the abstract name space.
    public let path: String
    /// As given.
    public let options: Options
    /// Makes `serve` return; for any thread.
    public let stopSwitch: StopSwitch
    /// The process that this one takes, or took, the place of; nil after a cold start.
    public internal(set) var predecessor: Welcome?
    /// How many processes of this chain served before this one.
    public var epoch: UInt64 { predecessor.map { $0.epoch &+ 1 } ?? 0 }

    /// A listening socket that this process has.
    struct Listener {
        var name: String
        var descriptor: OwnedDescriptor
    }

    enum Role { case starting, serving, standby, over }

    let startTimeNs = cl_realtime_ns()
    var role = Role.starting
    var restartSocket: RestartSocket?
    /// The link to the process whose place is taken, which stands by later on.
    var older: OlderSide?
    /// The link to the process that takes this one's place.
    var newer: NewerSide?
    /// What came over and was not asked for yet.
    var received: [ReceivedListener] = []
    var listeners: [Listener] = []
    var failure: ChildSession.Failure?
    var perform: (ListenerDuty) -> Void = { _ in }
    var stopRequested = false
    /// When the standby is told to exit.
    var standbyEndNs: UInt64?
    /// Not before that time the restart socket is looked at again: a process without descriptors would only spin.
    var nextAcceptNs: UInt64 = 0

    /// Asks the process that serves at `path` for its listening sockets, and waits until they have come. That process goes
    /// on serving until `serve` is called here, and goes on for good if this one ends before. Without such a process this
    /// one is the first: it listens at `path`.
    ///
    /// Throws when the path cannot be used, when the serving process is another user's, does not answer in time or refuses.
    /// A process that ends while it is asked is no error.
    public init(path: String, options: Options = Options()) throws(ListenerHandOverError) {
        self.path = path
        self.options = options
        stopSwitch = try StopSwitch()
        let end = cl_monotonic_ns() + options.limits.greeting
        while true {
            do throws(ListenerHandOverError) {
                if let channel = try connect(deadlineNs: end) { try ask(channel) }
                return
            } catch {
                // Its end, or another one's start, came in between: what is there now?
                guard error.isPassing, cl_monotonic_ns() < end else { throw error }
                usleep(2000)
            }
        }
    }

    /// A listening TCP socket at that address: the one that came over, or a new one. `ip` is an IPv4 or IPv6 literal, port
    /// 0 means any free one. Sockets are matched by what is asked for, not by what they are bound to: who asks for port 0
    /// gets the predecessor's for which that one had asked so.
    ///
    /// The result is the caller's, who closes it; it does not block and is close-on-exec. Throws `.listen`.
    public func listen(_ ip: String, port: UInt16) throws(ListenerHandOverError) -> Int32 {
        let name = ip.utf8.contains(UInt8(ascii: ":")) ? "[\(ip)]:\(port)" : "\(ip):\(port)"
        let descriptor: OwnedDescriptor
        if let known = listeners.first(where: { $0.name == name }) {
            descriptor = known.descriptor
        } else if let inherited = received.firstIndex(where: { $0.record.address == name }) {
            descriptor = received.remove(at: inherited).descriptor
            listeners.append(Listener(name: name, descriptor: descriptor))
        } else {
            descriptor = try ListeningSocket.open(ip, port: port, name: name, backlog: options.backlog)
            listeners.append(Listener(name: name, descriptor: descriptor))
        }
        let copy = cl_dup(descriptor.raw)
        guard copy >= 0 else { throw .listen(address: name, code: -copy) }
        return copy
    }

    /// Takes over, serves, hands over to the next process that asks, and stands by for it. Returns when this process has
    /// closed its sockets, and may exit as soon as its connections have finished.
    ///
    /// Throws `.handOver` when the predecessor did not let go; nothing was accepted then, and that process goes on.
    ///
    /// - Parameter perform: does what it is told, and returns when it is done.
    public func serve(_ perform: @escaping (ListenerDuty) -> Void) throws(ListenerHandOverError) {
        self.perform = perform
        defer { end() }
        if older == nil {
            role = .serving
            perform(.accept)
        } else {
            feedOlder(.built)
        }
        while role != .over {
            if let failure { throw .handOver(failure) }
            turn()
        }
    }

    /// Frees what is left. A link that still waits for the other side's end says all that it can by ending.
    private func end() {
        role = .over
        older?.link.close()
        newer?.link.close()
        older = nil
        newer = nil
        received = []
        listeners = []
        restartSocket?.close()
        restartSocket = nil
        perform = { _ in }
    }
}

/// What a server has to do for its listening sockets.
public enum ListenerDuty: Hashable, Sendable {
    /// Accept connections from all that are open.
    case accept
    /// Accept from none: no more when this is done. The sockets stay open, and so do the connections.
    case pause
    /// Close these listening sockets, called by what `listen` was asked for ("127.0.0.1:7", "[::1]:7"). Open connections go
    /// on.
    case close([String])
}
