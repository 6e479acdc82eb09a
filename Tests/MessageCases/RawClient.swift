import CLinux
import Glibc

/// A client that sends raw bytes and looks at what comes, for as long as it is told to.
package final class RawClient {
    private let descriptor: Int32
    package private(set) var bytes: [UInt8] = []
    package private(set) var hasEnded = false
    private var buffer = [UInt8](repeating: 0, count: 65536)

    /// - Parameter own: the address that it comes from, one of 127.0.0.0/8.
    package init(port: UInt16, from own: String? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw CaseError("socket: \(String(cString: strerror(errno)))") }
        var address = cl_address()
        if let own {
            _ = cl_address_ip(&address, own, 0)
            let rc = cl_bind(descriptor, &address)
            guard rc == 0 else { throw CaseError("bind to \(own): \(String(cString: strerror(-rc)))") }
        }
        _ = cl_address_ip(&address, "127.0.0.1", port)
        let rc = cl_connect(descriptor, &address)
        guard rc == 0 else { throw CaseError("connect to port \(port): \(String(cString: strerror(-rc)))") }
        _ = cl_set_nodelay(descriptor)
    }

    deinit { _ = cl_close(descriptor) }

    /// Sends in one piece, or byte by byte; of long messages so many bytes at once that it takes as many writes as of
    /// short ones. A proxy that has closed already does not matter.
    package func send(_ bytes: [UInt8], byteByByte: Bool = false) {
        var rest = bytes[...]
        let count = byteByByte ? 1 + bytes.count / 1000 : bytes.count
        while !rest.isEmpty {
            let piece = rest.prefix(count)
            let sent = piece.withUnsafeBytes { cl_send(descriptor, $0.baseAddress, $0.count, 0) }
            if sent <= 0 { return }
            rest = rest.dropFirst(sent)
        }
    }

    package func endSending() { _ = cl_shutdown(descriptor, Int32(CL_SHUT_WRITE)) }

    /// Reads until `enough` says so, the other side ends, or nothing came for so long; false in the last case.
    package func receive(silenceMs: Int, until enough: () -> Bool) -> Bool {
        while !hasEnded, !enough() {
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, Int32(silenceMs)) == 0 { return false }
            let count = cl_recv(descriptor, &buffer, buffer.count)
            if count <= 0 { hasEnded = true } else { bytes += buffer[..<count] }
        }
        return true
    }

    /// The responses so far. `methods`: of the requests, in order; `GET` where they are unknown.
    package func responses(methods: [String]) -> (whole: [WireMessage], rest: WireMessage.Progress) {
        var whole: [WireMessage] = []
        var final = 0
        var rest = bytes
        while true {
            let bodiless = final < methods.count && methods[final] == "HEAD"
            let progress = WireMessage.read(rest, isResponse: true, bodiless: bodiless, ended: hasEnded)
            guard case .whole(let message, let count) = progress else { return (whole, progress) }
            whole.append(message)
            if message.status >= 200 || message.status == 101 { final += 1 }
            rest.removeFirst(count)
        }
    }
}
