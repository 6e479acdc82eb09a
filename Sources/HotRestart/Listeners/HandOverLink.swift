import CLinux
import Glibc

/// A session's connection and its timers, for a loop of `poll`.
final class HandOverLink {
    let channel: RestartChannel
    private var isOpen = true
    /// The other end is closed: there is nothing to wait for any more, and the socket stays readable for ever.
    private var isEnded = false
    private var deadlines: [SessionTimer: UInt64] = [:]

    init(_ channel: RestartChannel) { self.channel = channel }

    /// What to wait for, nil if nothing.
    var pollEntry: pollfd? {
        guard isOpen, !isEnded else { return nil }
        let events = channel.wantsWrite ? POLLIN | POLLOUT : POLLIN
        return pollfd(fd: channel.descriptor, events: Int16(events), revents: 0)
    }

    /// Returns why the message can never be sent, nil if it was or will be.
    func send(_ message: Message, _ descriptors: [Int32] = []) -> String? {
        do throws(RestartSocketError) {
            try channel.send(message, descriptors: descriptors)
            return nil
        } catch {
            return "a message could not be sent: \(error)"
        }
    }

    /// What has come, nil when there is nothing now. Sends what waits.
    func next() throws(RestartSocketError) -> RestartChannel.Received? {
        guard isOpen, !isEnded else { return nil }
        try channel.flush()
        let received = channel.receive()
        switch received {
        case .wouldBlock: return nil
        case .closed: isEnded = true
        case .message, .malformed: break
        }
        return received
    }

    /// What was sent is still delivered.
    func close() {
        guard isOpen else { return }
        isOpen = false
        // The last word has a moment; the other side sees the end in any case.
        _ = try? channel.flush(deadlineNs: cl_monotonic_ns() + 100_000_000)
        channel.close()
    }

    func set(_ timer: SessionTimer, ns: UInt64) { deadlines[timer] = cl_monotonic_ns() + ns }
    func cancel(_ timer: SessionTimer) { deadlines[timer] = nil }
    var nextDeadlineNs: UInt64? { deadlines.values.min() }

    /// A timer that has run out, which is over then.
    func takeExpired() -> SessionTimer? {
        let now = cl_monotonic_ns()
        guard let timer = deadlines.first(where: { $0.value <= now })?.key else { return nil }
        deadlines[timer] = nil
        return timer
    }
}
