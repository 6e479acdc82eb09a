import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// A StatsD server of the test itself: datagrams on a port of the loopback interface. A thread takes them as they come, since a socket
/// keeps few, and the test may be busy for long.
final class StatsdServer: Sendable {
    private struct State {
        /// Every datagram, as it came.
        var datagrams: [String] = []
        var isOver = false
    }

    /// Also what the thread has, which may be there longer than the server.
    private final class Inbox: Sendable {
        let descriptor: Int32
        let state = Mutex(State())

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { _ = cl_close(descriptor) }

        /// Takes what has come.
        func receive() {
            state.withLock { state in
                withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
                    while true {
                        let count = cl_recv(descriptor, buffer.baseAddress!, buffer.count)
                        guard count >= 0 else { return }
                        state.datagrams.append(String(decoding: buffer[..<count], as: UTF8.self))
                    }
                }
            }
        }
    }

    let port: UInt16
    private let inbox: Inbox

    init() throws {
        let inbox = Inbox(cl_socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", 0)
        _ = cl_set_int(inbox.descriptor, SOL_SOCKET, SO_RCVBUF, 8 << 20)
        guard cl_bind(inbox.descriptor, &address) == 0, cl_local_address(inbox.descriptor, &address) == 0 else {
            throw Failure.system("a socket for datagrams")
        }
        port = cl_address_port(&address)
        self.inbox = inbox
        Thread {
            while inbox.state.withLock({ !$0.isOver }) {
                var polled = pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)
                if poll(&polled, 1, 100) > 0 { inbox.receive() }
            }
        }.detach()
    }

    deinit { inbox.state.withLock { $0.isOver = true } }

    /// Takes what has come.
    func receive() { inbox.receive() }

    var datagrams: [String] { inbox.state.withLock { $0.datagrams } }

    /// All that came of a counter, in all.
    ///
    /// - Parameter suffix: its tags.
    func total(_ name: String, _ suffix: String = "") -> UInt64 {
        receive()
        return lines.reduce(0) { sum, line in
            guard line.hasPrefix("\(name):"), line.hasSuffix("|c\(suffix)") else { return sum }
            return sum + (UInt64(line.dropFirst(name.utf8.count + 1).prefix { $0 != "|" }) ?? 0)
        }
    }

    /// How many values of a histogram came, in all.
    func values(_ name: String) -> Int {
        receive()
        return lines.reduce(0) { sum, line in
            guard line.hasPrefix("\(name):"), line.contains("|ms") else { return sum }
            guard let rate = line.split(separator: "@").dropFirst().first, let share = Double(rate) else {
                return sum + 1
            }
            return sum + Int(1 / share)
        }
    }

    /// What a gauge was last.
    func gauge(_ name: String) -> UInt64? {
        receive()
        return lines.last { $0.hasPrefix("\(name):") && $0.contains("|g") }
            .flatMap { UInt64($0.dropFirst(name.utf8.count + 1).prefix { $0 != "|" }) }
    }

    /// How many lines of this name came.
    func count(_ name: String) -> Int {
        receive()
        return lines.count { $0.hasPrefix("\(name):") }
    }

    var lines: [Substring] { datagrams.flatMap { $0.split(separator: "\n") } }
}
