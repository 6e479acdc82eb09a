import CLinux
import Glibc

/// What a batch of events brought, received before the first of them is used: the kernel's code stays in the processor's
/// caches from one receive to the next, and this program's from one message to the next (docs/performance.md).
struct Inbox: BitwiseCopyable {
    /// So much is received ahead. Who sends more is read when it is its turn, from the next message on.
    static let longestMessage = 8192
    /// Events of a batch.
    static let batch = 16
    /// Nothing was received ahead for this event.
    static let none = Int.min

    /// A piece for each event. They do not begin at the same line of a page: caches would keep few of them.
    private let bytes: UnsafeMutablePointer<UInt8>
    /// Bytes received, or the error of the receive, or `none`.
    let counts: UnsafeMutablePointer<Int>

    /// More than `MessageHead.slack` longer than a message.
    private static let stride = longestMessage + 448

    init() {
        bytes = .allocate(capacity: Self.batch * Self.stride)
        bytes.initialize(repeating: 0, count: Self.batch * Self.stride)
        counts = .allocate(capacity: Self.batch)
        counts.initialize(repeating: Self.none, count: Self.batch)
    }

    @inline(__always)
    func message(_ index: Int) -> UnsafeMutablePointer<UInt8> { bytes + index &* Self.stride }
}

extension Worker {
    /// Receives for those of up to `Inbox.batch` events where a whole message is to be expected.
    func receiveAhead(_ events: UnsafeMutablePointer<epoll_event>, _ count: Int) {
        let inbox = self.inbox.pointee
        for i in 0..<count {
            inbox.counts[i] = Inbox.none
            let mask = cl_event_mask(events + i)
            if mask & Epoll.readable == 0 || mask & (Epoll.peerClosed | Epoll.broken) != 0 { continue }
            let data = cl_event_data(events + i)
            let generation = UInt32(truncatingIfNeeded: data >> 32)
            if generation >= 0xFFFF_FFFE { continue }
            let c = connections[Int32(truncatingIfNeeded: data & 0xFFFF_FFFF)]
            if c.pointee.generation != generation || !takesAhead(c) { continue }
            inbox.counts[i] = cl_recv(c.pointee.fd, inbox.message(i), Inbox.longestMessage)
        }
    }

    /// A head comes next, and nothing stands in its way.
    @inline(__always)
    private func takesAhead(_ c: ConnectionPointer) -> Bool {
        switch c.pointee.kind {
        case .downstreamHTTP: if c.pointee.stream >= 0 { return false }
        case .upstreamHTTP: if c.pointee.stream < 0 { return false }
        case .free, .tunnelDownstream, .tunnelUpstream, .awaitingHeader, .echo, .leaving, .mirror: return false
        }
        return c.pointee.flags.isDisjoint(with: Self.notAhead) && c.pointee.input.isEmpty && c.pointee.output.isEmpty
    }

    private static var notAhead: Connection.Flags {
        [.connecting, .readPaused, .peerClosing, .lingering, .closeAfterFlush, .inBody, .onReadyList, .bulk]
    }

    /// One event whose message was received ahead.
    @inline(__always)
    func useAhead(_ slot: Int32, _ c: ConnectionPointer, _ index: Int, _ count: Int) {
        let bytes = inbox.pointee.message(index)
        if c.pointee.kind == .downstreamHTTP {
            if tookDownstream(slot, c, bytes, 0, count, room: Inbox.longestMessage) { readDownstream(slot, c) }
        } else if c.pointee.kind == .upstreamHTTP {
            if tookUpstream(slot, c, bytes, 0, count, room: Inbox.longestMessage) { readUpstream(slot, c) }
        }
    }
}
