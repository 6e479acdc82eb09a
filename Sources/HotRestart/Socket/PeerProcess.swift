import CLinux
import Glibc

/// Another process, held by a pidfd: it cannot be mistaken for a later one with the same pid.
public final class PeerProcess: Sendable {
    /// In this process's PID namespace.
    public let pid: Int32
    private let pidfd: OwnedDescriptor

    /// Takes the pidfd of the process.
    public init(pid: Int32, pidfd: OwnedDescriptor) {
        self.pid = pid
        self.pidfd = pidfd
    }

    /// For epoll: readable when the process has ended.
    public var descriptor: Int32 { pidfd.raw }

    /// Whether it has ended; an unclear answer means that it has not.
    public var hasEnded: Bool { waitForEnd(deadlineNs: 0) }

    /// Waits until `deadlineNs` (CLOCK_MONOTONIC) for its end; whether it has ended.
    public func waitForEnd(deadlineNs: UInt64) -> Bool {
        while true {
            let now = cl_monotonic_ns()
            let left = deadlineNs > now ? deadlineNs - now : 0
            var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
            let ready = poll(&entry, 1, Int32(min((left + 999_999) / 1_000_000, 60_000)))
            if ready > 0 { return entry.revents & Int16(POLLIN) != 0 }
            if ready < 0, errno != EINTR { return false }
            if left == 0 { return false }
        }
    }

    /// Sends SIGKILL. False when that was not possible and the process has not ended either.
    public func kill() -> Bool {
        let rc = cl_pidfd_signal(pidfd.raw, SIGKILL)
        return rc >= 0 || rc == -ESRCH || hasEnded
    }
}
