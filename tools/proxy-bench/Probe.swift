import CLinux
import Glibc
import ToolSupport

/// Looking whether somebody answers.
enum Probe {
    /// A port that nobody listens on now. The kernel may give the same one twice.
    static func freePort(except taken: [Int] = []) throws(Failure) -> Int {
        while true {
            let port = try anyPort()
            if !taken.contains(port) { return port }
        }
    }

    private static func anyPort() throws(Failure) -> Int {
        let descriptor = cl_socket(AF_INET, Int32(CL_SOCK_STREAM), 0)
        defer { _ = cl_close(descriptor) }
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", 0)
        guard descriptor >= 0, cl_bind(descriptor, &address) == 0, cl_local_address(descriptor, &address) == 0 else {
            throw Failure("no free port")
        }
        return Int(cl_address_port(&address))
    }

    /// The status of `GET path`, nil where nobody answers within a second.
    static func status(_ host: String, _ port: Int, _ path: String) -> Int? {
        let descriptor = cl_socket(AF_INET, Int32(CL_SOCK_STREAM), 0)
        guard descriptor >= 0 else { return nil }
        defer { _ = cl_close(descriptor) }
        _ = cl_set_nonblocking(descriptor, false)
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = cl_address()
        _ = cl_address_ip(&address, host, UInt16(port))
        guard cl_connect(descriptor, &address) == 0 else { return nil }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: bench.local\r\n\r\n".utf8)
        guard cl_send(descriptor, request, request.count, 0) == request.count else { return nil }
        var answer = [UInt8](repeating: 0, count: 64)
        let n = cl_recv(descriptor, &answer, answer.count)
        guard n >= 12 else { return nil }
        return Int(String(decoding: answer[9..<12], as: UTF8.self))
    }

    /// Waits until `GET path` is answered with 200, and returns when that was (CLOCK_MONOTONIC, ns).
    static func waitFor(_ child: Child, _ host: String, _ port: Int, _ path: String, seconds: Double = 60)
        throws(Failure) -> UInt64
    {
        let end = cl_monotonic_ns() + UInt64(seconds * 1e9)
        var last: Int?
        while cl_monotonic_ns() < end {
            last = status(host, port, path)
            if last == 200 { return cl_monotonic_ns() }
            if child.poll() != nil { throw Failure("\(child.name) ended: \(child.lastWords)") }
            usleep(500)
        }
        throw Failure(
            "\(child.name) did not serve within \(fixed(seconds, 0)) s (last status \(last ?? 0)): \(child.lastWords)")
    }
}
