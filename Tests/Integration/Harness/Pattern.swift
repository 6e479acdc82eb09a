import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// Bytes that differ from place to place: what is lost, doubled or moved in a long body does not compare equal.
enum Pattern {
    /// A prime, so that no buffer's size is a period of it.
    private static let period = 65521
    private static let longest = 65536
    private static let block: [UInt8] = {
        var state: UInt32 = 1
        let once = (0..<period).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
        return once + (0..<longest).map { once[$0 % period] }
    }()

    /// Calls `body` with up to `count` bytes of the pattern from `offset` on.
    static func withBytes<T>(at offset: Int, _ count: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        let start = offset % period
        return try block.withUnsafeBytes { try body(.init(rebasing: $0[start..<(start + min(count, longest))])) }
    }

    /// Reads `count` bytes and compares each with the pattern.
    static func receive(_ client: Client, _ count: Int) throws {
        var received = 0
        var buffer = client.take(min(client.unread.count, count))
        var filled = buffer.count
        while true {
            try withBytes(at: received, filled) { expected in
                let isSame = buffer.withUnsafeBytes {
                    memcmp($0.baseAddress ?? expected.baseAddress!, expected.baseAddress!, filled) == 0
                }
                guard isSame else {
                    throw Failure("other bytes came than were sent, within \(filled) from \(received) on")
                }
            }
            received += filled
            if received == count { return }
            if buffer.count < longest { buffer = [UInt8](repeating: 0, count: longest) }
            filled = cl_recv(client.descriptor, &buffer, min(buffer.count, count - received))
            guard filled > 0 else {
                throw Failure("the connection ended (\(filled)) after \(received) of \(count) bytes")
            }
        }
    }
}

/// Sends the pattern from a thread of its own, as fast as it is taken.
final class PatternFlood: Sendable {
    private struct Progress {
        var sent = 0
        var atNs = cl_monotonic_ns()
        var isOver = false
    }

    private let progress = Mutex(Progress())
    private let thread = Mutex<Thread?>(nil)

    /// - Parameters:
    ///   - client: blocking; only this sends on it until `join`.
    ///   - endsSending: FIN follows the last byte.
    init(_ client: Client, _ count: Int, endsSending: Bool = false) {
        let descriptor = client.descriptor
        let made = Thread { self.run(descriptor, count, endsSending) }
        thread.withLock { $0 = made }
    }

    /// Nothing was taken for a while: all buffers on the way are full.
    var isStalled: Bool {
        progress.withLock { !$0.isOver && $0.sent > 0 && cl_monotonic_ns() - $0.atNs > 150_000_000 }
    }

    /// Returns how much was sent.
    func join() -> Int {
        thread.withLock { $0 }?.join()
        return progress.withLock { $0.sent }
    }

    private func run(_ descriptor: Int32, _ count: Int, _ endsSending: Bool) {
        var sent = 0
        while sent < count {
            let n = Pattern.withBytes(at: sent, count - sent) { cl_send(descriptor, $0.baseAddress, $0.count, 0) }
            guard n > 0 else { break }
            sent += n
            progress.withLock {
                $0.sent = sent
                $0.atNs = cl_monotonic_ns()
            }
        }
        if endsSending, sent == count { _ = cl_shutdown(descriptor, Int32(CL_SHUT_WRITE)) }
        progress.withLock { $0.isOver = true }
    }
}
