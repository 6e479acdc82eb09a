import CLinux
import Glibc

/// Small messages of a turn, in the order in which they are to go out. One after the other they cost a twentieth less CPU a
/// request than each at once (docs/performance.md): the processor has either this program's code in its cache or the
/// kernel's way down to the device, and changes between them once for many.
struct Outbox: BitwiseCopyable {
    struct Entry: BitwiseCopyable {
        /// -1: sent already.
        var slot: Int32
        var count: Int32
    }

    /// Longer ones would rather be copied by the kernel alone.
    static let longestMessage = 2048
    /// From so many on they go out between two events.
    static let batch = 16
    /// One event makes two or three.
    static let capacity = 32

    let entries: UnsafeMutablePointer<Entry>
    let bytes: UnsafeMutablePointer<UInt8>
    var count = 0
    /// Bytes of all of them.
    var used = 0
    /// Those before it are sent.
    var next = 0
    /// How many there must be to go out before the end of the turn. Fewer when others take long: nobody waits for those.
    var due = batch

    init() {
        entries = .allocate(capacity: Self.capacity)
        bytes = .allocate(capacity: Self.capacity * Self.longestMessage)
    }

    /// Takes a message; false when there is no room.
    @inline(__always)
    mutating func take(_ slot: Int32, _ message: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        if count == Self.capacity { return false }
        memcpy(bytes + used, message, length)
        entries[count] = Entry(slot: slot, count: Int32(truncatingIfNeeded: length))
        count &+= 1
        used &+= length
        return true
    }
}

extension Worker {
    /// Sends what waits. A connection may be closed on return, so never call it with one in hand.
    func sendOutbox() {
        let outbox = self.outbox
        if outbox.pointee.count == 0 { return }
        var at = 0
        // An answer to a failure may come in behind.
        while outbox.pointee.next < outbox.pointee.count {
            let entry = outbox.pointee.entries[outbox.pointee.next]
            outbox.pointee.next &+= 1
            let bytes = outbox.pointee.bytes + at
            let count = Int(entry.count)
            at &+= count
            if entry.slot < 0 { continue }
            let c = connections[entry.slot]
            c.pointee.flags.remove(.inOutbox)
            let result = cl_send(c.pointee.fd, bytes, count, 0)
            if result == count {
                countSent(c, count)
            } else if result >= 0 || result == -Int(EAGAIN) {
                if result > 0 { countSent(c, result) }
                keepUnsent(entry.slot, c, bytes, count, bytes, 0, max(result, 0))
            } else {
                connectionBroke(entry.slot, c)
            }
        }
        outbox.pointee.count = 0
        outbox.pointee.used = 0
        outbox.pointee.next = 0
        outbox.pointee.due = Outbox.batch
    }

    /// Sends what waits of this one connection, since more follows or it ends. A failure shows with what comes next: the
    /// connection stays as it is.
    @inline(__always)
    func settle(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.inOutbox) { sendFromOutbox(slot, c) }
    }

    @inline(never)
    private func sendFromOutbox(_ slot: Int32, _ c: ConnectionPointer) {
        c.pointee.flags.remove(.inOutbox)
        var i = outbox.pointee.count
        var at = outbox.pointee.used
        while i > outbox.pointee.next {
            i &-= 1
            let count = Int(outbox.pointee.entries[i].count)
            at &-= count
            if outbox.pointee.entries[i].slot != slot { continue }
            outbox.pointee.entries[i].slot = -1
            let bytes = outbox.pointee.bytes + at
            let result = cl_send(c.pointee.fd, bytes, count, 0)
            if result > 0 { countSent(c, result) }
            if result == count || result < 0 && result != -Int(EAGAIN) { return }
            c.pointee.output.append(bytes + max(result, 0), count - max(result, 0))
            // Nobody will tell when there is room: what is sent must do.
            if c.pointee.flags.contains(.inputOnly), !watchOutput(slot, c) { c.pointee.output.free() }
            return
        }
    }
}
