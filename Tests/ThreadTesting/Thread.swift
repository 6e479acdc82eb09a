import CLinux
import Glibc

/// A thread of its own that can be joined. Tests that need two things at once use it and no dispatch queue: the tests
/// that block in the queue's few threads would keep the second thing from ever starting.
public final class Thread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let handle: pthread_t

    /// Starts it.
    public init(_ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(run))
        var handle = pthread_t()
        let rc = pthread_create(
            &handle, nil,
            { @Sendable argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        precondition(rc == 0, "pthread_create: \(rc)")
        self.handle = handle
    }

    /// Waits for its end. Either this or `detach` is called, once.
    public func join() { pthread_join(handle, nil) }

    /// Lets it go on alone.
    public func detach() { pthread_detach(handle) }
}

/// Runs `body` on that many threads at once, each with its number from 0; they start together and have ended on return.
public func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    nonisolated(unsafe) let ready = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    ready.initialize(to: 0)
    defer { ready.deallocate() }
    let threads = (0..<count).map { index in
        Thread {
            _ = cl_fetch_add(ready, 1)
            while cl_load_acquire(ready) < UInt64(count) { sched_yield() }
            body(index)
        }
    }
    for thread in threads { thread.join() }
}

/// Waits until `condition` holds; false after `limitMs`.
public func reaches(within limitMs: Int = 30_000, _ condition: () throws -> Bool) rethrows -> Bool {
    let end = cl_monotonic_ns() + UInt64(limitMs) * 1_000_000
    while try !condition() {
        if cl_monotonic_ns() > end { return false }
        usleep(500)
    }
    return true
}
