import CLinux
import Glibc

/// A TCP connection with a buffer before it. Every wait has a limit.
final class Wire {
    let descriptor: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 * 1024, alignment: 16)
    private var start = 0
    private var end = 0
    /// Bytes that went out and that came in.
    private(set) var sent = 0
    private(set) var received = 0
    /// How long each wait may take.
    var limitMs: UInt64 = 30_000

    /// Connects.
    /// - Parameter receiveBuffer: SO_RCVBUF, for who reads slowly.
    init(to address: cl_address, receiveBuffer: Int32? = nil) throws {
        var address = address
        descriptor = cl_socket(AF_INET, Int32(CL_SOCK_STREAM), 0)
        guard descriptor >= 0 else { throw Trouble.wrong("socket: \(Self.text(Int(descriptor)))") }
        if let receiveBuffer { _ = cl_set_int(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        _ = cl_set_nodelay(descriptor)
        let rc = cl_connect(descriptor, &address)
        if rc == 0 { return }
        guard rc == -EINPROGRESS else { throw Self.noConnection(-rc) }
        try wait(Int16(POLLOUT), "connect")
        let error = cl_socket_error(descriptor)
        if error != 0 { throw Self.noConnection(error) }
    }

    private static func noConnection(_ error: Int32) -> Trouble {
        let kind: Trouble.Kind = error == ECONNREFUSED ? .refused : error == ECONNRESET ? .reset : .wrong
        return Trouble(kind, "connect: \(text(-Int(error)))")
    }

    /// Takes a descriptor that does not block.
    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        _ = cl_set_nodelay(descriptor)
    }

    deinit {
        _ = cl_close(descriptor)
        buffer.deallocate()
    }

    static func text(_ code: Int) -> String { String(cString: strerror(Int32(-code))) }

    // MARK: Sending

    func send(_ text: String) throws {
        var text = text
        try text.withUTF8 { try send(UnsafeRawBufferPointer($0)) }
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count {
            let n = cl_send(descriptor, bytes.baseAddress! + done, bytes.count - done, 0)
            if n > 0 {
                done += n
                sent += n
            } else if n == -Int(EAGAIN) {
                try wait(Int16(POLLOUT), "send")
            } else {
                throw Trouble(.reset, "send: \(Self.text(n))")
            }
        }
    }

    /// Bytes `range` of a content.
    func send(_ content: Content, _ range: Range<Int>) throws {
        var at = range.lowerBound
        while at < range.upperBound {
            at += try content.withBytes(at: at, range.upperBound - at) {
                try send($0)
                return $0.count
            }
        }
    }

    func endSending() { _ = cl_shutdown(descriptor, Int32(CL_SHUT_WRITE)) }

    /// The end of this connection will be a RST.
    func resetAtEnd() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    // MARK: Receiving

    /// What came and was not taken yet.
    var unread: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<end]) }

    func take(_ count: Int) {
        start += count
        if start == end { (start, end) = (0, 0) }
    }

    /// Waits for more bytes.
    func receive() throws {
        if end == buffer.count {
            guard start > 0 else { throw Trouble.wrong("more than \(buffer.count) bytes without an end") }
            memmove(buffer.baseAddress!, buffer.baseAddress! + start, end - start)
            (start, end) = (0, end - start)
        }
        while true {
            let n = cl_recv(descriptor, buffer.baseAddress! + end, buffer.count - end)
            if n > 0 {
                end += n
                received += n
                return
            }
            if n == 0 { throw Trouble(.ended, "the connection ended") }
            guard n == -Int(EAGAIN) else { throw Trouble(.reset, "recv: \(Self.text(n))") }
            try wait(Int16(POLLIN), "recv")
        }
    }

    /// Whether the other side has ended the connection within `ms`; bytes that come before are wrong.
    func expectEnd(withinMs ms: UInt64) throws {
        guard unread.isEmpty else { throw Trouble.wrong("\(unread.count) bytes behind the end: \(excerpt)") }
        let before = limitMs
        limitMs = ms
        defer { limitMs = before }
        do {
            try receive()
        } catch let trouble as Trouble where trouble.kind == .ended || trouble.kind == .reset {
            return
        }
        throw Trouble.wrong("\(unread.count) bytes behind the end: \(excerpt)")
    }

    /// Some of what is unread, for a message.
    var excerpt: String {
        String(decoding: unread.prefix(120).map { (32..<127).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    }

    private func wait(_ events: Int16, _ what: String) throws {
        let until = cl_monotonic_ns() + limitMs * 1_000_000
        while true {
            var polled = pollfd(fd: descriptor, events: events, revents: 0)
            let now = cl_monotonic_ns()
            guard now < until else { throw Trouble(.late, "\(what): nothing for \(limitMs) ms") }
            if poll(&polled, 1, Int32(clamping: (until - now) / 1_000_000 + 1)) > 0 { return }
        }
    }
}
