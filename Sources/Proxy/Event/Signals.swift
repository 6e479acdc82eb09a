import CLinux
import Glibc

/// Signals as events of the main loop. Made before any thread, so that every thread inherits the mask.
final class Signals {
    private let descriptor: Int32

    /// Blocks `signals` and ignores SIGPIPE and SIGHUP.
    init(_ signals: [Int32]) throws(SystemError) {
        cl_ignore_signal(SIGPIPE)
        // Envoy's restart wrapper forwards it; a server has nothing to do for it.
        cl_ignore_signal(SIGHUP)
        let fd = signals.withUnsafeBufferPointer { cl_signalfd($0.baseAddress, Int32($0.count)) }
        guard fd >= 0 else { throw SystemError(call: "signalfd", code: -fd) }
        descriptor = fd
    }

    deinit { _ = cl_close(descriptor) }

    func deliver(on loop: MainLoop, _ handler: @escaping (Int32) -> Void) throws(SystemError) {
        try loop.watch(descriptor, Epoll.input) { [descriptor] _ in
            while true {
                let signal = cl_signalfd_next(descriptor)
                guard signal > 0 else { return }
                handler(signal)
            }
        }
    }
}
