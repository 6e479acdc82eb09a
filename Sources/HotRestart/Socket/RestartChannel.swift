import CLinux
import Glibc

/// One connection between two processes: messages with descriptors, in order, each whole. Owns its descriptor, which does
/// not block. Not thread safe.
public final class RestartChannel {
    /// What `receive` found.
    public enum Received: Sendable {
        /// The descriptors are the caller's; those it drops are closed. They are close-on-exec, and do not block: that flag
        /// is set for the sender too, who shares the open file.
        case message(Message, [OwnedDescriptor])
        /// A datagram that is no message; its descriptors are closed. Later ones can still be read.
        case malformed(MessageError)
        /// Nothing now; with a deadline: nothing in time.
        case wouldBlock
        /// The other end is closed and all that it sent was read.
        case closed
    }

    /// The other end: who connected or, seen from the connecting side, who called listen last.
    public struct Peer: Hashable, Sendable {
        /// In this process's PID namespace; 0 when it is not visible there.
        public var pid: Int32
        /// The effective user; always this process's own, since others are refused.
        public var uid: UInt32
    }

    /// Who is at the other end, as the kernel says.
    public let peer: Peer
    private let socket: OwnedDescriptor
    private var outbox: [(bytes: [UInt8], descriptors: [OwnedDescriptor])] = []
    /// How many of its first have gone; the array shrinks when all have, for taking out the first moves all others.
    private var outboxSent = 0
    private var nextToSend: UInt32 = 0
    private var nextToReceive: UInt32 = 0
    private var isBroken = false
    /// The kernel reports a longer datagram as cut short.
    private var buffer = [UInt8](repeating: 0, count: Wire.maximumDatagram)
    private var passed = [Int32](repeating: -1, count: Int(CL_MAX_PASSED))
    #if DEBUG
        /// What the next system calls say instead of doing anything; for tests.
        public var fault: ChannelFault?
    #endif

    /// Takes a connected SOCK_SEQPACKET socket. Throws `.foreignPeer` when the other end runs as another user.
    public init(adopting socket: OwnedDescriptor) throws(RestartSocketError) {
        var credentials = cl_credentials()
        let rc = cl_peer_credentials(socket.raw, &credentials)
        guard rc >= 0 else { throw .system(call: "getsockopt(SO_PEERCRED)", code: -rc) }
        guard credentials.uid == geteuid() else { throw .foreignPeer(uid: credentials.uid) }
        peer = Peer(pid: credentials.pid, uid: credentials.uid)
        self.socket = socket
    }

    /// For epoll: readable, and writable while `wantsWrite`. -1 after `close`.
    public var descriptor: Int32 { socket.raw }

    /// Messages wait for room in the other end's queue: call `flush` when the descriptor is writable.
    public var wantsWrite: Bool { !outbox.isEmpty && !isBroken }

    /// Whether the other end has received all that was sent. It may still be at work on the last of it.
    public var isReceived: Bool { outbox.isEmpty && cl_unreceived(descriptor) <= 0 }

    /// Sends, or keeps the message until there is room. The descriptors stay the caller's and may be closed afterwards.
    /// A closed other end is no error here: `receive` will report it.
    ///
    /// ABORT makes all that still waits pointless and goes out in its place, also when the queue has no room: who sends it
    /// is about to act on what the other end must know.
    public func send(_ message: Message, descriptors: [Int32] = []) throws(RestartSocketError) {
        if case .abort = message { dropOutbox() }
        let bytes: [UInt8]
        do throws(MessageError) {
            bytes = try MessageCodec.encode(message, sequence: nextToSend, descriptors: descriptors.count)
        } catch {
            throw .message(error)
        }
        if isBroken { return }
        if outbox.isEmpty, try write(bytes, descriptors) {
            nextToSend &+= 1
            return
        }
        if case .abort = message, widenQueue(), try write(bytes, descriptors) {
            nextToSend &+= 1
            return
        }
        var copies: [OwnedDescriptor] = []
        for descriptor in descriptors {
            let copy = cl_dup(descriptor)
            guard copy >= 0 else { throw .system(call: "dup", code: -copy) }
            copies.append(OwnedDescriptor(copy))
        }
        nextToSend &+= 1
        outbox.append((bytes, copies))
    }

    /// Sends what waits, as far as there is room.
    public func flush() throws(RestartSocketError) {
        while !outbox.isEmpty, !isBroken {
            let next = outbox[outboxSent]
            // A broken link has emptied the queue.
            guard try write(next.bytes, next.descriptors.map(\.raw)), !isBroken else { return }
            outbox[outboxSent] = ([], [])
            outboxSent += 1
            if outboxSent == outbox.count { clearOutbox() }
        }
    }

    /// Sends what waits until `deadlineNs` (CLOCK_MONOTONIC); whether all of it is sent.
    public func flush(deadlineNs: UInt64) throws(RestartSocketError) -> Bool {
        try flush()
        while wantsWrite {
            guard try wait(Int16(POLLOUT), deadlineNs) else { return false }
            try flush()
        }
        return !isBroken
    }

    /// The next message. Call it until it says `.wouldBlock` or `.closed`.
    public func receive() -> Received {
        while true {
            var count = Int32(passed.count)
            let size = receiveMessage(&count)
            let owned = passed.prefix(Int(count)).map { OwnedDescriptor($0) }
            if size > 0 {
                // What blocks would stop the event loop that it is put into. The flag belongs to the open file, which the
                // sender has too: both sides want it, and one that wishes ill could take it away again.
                for descriptor in owned { _ = cl_set_nonblocking(descriptor.raw, true) }
                return decode(size, owned)
            }
            switch Int32(-size) {
            // Short of memory for the moment, and the message is still there: the time limits end this.
            case EAGAIN, ENOMEM, ENOBUFS: return .wouldBlock
            // The number of the one that was cut is not known.
            case EMSGSIZE:
                nextToReceive &+= 1
                return .malformed(.cutShort)
            // The other end closed with messages of ours unread. Reported once, and before what it sent last: read on.
            case ECONNRESET: continue
            // End of file, an empty datagram (which nobody sends), or a socket that cannot be read.
            default: return .closed
            }
        }
    }

    /// The next message, waited for until `deadlineNs` (CLOCK_MONOTONIC), while what waits to be sent is sent.
    /// For the child's start, before it has an event loop.
    public func receive(deadlineNs: UInt64) throws(RestartSocketError) -> Received {
        while true {
            try flush()
            let received = receive()
            guard case .wouldBlock = received else { return received }
            let events = wantsWrite ? POLLIN | POLLOUT : POLLIN
            guard try wait(Int16(events), deadlineNs) else { return .wouldBlock }
        }
    }

    /// The process at the other end, for fencing it or looking whether it lives. `claimed` is the pid it told: the
    /// connecting side sees who called listen, which is a predecessor of the process it talks to if that one did not
    /// call `RestartSocket.activate()`. Nil when the two do not agree, or the process cannot be found.
    public func peerProcess(claimed: UInt64? = nil) -> PeerProcess? {
        if let claimed, claimed != UInt64(bitPattern: Int64(peer.pid)) { return nil }
        guard peer.pid > 0 else { return nil }
        var raw = cl_peer_pidfd(descriptor)
        if raw < 0 { raw = cl_pidfd_open(peer.pid) }
        return raw >= 0 ? PeerProcess(pid: peer.pid, pidfd: OwnedDescriptor(raw)) : nil
    }

    /// What was sent is still delivered; what waits to be sent is dropped.
    public func close() {
        clearOutbox()
        socket.close()
    }

    /// False when there is no room now. On a link whose other end is closed everything counts as sent.
    private func write(_ bytes: [UInt8], _ descriptors: [Int32]) throws(RestartSocketError) -> Bool {
        let sent = sendMessage(bytes, descriptors)
        if sent >= 0 { return true }
        switch Int32(-sent) {
        // The last: as many descriptors of this user are under way already as RLIMIT_NOFILE allows.
        case EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS: return false
        case EPIPE, ECONNRESET, ENOTCONN, EBADF:
            isBroken = true
            clearOutbox()
            return true
        case let code: throw .system(call: "sendmsg", code: code)
        }
    }

    private func sendMessage(_ bytes: [UInt8], _ descriptors: [Int32]) -> Int {
        #if DEBUG
            if let code = fault?.send() { return -Int(code) }
        #endif
        return cl_send_message(descriptor, bytes, bytes.count, descriptors, Int32(descriptors.count))
    }

    /// Into `buffer` and `passed`.
    private func receiveMessage(_ count: inout Int32) -> Int {
        #if DEBUG
            if let code = fault?.receive() {
                count = 0
                return -Int(code)
            }
        #endif
        return cl_receive_message(descriptor, &buffer, buffer.count, &passed, &count)
    }

    private func clearOutbox() {
        outbox = []
        outboxSent = 0
    }

    /// Forgets what waits, and gives its numbers to what comes next.
    private func dropOutbox() {
        nextToSend &-= UInt32(outbox.count - outboxSent)
        clearOutbox()
    }

    /// Makes room for one more message in a full queue. The kernel takes a message while less than SO_SNDBUF is under way,
    /// and a queue that is full has its default length, so a longer one takes at least one more.
    private func widenQueue() -> Bool {
        var size: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0 else { return false }
        // The kernel doubles what is asked for; this asks for twice as much, or for the most there may be.
        return setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, length) == 0
    }

    private func decode(_ size: Int, _ descriptors: [OwnedDescriptor]) -> Received {
        let expected = nextToReceive
        nextToReceive &+= 1
        do throws(MessageError) {
            let envelope = try MessageCodec.decode(buffer[..<size], descriptors: descriptors.count)
            guard envelope.sequence == expected else {
                nextToReceive = envelope.sequence &+ 1
                throw MessageError.sequence(expected: expected, found: envelope.sequence)
            }
            return .message(envelope.message, descriptors)
        } catch {
            return .malformed(error)
        }
    }

    /// Whether one of `events`, or an error, came in time.
    private func wait(_ events: Int16, _ deadlineNs: UInt64) throws(RestartSocketError) -> Bool {
        while true {
            let now = cl_monotonic_ns()
            if now >= deadlineNs { return false }
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let milliseconds = min((deadlineNs - now + 999_999) / 1_000_000, 60_000)
            let ready = poll(&entry, 1, Int32(milliseconds))
            if ready > 0 { return true }
            if ready < 0, errno != EINTR { throw .system(call: "poll", code: errno) }
        }
    }
}
