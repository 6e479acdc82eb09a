import CLinux
import Glibc
import ThreadTesting

/// A blocking TCP connection to the loopback: raw bytes out, raw bytes or HTTP/1.1 responses in.
final class Client {
    private(set) var descriptor: Int32
    /// What came and was not asked for yet.
    var unread: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 65536)

    /// - Parameters:
    ///   - source: the address that it comes from; nil: any.
    ///   - receiveBuffer: SO_RCVBUF, for tests of back-pressure.
    init(
        port: UInt16, address ip: String = "127.0.0.1", from source: String? = nil, receiveBuffer: Int32? = nil
    ) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.system("socket") }
        if let receiveBuffer { _ = cl_set_int(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        limitWaiting()
        var address = cl_address()
        if let source {
            _ = cl_address_ip(&address, source, 0)
            let rc = cl_bind(descriptor, &address)
            guard rc == 0 else { throw Failure.system("bind to \(source)", -rc) }
        }
        _ = cl_address_ip(&address, ip, port)
        let rc = cl_connect(descriptor, &address)
        guard rc == 0 else {
            close()
            throw Failure.system("connect to port \(port)", -rc)
        }
    }

    /// Whether nobody listens there.
    static func isRefused(port: UInt16, address ip: String = "127.0.0.1") -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { _ = cl_close(descriptor) }
        _ = cl_set_nonblocking(descriptor, true)
        var address = cl_address()
        _ = cl_address_ip(&address, ip, port)
        // On the loopback a refusal comes at once.
        return cl_connect(descriptor, &address) == -ECONNREFUSED || cl_socket_error(descriptor) == ECONNREFUSED
    }

    /// Takes an accepted connection.
    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        limitWaiting()
    }

    private func limitWaiting() {
        var limit = timeval(tv_sec: Int(generousSeconds * Pace.slowness), tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        _ = cl_set_nodelay(descriptor)
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { _ = cl_close(descriptor) }
        descriptor = -1
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let n = rest.withUnsafeBytes { cl_send(descriptor, $0.baseAddress, $0.count, 0) }
            guard n > 0 else { throw Failure.system("send", Int32(-n)) }
            rest = rest.dropFirst(n)
        }
    }

    /// No more is sent; the other direction stays open.
    func endSending() { _ = cl_shutdown(descriptor, Int32(CL_SHUT_WRITE)) }

    /// Waits for more bytes; false at the end.
    func receive() throws -> Bool {
        let n = cl_recv(descriptor, &buffer, buffer.count)
        guard n >= 0 else { throw Failure.system("recv", Int32(-n)) }
        unread += buffer[..<n]
        return n > 0
    }

    /// All that came until `end` did.
    func receive(through end: String) throws -> String {
        let end = Array(end.utf8)
        while !unread.suffix(end.count).elementsEqual(end) {
            guard try receive() else { throw Failure("the connection ended: \(unread.count) bytes came") }
        }
        return String(decoding: take(unread.count), as: UTF8.self)
    }

    /// Exactly so many bytes.
    func receive(count: Int) throws -> [UInt8] {
        while unread.count < count {
            guard try receive() else { throw Failure("the connection ended after \(unread.count) of \(count) bytes") }
        }
        return take(count)
    }

    /// All bytes until the other side ends.
    func receiveToEnd() throws -> [UInt8] {
        while try receive() {}
        return take(unread.count)
    }

    /// Reads on up to the end of a message head.
    func skipHead() throws {
        while true {
            let end = unread.indices.dropLast(3).first { unread[$0..<($0 + 4)].elementsEqual([13, 10, 13, 10]) }
            if let end { return unread.removeFirst(end + 4) }
            guard try receive() else { throw Failure("the connection ended inside a head") }
        }
    }

    /// Reads so many bytes and forgets them; returns how many there were.
    func skip(_ count: Int) throws -> Int {
        var skipped = min(unread.count, count)
        unread.removeFirst(skipped)
        while skipped < count {
            let n = cl_recv(descriptor, &buffer, min(buffer.count, count - skipped))
            guard n > 0 else { return skipped }
            skipped += n
        }
        return skipped
    }

    func take(_ count: Int) -> [UInt8] {
        let taken = Array(unread[..<count])
        unread.removeFirst(count)
        return taken
    }

    /// Whether the other side has ended or reset the connection, as far as it is known now. Bytes that came are kept.
    func hasEnded() -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&polled, 1, 0) > 0 {
            let n = cl_recv(descriptor, &buffer, buffer.count)
            if n <= 0 { return true }
            unread += buffer[..<n]
        }
        return false
    }
}
