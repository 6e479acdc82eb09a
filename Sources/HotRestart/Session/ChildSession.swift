/// The new process's side of a hand-over: a pure state machine without I/O or clock. `ParentSession` states the
/// invariant that both keep.
///
/// Up to COMMIT every failure ends in `.fail`: the child has served nothing and exits (or starts on its own, where its
/// owner's rules allow it). There is one exception: a parent that dies when all listeners have already come over leaves
/// nobody else to serve, so the child goes on alone once its owner has verified that death: with the parent's connections if
/// all of them have come, without them if some are missing.
public struct ChildSession: Hashable, Sendable {
    /// What happened.
    public enum Event: Hashable, Sendable {
        /// Connected to the restart socket.
        case start
        /// A message and the descriptors that came with it.
        case message(Message, [OwnedDescriptor])
        /// A datagram that is no message.
        case malformed(MessageError)
        /// End of file or error on the link.
        case peerClosed
        /// A timer that `.setTimer` set has run out.
        case timer(SessionTimer)
        /// The owner wants the parent's admin listener closed; only between `.adoptState` and `.built`.
        case adminNeeded
        /// Everything is built, the workers are ready and not accepting.
        case built
        /// Answer to `.storeCommitted`.
        case commitStored(Bool)
        /// The other answer to `.storeCommitted`: somebody else serves already, so this process must not.
        case commitRefused(reason: String)
        /// Answer to `.checkParent`; `false` promises that the parent is dead.
        case parentChecked(alive: Bool)
        /// Answer to the last `.adoptConnections`: this process could go on with what came, and `answer` says the parent
        /// what it needs to know about it.
        case connectionsAdopted(answer: [UInt8])
        /// The other answer to an `.adoptConnections`: what came is no use. Unlike `.failed` it lets this process go on
        /// without them when the parent is dead.
        case connectionsFailed(reason: String)
        /// The owner cannot go on. Only before COMMIT.
        case failed(reason: String)
        /// Stopped accepting from these listeners for good (no names: from all): the standby must close its duplicates.
        case release(names: [String])
        /// This process stops on purpose and no longer accepts.
        case leave
        /// The standby is to exit.
        case terminateParent
    }

    /// What the owner has to do.
    public enum Action: Hashable, Sendable {
        /// Send it on the link. What can never be sent is `.failed`.
        case send(Message)
        /// `.timer` is due in so many nanoseconds; replaces the same timer.
        case setTimer(SessionTimer, ns: UInt64)
        /// That timer is not due any more.
        case cancelTimer(SessionTimer)
        /// Close the link, after what was sent is written or given up.
        case close
        /// Whose place is taken. The owner may answer `.failed`.
        case welcomed(Welcome)
        /// All listeners, complete. Not to be accepted from yet.
        case adoptListeners([ReceivedListener])
        /// All state records. From here on build everything, then `.built`.
        case adoptState([StateRecord])
        /// The parent's admin listener is closed.
        case adminReleased
        /// Descriptors of connections that the parent still serves: keep them, do not touch them.
        case adoptAhead(bytes: [UInt8], descriptors: [OwnedDescriptor])
        /// Keep these records of live connections and their descriptors, and touch nothing: they are the parent's until
        /// `.startAccepting`. With the last one build what is needed to go on with all, then `.connectionsAdopted`.
        case adoptConnections(bytes: [UInt8], descriptors: [OwnedDescriptor], isLast: Bool)
        /// The parent died in the middle: close the descriptors that came and forget the records. This process goes on
        /// without them.
        case dropConnections
        /// The link ended early: find out, by the parent's pidfd, whether it lives, then `.parentChecked`. When in doubt
        /// it lives.
        case checkParent
        /// Record "committed" in this process's slot, then `.commitStored`.
        case storeCommitted
        /// Accept, also from the restart socket. This process serves, and the connections it has adopted (and not dropped)
        /// are its own.
        case startAccepting
        /// What the parent moved and kept; nil when it did not say so in time.
        case handOverReported(HandOverReport?)
        /// The standby has closed its duplicates; unconfirmed when it did not answer in time. A long list of names is
        /// answered in pieces.
        case released(names: [String], confirmed: Bool)
        /// After `.leave`: the standby holds no listener any more (or did not answer in time).
        case mayLeave(confirmed: Bool)
        /// There is no standby any more.
        case standbyLost(reason: String)
        /// The hand-over did not happen. Connections that came are the parent's, which may be at work on them already:
        /// close their descriptors, without a `shutdown` or a byte, and forget them.
        case fail(Failure)
        /// Worth a log line; nothing else.
        case warn(String)
    }

    /// Why a hand-over did not happen.
    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The parent does not want this child.
        case refused(String)
        /// The parent gave up after it had said welcome.
        case aborted(String)
        /// The parent did not answer in time.
        case timedOut(String)
        /// The parent lives, but closed the link.
        case closed(String)
        /// The parent died before its listeners had come over.
        case parentDied(String)
        /// The parent sent what it must not.
        case badMessage(String)
        /// This process could not go on.
        case local(String)

        /// A line for the log.
        public var description: String {
            switch self {
            case .refused(let reason): "the running process refused the hot restart: \(reason)"
            case .aborted(let reason): "the running process gave up the hot restart: \(reason)"
            case .timedOut(let step): "the running process did not answer in time \(step)"
            case .closed(let step): "the running process closed the connection \(step)"
            case .parentDied(let step): "the running process died \(step)"
            case .badMessage(let text): "bad message from the running process: \(text)"
            case .local(let reason): reason
            }
        }
    }

    enum Phase: Hashable, Sendable {
        case idle, awaitWelcome, awaitListeners, awaitState, building, awaitCommit
        /// Some of the parent's connections have come.
        case receiving
        /// All of them have; the owner builds what is needed to go on with them.
        case adopting
        /// COMMIT came, or the parent is dead; the slot is being written.
        case storing
        case serving
        /// BYE was sent.
        case leaving
        case over
    }

    enum PendingRelease: Hashable, Sendable {
        case names([String])
        case everything
    }

    /// How this process introduces itself.
    public let hello: Hello
    /// How long this side waits.
    public let limits: Limits
    var phase: Phase
    var welcome: Welcome?
    var listeners: [ReceivedListener]
    var state: StateAssembler
    var adminPending: Bool
    var isBuilt: Bool
    /// What the parent sent of its connections was dealt with; there is only one such transaction.
    var connectionsAnswered: Bool
    /// Descriptors came ahead.
    var hasAhead = false
    var linkClosed: Bool
    var checkingParent: Bool
    /// The parent is verifiably dead and this process goes on alone.
    var isOrphan: Bool
    var reported: Bool
    var releases: [PendingRelease]
    /// RELEASED that may still come for what was given up.
    var staleAnswers: Int
    var terminating: Bool
    /// This process closed the link to a standby that did not exit when told.
    var standbyMayLive: Bool

    /// A session for one connection to the restart socket; `.start` begins it.
    public init(hello: Hello, limits: Limits = Limits()) {
        self.hello = hello
        self.limits = limits
        phase = .idle
        welcome = nil
        listeners = []
        state = StateAssembler()
        adminPending = false
        isBuilt = false
        connectionsAnswered = false
        linkClosed = false
        checkingParent = false
        isOrphan = false
        reported = false
        releases = []
        staleAnswers = 0
        terminating = false
        standbyMayLive = false
    }

    /// Nothing will come of this session any more; it can be dropped.
    public var isOver: Bool { phase == .over || (phase == .serving && linkClosed && releases.isEmpty) }
    /// `.startAccepting` was said.
    public var isServing: Bool { phase == .serving || phase == .leaving }
    /// A standby holds duplicates of the listeners.
    public var hasStandby: Bool { isServing && !linkClosed }
    /// The parent's introduction, once it came.
    public var parent: Welcome? { welcome }

    /// What to do now, in this order. What the answers to these actions cause comes after all of them.
    public mutating func handle(_ event: Event) -> [Action] {
        switch phase {
        case .over: []
        case .serving, .leaving: handleServing(event)
        default: handleBeforeServing(event)
        }
    }
}

/// A listening socket that came over. Its descriptor is closed with the last reference to it.
public struct ReceivedListener: Hashable, Sendable {
    /// What the sender says of it.
    public var record: ListenerRecord
    /// The socket; it does not block and is close-on-exec.
    public var descriptor: OwnedDescriptor

    /// A record with its socket.
    public init(record: ListenerRecord, descriptor: OwnedDescriptor) {
        self.record = record
        self.descriptor = descriptor
    }
}
