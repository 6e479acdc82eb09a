import CLinux
import Glibc

/// One connection to the proxy.
struct Peer {
    enum Kind { case idle, busy, stream }
    enum Phase {
        /// A request is out and no whole response is in.
        case waiting
        /// Nothing is out.
        case resting
        /// The connection is gone, and nobody makes another.
        case ended
    }
    /// How reading ended.
    enum Outcome { case more, complete, closed, reset }

    let kind: Kind
    let index: Int
    /// Where it is connected to.
    let port: UInt16
    var descriptor: Int32
    var phase = Phase.resting
    /// The response as far as it has come; a stream's greeting.
    private var received: [UInt8] = []
    /// Bytes of the ping that a stream waits for.
    private var echo = 0
    /// What a stream has said last: other bytes each time, and on each stream.
    private var ping: [UInt8] = []
    private var pings: UInt64 = 0
    /// The upgrade of a stream was answered.
    var isStreaming = false
    var wasGreeted = false
    /// Its first connection did not live.
    var isReplacement = false
    /// CLOCK_MONOTONIC, nanoseconds: when what is out went out.
    var sentNs: UInt64 = 0
    /// The response asked to close.
    private(set) var asksToClose = false
    private(set) var status = 0

    init(_ kind: Kind, _ index: Int, _ port: UInt16, _ descriptor: Int32) {
        self.kind = kind
        self.index = index
        self.port = port
        self.descriptor = descriptor
    }

    private static let request = Array("GET / HTTP/1.1\r\nhost: bench\r\n\r\n".utf8)
    private static let upgrade = Array(
        "GET /upgrade HTTP/1.1\r\nhost: bench\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n".utf8)
    /// Bytes of a ping.
    nonisolated(unsafe) static var pingBytes = 16

    /// Sends the next request, upgrade or ping; false when the connection refuses it.
    mutating func ask(_ nowNs: UInt64) -> Bool {
        if isStreaming { makePing() }
        let bytes = kind != .stream ? Self.request : isStreaming ? ping : Self.upgrade
        sentNs = nowNs
        phase = .waiting
        received.removeAll(keepingCapacity: true)
        echo = isStreaming ? bytes.count : 0
        return cl_send(descriptor, bytes, bytes.count, 0) == bytes.count
    }

    private mutating func makePing() {
        pings += 1
        var state = UInt64(index) << 40 | pings
        ping.removeAll(keepingCapacity: true)
        for _ in 0..<Self.pingBytes {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            ping.append(UInt8(truncatingIfNeeded: state >> 56))
        }
    }

    /// Reads what there is.
    mutating func read(_ buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        let n = cl_recv(descriptor, buffer.baseAddress, buffer.count)
        if n == -Int(EAGAIN) { return .more }
        if n == -Int(ECONNRESET) || n == -Int(EPIPE) { return .reset }
        if n <= 0 { return .closed }
        if isStreaming {
            guard n <= echo, buffer[..<n].elementsEqual(ping[(ping.count - echo)...].prefix(n)) else {
                return .closed
            }
            echo -= n
            if echo > 0 { return .more }
        } else {
            received += buffer[..<n]
            guard isWhole() else { return .more }
            if kind == .stream { isStreaming = status == 101 }
        }
        phase = .resting
        return .complete
    }

    /// Whether a whole response is there; finds its status and whether it closes.
    private mutating func isWhole() -> Bool {
        received.withUnsafeBufferPointer { bytes in
            guard let end = find("\r\n\r\n", bytes, 0), bytes.count > 12 else { return false }
            status = Int(bytes[9] - 48) * 100 + Int(bytes[10] - 48) * 10 + Int(bytes[11] - 48)
            asksToClose = find("\r\nconnection: close\r\n", bytes, 0).map { $0 < end + 2 } ?? false
            guard let field = find("\r\ncontent-length: ", bytes, 0), field < end else { return true }
            var length = 0
            for byte in bytes[(field + 18)...] {
                guard byte >= 48, byte <= 57 else { break }
                length = length * 10 + Int(byte - 48)
            }
            return bytes.count >= end + 4 + length
        }
    }

    /// Where `text`, in lower case, begins; letters are compared without their case.
    private func find(_ text: StaticString, _ bytes: UnsafeBufferPointer<UInt8>, _ from: Int) -> Int? {
        let count = text.utf8CodeUnitCount
        var i = from
        while i + count <= bytes.count {
            var k = 0
            while k < count {
                let c = bytes[i + k]
                if (c >= 65 && c <= 90 ? c | 32 : c) != text.utf8Start[k] { break }
                k += 1
            }
            if k == count { return i }
            i += 1
        }
        return nil
    }
}
