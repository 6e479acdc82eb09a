/// The serving process's side of a hand-over to one child: a pure state machine without I/O or clock.
///
/// The owner feeds it events and carries out the returned actions in their order. While a session lives, the owner does
/// not accept from the restart socket: a third process waits in its queue.
///
/// **Invariant.** At every instant at most one process accepts connections, and if any process lives one of them accepts,
/// is about to, or finds out within a time limit that it must:
/// - the parent stops accepting before it sends COMMIT, and the child accepts only after it has received COMMIT and
///   recorded it; new connections wait in the kernel's queue for that one round trip;
/// - up to COMMIT every failure is an abort: the parent goes on, and a child without COMMIT never serves beside a living
///   parent;
/// - once COMMIT was sent, the parent accepts again only after its owner has verified that the child is dead
///   (`.fence` → `.fenced`), however the link ended and whatever was said on it;
/// - live connections move only between processes that both announced it, all as one transaction. They stand still from
///   `.moveConnections` on; the parent touches them again only after `.thawConnections` or an unsuccessful child's
///   `.takeBack`, the child only after COMMIT, so that none ever has two servers. ABORT goes out before the thaw: a child
///   that has all records and finds the parent dead may go on with them only because no ABORT had come;
/// - the parent's duplicates of the listeners stay open until the child asks for their release, so that the kernel's
///   queues survive the death of either side.
public struct ParentSession: Hashable, Sendable {
    /// What happened.
    public enum Event: Hashable, Sendable {
        /// A child has connected.
        case start
        /// The child said this; descriptors of a child's are never wanted.
        case message(Message)
        /// A datagram that is no message.
        case malformed(MessageError)
        /// End of file or error on the link.
        case peerClosed
        /// A timer that `.setTimer` set has run out.
        case timer(SessionTimer)
        /// Answer to `.prepareOffer`. Include the restart socket itself, and the admin listener if it is to move.
        case offer(listeners: [OfferedListener], state: [StateRecord])
        /// Answer to `.releaseAdmin`.
        case adminReleased
        /// Answer to `.stopAccepting`: no worker accepts any more.
        case listenersStopped
        /// Answer to `.passAhead`.
        case passedAhead
        /// Answer to `.moveConnections`: every part was sent, the last one marked so.
        case connectionsSent
        /// One answer to `.checkPrepared`; the other is `.cancel`.
        case preparedAccepted
        /// Answer to `.fence`. `false` promises that the child is dead and that its slot does not say committed.
        case fenced(childCommitted: Bool)
        /// The owner has moved what it could and knows what stays.
        case handedOver(HandOverReport)
        /// Answer to `.releaseListeners`.
        case listenersReleased
        /// The owner wants no hand-over now. Without effect after COMMIT.
        case cancel(reason: String)
        /// A standby wants to exit: it has closed its duplicates, or the kernel will with the process.
        case leave
    }

    /// What the owner has to do.
    public enum Action: Hashable, Sendable {
        /// `descriptors` are borrowed from the offer.
        case send(Message, descriptors: [Int32])
        /// `.timer` is due in so many nanoseconds; replaces the same timer.
        case setTimer(SessionTimer, ns: UInt64)
        /// That timer is not due any more.
        case cancelTimer(SessionTimer)
        /// Close the link, after what was sent is written or given up.
        case close
        /// Collect listeners and state for this child, then `.offer`.
        case prepareOffer(Hello, RequestedParts)
        /// Stop serving admin and close its listener, then `.adminReleased`.
        case releaseAdmin
        /// Bind the admin listener again and serve it.
        case reclaimAdmin
        /// Every worker stops accepting (descriptors stay open), then `.listenersStopped`.
        case stopAccepting
        /// Undo `.stopAccepting`, also a half-finished one.
        case resumeAccepting
        /// Send descriptors of connections as `Message.ahead` while they are served, then `.passedAhead`. A connection that
        /// ends from here on is shut down, since a copy in the child would keep it open.
        case passAhead
        /// Take every live connection that can move out of its event loop, so that nobody reads or writes it, and send the
        /// records as `Message.connections` on the link, in parts of at most `ConnectionsPart.maximumBytes` with their
        /// descriptors, which stay open here. Then `.connectionsSent`, before anything else is read from the link. Stop
        /// when `.thawConnections` comes meanwhile.
        case moveConnections
        /// The child's whole answer to the records. `.preparedAccepted` if it will do, else `.cancel`.
        case checkPrepared([UInt8])
        /// Undo `.moveConnections`, also a half-finished one: every connection goes on where it stood. The link is closed
        /// already, with ABORT as its last message.
        case thawConnections
        /// Make sure of the child, then `.fenced`. See `Fence`.
        case fence(Fence, reason: String)
        /// The child serves: drain connections, stop health checks; then `.handedOver`. This process is the standby.
        /// Connections that were moved are the child's: close their descriptors and forget them, without a word to the
        /// peers (no `shutdown`).
        case committed
        /// The child is dead: serve again, from the duplicates. Without `childCommitted` everything is as before the
        /// hand-over, and moved connections thaw. With it they are lost, for the child may have gone on with them: drop
        /// those that `.committed` has not dropped already. Includes what `.resumeAccepting` does;
        /// `.reclaimAdmin` comes before it where the admin listener was given up.
        case takeBack(childCommitted: Bool, reason: String)
        /// Close the duplicates of these listeners (no names: all of them), then `.listenersReleased`.
        case releaseListeners(names: [String])
        /// The child stops on purpose; there is nothing left to take back.
        case childLeft
        /// The child wants this process to exit.
        case terminate
        /// The hand-over did not happen; this process goes on serving.
        case abort(reason: String)
        /// Worth a log line; nothing else.
        case warn(String)
    }

    /// How sure the owner must be before it answers `.fenced`.
    public enum Fence: Hashable, Sendable {
        /// Read the child's process slot. Committed: answer `true` and let the child live. Otherwise kill it through its
        /// pidfd, wait for its end, read the slot again and answer what it says.
        case verify
        /// Kill the child if it lives, wait for its end, read the slot and answer what it says.
        case kill
    }

    enum Phase: Hashable, Sendable {
        case awaitHello, awaitRequest, offering, awaitReady, passing, stopping
        /// The connections stand still and their records are on their way.
        case moving
        case awaitPrepared, checkingPrepared
        /// COMMIT was sent.
        case awaitCommitted
        case fencing
        /// The child serves, DONE is not sent.
        case draining
        case standby
        /// The child said BYE.
        case childLeaving
        case over
    }

    /// How this process introduces itself.
    public let welcome: Welcome
    /// Which service this is: a child with another one is refused.
    public let baseID: UInt64
    /// How long this side waits.
    public let limits: Limits
    var phase: Phase
    var hello: Hello?
    /// `.releaseAdmin` was asked for and not undone.
    var adminGiven: Bool
    var adminReleasePending: Bool
    var peerClosed: Bool
    var fence: Fence?
    /// COMMITTED arrived, or a fence found the slot committed.
    var sawCommitted: Bool
    var releasesPending: Int
    /// What the child said while it was being fenced; it counts if the child turns out to be committed.
    var held: [Message]
    /// The parts of PREPARED so far.
    var prepared: [UInt8]
    /// From `.moveConnections` on, until it is decided whose the connections are: they belong to nobody.
    public internal(set) var isFrozen: Bool

    /// Why no child may take over, nil if one may.
    public let refusal: String?

    /// A session for one connection that was accepted from the restart socket; `.start` begins it.
    public init(welcome: Welcome, baseID: UInt64, limits: Limits = Limits(), refusal: String? = nil) {
        self.refusal = refusal
        self.welcome = welcome
        self.baseID = baseID
        self.limits = limits
        phase = .awaitHello
        hello = nil
        adminGiven = false
        adminReleasePending = false
        peerClosed = false
        fence = nil
        sawCommitted = false
        releasesPending = 0
        held = []
        prepared = []
        isFrozen = false
    }

    /// Nothing will come of this session any more; it can be dropped.
    public var isOver: Bool { phase == .over }
    /// COMMIT was sent: the parent may not simply go on.
    public var isPastCommit: Bool {
        switch phase {
        case .awaitCommitted, .fencing, .draining, .standby, .childLeaving: true
        case .awaitHello, .awaitRequest, .offering, .awaitReady, .passing, .stopping, .moving, .awaitPrepared,
            .checkingPrepared,
            .over:
            false
        }
    }
    /// Descriptors are being passed ahead.
    public var isPassing: Bool { phase == .passing }
    /// COMMIT was sent and it is not known yet which of the two serves: the owner must not end now.
    public var isFateUnknown: Bool { phase == .awaitCommitted || phase == .fencing }
    /// The child serves and this process is its standby.
    public var isStandby: Bool { phase == .draining || phase == .standby }
    /// The child's introduction, once it came.
    public var child: Hello? { hello }

    /// What to do now, in this order. What the answers to these actions cause comes after all of them.
    public mutating func handle(_ event: Event) -> [Action] {
        if phase == .over { return [] }
        return isPastCommit ? handlePastCommit(event) : handleBeforeCommit(event)
    }
}
