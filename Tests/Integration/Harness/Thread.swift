import Glibc

/// A thread that can be joined.
final class Thread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let handle: pthread_t

    init(_ run: @escaping @Sendable () -> Void) {
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

    func join() { pthread_join(handle, nil) }
    func detach() { pthread_detach(handle) }
}
