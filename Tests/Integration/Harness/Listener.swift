import CLinux
import Glibc

/// A listening socket of the test itself: an upstream whose bytes the test sees and chooses.
final class Listener {
    let descriptor: Int32
    let port: UInt16

    /// - Parameter backlog: connections beyond it (0: the first one) stay unanswered until one is accepted.
    init(backlog: Int32 = 16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", 0)
        guard cl_bind(descriptor, &address) == 0, cl_listen(descriptor, backlog) == 0,
            cl_local_address(descriptor, &address) == 0
        else { throw Failure.system("a listening socket") }
        port = cl_address_port(&address)
    }

    deinit { _ = cl_close(descriptor) }

    /// The next connection.
    func accept() throws -> Client {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, Int32(generousSeconds * 1000)) > 0 else { throw Failure("nobody connects") }
        var peer = cl_address()
        let accepted = cl_accept(descriptor, &peer)
        guard accepted >= 0 else { throw Failure.system("accept", -accepted) }
        _ = cl_set_nonblocking(accepted, false)
        return Client(adopting: accepted)
    }

    var hasWaitingConnection: Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) > 0
    }
}
