import CLinux
import Synchronization

/// How other threads reach the main thread: closures that its loop runs in order.
public final class MainMailbox: Sendable {
    private let queue = Mutex<[@Sendable () -> Void]>([])
    /// Readable when something waits.
    let descriptor: Int32

    public init() throws(SystemError) {
        let fd = cl_eventfd()
        guard fd >= 0 else { throw SystemError(call: "eventfd", code: -fd) }
        descriptor = fd
    }

    deinit { _ = cl_close(descriptor) }

    public func post(_ body: @escaping @Sendable () -> Void) {
        queue.withLock { $0.append(body) }
        cl_eventfd_signal(descriptor)
    }

    /// Runs what waits.
    public func run() {
        cl_eventfd_drain(descriptor)
        let bodies = queue.withLock { queue in
            let taken = queue
            queue = []
            return taken
        }
        for body in bodies { body() }
    }
}

/// Something of the main thread's on its way through another thread, which gives it back and does not look at it.
struct MainThreadOnly<Value>: @unchecked Sendable {
    private let value: Value

    init(_ value: Value) { self.value = value }

    /// In what was posted to the main thread.
    func take() -> Value { value }
}
