import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// Sends the same bytes over and over from a thread of its own, as fast as they are taken.
final class Repeater: Sendable {
    private let progress = Mutex(0)
    private let thread = Mutex<Thread?>(nil)

    /// - Parameters:
    ///   - descriptor: blocking; stays the caller's.
    ///   - times: how often, at most.
    init(_ descriptor: Int32, _ block: [UInt8], times: Int) {
        let made = Thread { self.run(descriptor, block, times) }
        thread.withLock { $0 = made }
    }

    /// Bytes that were taken.
    var sent: Int { progress.withLock { $0 } }

    func join() { thread.withLock { $0 }?.join() }

    private func run(_ descriptor: Int32, _ block: [UInt8], _ times: Int) {
        for _ in 0..<times {
            var rest = 0
            while rest < block.count {
                let n = block.withUnsafeBytes { cl_send(descriptor, $0.baseAddress! + rest, block.count - rest, 0) }
                // A send that waited for too long is tried again: the receiver pauses on purpose.
                guard n > 0 || n == -Int(EAGAIN) else { return }
                rest += max(n, 0)
                progress.withLock { $0 += max(n, 0) }
            }
        }
    }
}

/// Waits until a total no longer moves.
func waitUntilStill(_ what: String, _ value: () throws -> Int) throws {
    var last = try value()
    var same = 0
    try waitUntil("\(what) stands still") {
        usleep(50_000)
        let now = try value()
        same = now == last ? same + 1 : 0
        last = now
        return same == 6
    }
}
