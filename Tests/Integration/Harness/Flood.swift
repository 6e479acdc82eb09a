import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// Sends many bytes from a thread of its own, as fast as they are taken.
final class Flood: Sendable {
    private let progress = Mutex(0)
    private let thread = Mutex<Thread?>(nil)

    /// - Parameter descriptor: blocking; stays the caller's.
    init(_ descriptor: Int32, _ count: Int) {
        let made = Thread { self.run(descriptor, count) }
        thread.withLock { $0 = made }
    }

    var sent: Int { progress.withLock { $0 } }

    func join() { thread.withLock { $0 }?.join() }

    private func run(_ descriptor: Int32, _ count: Int) {
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 65536)
        while sent < count {
            let n = cl_send(descriptor, piece, min(piece.count, count - sent), 0)
            // A send that waited for too long is tried again: the receiver pauses on purpose.
            guard n > 0 || n == -Int(EAGAIN) else { return }
            progress.withLock { $0 += max(n, 0) }
        }
    }
}
