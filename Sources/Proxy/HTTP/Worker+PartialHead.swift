import CLinux
import Glibc

/// Heads that come in pieces.
extension Worker {
    /// Reads a connection of which bytes are kept, behind what will stand in front: returns what was read last, 0 or an error
    /// as `cl_recv` does. More than 0: `input` is in the read buffer, and what was read behind it.
    ///
    /// Of a head that still cannot be complete nothing is copied but what is new.
    @inline(never)
    func receiveBehindInput(_ c: ConnectionPointer, room: Int) -> Int {
        while true {
            let kept = c.pointee.input.count
            let new = readBuffer + kept
            let count = cl_recv(c.pointee.fd, new, min(room, readCapacity - kept))
            if count <= 0 { return count }
            guard let limit = partialHeadLimit(c) else {
                cl_copy_long(readBuffer, c.pointee.input.bytes, kept)
                return count
            }
            let seen = min(kept, PartialHead.lookBack)
            cl_copy_long(new - seen, c.pointee.input.bytes + kept - seen, seen)
            let isWorth = PartialHead.isWorthParsing(
                new, count: count, before: kept, parsed: Int(c.pointee.headParsed), limit: limit)
            if isWorth {
                cl_copy_long(readBuffer, c.pointee.input.bytes, kept)
                return count
            }
            c.pointee.input.append(new, count)
            countReceived(c, count)
            c.pointee.lastActivityNs = state.pointee.nowNs
            if c.pointee.kind == .upstreamHTTP, c.pointee.stream >= 0 {
                streams[c.pointee.stream].pointee.lastActivityNs = state.pointee.nowNs
            }
            // What is read until then is less than the limit.
            if count < room, !c.pointee.flags.contains(.peerClosing) { return -Int(EAGAIN) }
        }
    }

    /// The limit of the head whose first part is `input`; nil when that is something else.
    private func partialHeadLimit(_ c: ConnectionPointer) -> Int? {
        switch c.pointee.kind {
        case .downstreamHTTP where c.pointee.flags.contains(.headStarted) && c.pointee.stream < 0:
            return snapshot.listeners[Int(c.pointee.listener)].limits.bytes
        case .upstreamHTTP where c.pointee.stream >= 0 && !c.pointee.flags.contains(.inBody):
            return HeadLimits.response.bytes
        default: return nil
        }
    }
}
