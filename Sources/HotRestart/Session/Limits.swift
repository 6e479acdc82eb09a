/// How long each side waits for the other, in nanoseconds. Parent and child may differ: every limit only decides when its
/// owner gives up, and giving up is safe in every state.
public struct Limits: Hashable, Sendable {
    /// For the first message of the other side: HELLO, or WELCOME / REFUSE.
    public var greeting: UInt64 = 5_000_000_000
    /// For one step of the exchange: REQUEST, LISTENERS, STATE, ADMIN_RELEASED, CONNECTIONS, the owner's own steps.
    public var step: UInt64 = 5_000_000_000
    /// The parent's wait for READY: the child builds its workers, resolves names, checks hosts.
    public var ready: UInt64 = 60_000_000_000
    /// The child's wait for COMMIT after READY: longer than the time in which the parent's workers stop accepting.
    public var commit: UInt64 = 10_000_000_000
    /// From the parent's freeze of the connections to its COMMIT: what their clients may notice of an attempt that fails.
    public var freeze: UInt64 = 250_000_000
    /// The parent's wait for COMMITTED; nobody accepts in this time, so it is short. Then the child is fenced.
    public var committed: UInt64 = 1_000_000_000
    /// After which an unanswered `fence` is asked for again.
    public var fence: UInt64 = 5_000_000_000
    /// The child's wait for DONE; 0 for any time. Only a report depends on it.
    public var report: UInt64 = 0
    /// The child's wait for RELEASED after RELEASE or BYE, and for the end of the parent after TERMINATE.
    public var release: UInt64 = 5_000_000_000

    /// The limits that the processes of this project use.
    public init() {}
}

/// The timers of a session. Setting one that runs replaces it.
public enum SessionTimer: Hashable, Sendable {
    /// The hand-over's next step.
    case step
    /// The child's wait for DONE.
    case report
    /// The child's wait for RELEASED, or for the parent's end.
    case release
}
