import CLinux

/// Ends `ListenerHandOver.serve`. For any thread.
public struct StopSwitch: Sendable {
    private let event: OwnedDescriptor

    init() throws(ListenerHandOverError) {
        let raw = cl_eventfd()
        guard raw >= 0 else { throw .system(call: "eventfd", code: -raw) }
        event = OwnedDescriptor(raw)
    }

    /// Makes `serve` close the listening sockets and return. A process that stands by for this one is told first, so that no
    /// client waits in a queue that nobody serves; one whose successor is just taking over waits for the outcome.
    public func stop() { cl_eventfd_signal(event.raw) }

    /// Readable once `stop` was called.
    var descriptor: Int32 { event.raw }
    func reset() { cl_eventfd_drain(event.raw) }
}
