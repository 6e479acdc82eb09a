import CLinux
import Glibc

/// How one thread wakes another that waits (eventfd): signals before it is looked at are one.
final class EventSignal: Sendable {
    private let descriptor: Int32

    init() throws(SystemError) {
        descriptor = cl_eventfd()
        guard descriptor >= 0 else { throw SystemError(call: "eventfd", code: -descriptor) }
    }

    deinit { if descriptor >= 0 { _ = cl_close(descriptor) } }

    func signal() { cl_eventfd_signal(descriptor) }

    /// Waits for a signal, and takes it.
    ///
    /// - Parameter limitMs: -1: for as long as it takes.
    /// - Returns: whether there was one.
    @discardableResult
    func wait(limitMs: Int32 = -1) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, limitMs) == 1 else { return false }
        cl_eventfd_drain(descriptor)
        return true
    }
}
