import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// An upstream that writes down every request that reaches it, over whichever connection, and answers in the bytes it is
/// told to.
///
/// One thread serves all connections; a read that empties a socket happens before `settle` returns.
public final class RecordingUpstream: Sendable {
    package struct Seen {
        package var connection: Int
        package var message: WireMessage
        package var isWhole: Bool
        package var isGarbage = false
    }

    private struct Connection {
        var descriptor: Int32
        var bytes: [UInt8] = []
        var isOpen = true
    }

    private struct State {
        var connections: [Connection] = []
        var seen: [Seen] = []
        var answer: (bytes: [UInt8], closes: Bool)?
        var answered = "/raw"
        var rounds = 0
        var stops = false
    }

    public let port: UInt16
    private let listening: Int32
    private let wake: Int32
    private let state = Mutex(State())
    private let thread = Mutex<Thread?>(nil)

    public init() throws {
        listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        wake = cl_eventfd()
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", 0)
        guard listening >= 0, wake >= 0, cl_bind(listening, &address) == 0, cl_listen(listening, 64) == 0,
            cl_local_address(listening, &address) == 0, cl_set_nonblocking(listening, true) == 0
        else { throw CaseError("a listening socket: \(String(cString: strerror(errno)))") }
        port = cl_address_port(&address)
        thread.withLock { $0 = Thread { self.serve() } }
    }

    /// Ends its thread and closes what it holds.
    public func stop() {
        state.withLock { $0.stops = true }
        cl_eventfd_signal(wake)
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
        for connection in state.withLock({ $0.connections }) where connection.isOpen {
            _ = cl_close(connection.descriptor)
        }
        _ = cl_close(listening)
        _ = cl_close(wake)
    }

    // MARK: For a run of cases

    /// Forgets what was seen; requests to what begins with `path` get this answer from now on.
    package func begin(answer: (bytes: [UInt8], closes: Bool)? = nil, for path: String = "/raw") {
        state.withLock {
            $0.seen = []
            $0.answer = answer
            $0.answered = path
        }
    }

    /// What was seen since `begin`, with what is unfinished, once everything that was sent until now is read.
    package func settle() -> [Seen] {
        let before = state.withLock { $0.rounds }
        // The round that runs now may have passed a socket already: wait for the end of the one behind it.
        while state.withLock({ $0.rounds < before + 2 && !$0.stops }) {
            cl_eventfd_signal(wake)
            usleep(50)
        }
        return snapshot()
    }

    func snapshot() -> [Seen] {
        state.withLock { state in
            var all = state.seen
            for index in state.connections.indices { all += Self.rest(state.connections[index].bytes, index) }
            return all
        }
    }

    /// What stands behind the last whole request of a connection: one that is unfinished, or bytes that are none.
    private static func rest(_ bytes: [UInt8], _ connection: Int) -> [Seen] {
        if bytes.isEmpty { return [] }
        if case .begun(let message) = WireMessage.read(bytes, isResponse: false) {
            return [Seen(connection: connection, message: message, isWhole: false)]
        }
        var message = WireMessage()
        message.startLine = RawText.quote(bytes)
        return [Seen(connection: connection, message: message, isWhole: true, isGarbage: true)]
    }

    // MARK: The thread

    private func serve() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let open = state.withLock { state in
                state.stops ? nil : state.connections.indices.filter { state.connections[$0].isOpen }
            }
            guard let open else { return }
            var polled = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
            polled.append(pollfd(fd: listening, events: Int16(POLLIN), revents: 0))
            for index in open {
                polled.append(pollfd(fd: descriptor(index), events: Int16(POLLIN), revents: 0))
            }
            poll(&polled, nfds_t(polled.count), -1)
            for (entry, index) in zip(polled.dropFirst(2), open) where entry.revents != 0 { read(index, &buffer) }
            if polled[1].revents != 0 { accept(&buffer) }
            if polled[0].revents != 0 {
                cl_eventfd_drain(wake)
                state.withLock { $0.rounds += 1 }
            }
        }
    }

    private func descriptor(_ index: Int) -> Int32 { state.withLock { $0.connections[index].descriptor } }

    private func accept(_ buffer: inout [UInt8]) {
        while true {
            var peer = cl_address()
            let descriptor = cl_accept(listening, &peer)
            if descriptor < 0 { return }
            _ = cl_set_nonblocking(descriptor, true)
            _ = cl_set_nodelay(descriptor)
            let index = state.withLock { state in
                state.connections.append(Connection(descriptor: descriptor))
                return state.connections.count - 1
            }
            read(index, &buffer)
        }
    }

    private func read(_ index: Int, _ buffer: inout [UInt8]) {
        while true {
            let count = cl_recv(descriptor(index), &buffer, buffer.count)
            if count == -Int(EAGAIN) { return }
            if count <= 0 { return close(index) }
            let closes = state.withLock { take(buffer[..<count], index, &$0) }
            if closes { return close(index) }
        }
    }

    private func close(_ index: Int) {
        state.withLock { state in
            guard state.connections[index].isOpen else { return }
            _ = cl_close(state.connections[index].descriptor)
            state.connections[index].isOpen = false
            state.seen += Self.rest(state.connections[index].bytes, index)
            state.connections[index].bytes = []
        }
    }

    /// Reads requests and answers them; true when the connection is to be closed.
    private func take(_ bytes: ArraySlice<UInt8>, _ index: Int, _ state: inout State) -> Bool {
        state.connections[index].bytes += bytes
        while case .whole(let message, let count) = WireMessage.read(state.connections[index].bytes, isResponse: false)
        {
            state.connections[index].bytes.removeFirst(count)
            state.seen.append(Seen(connection: index, message: message, isWhole: true))
            let target = message.start.count > 1 ? String(message.start[1]) : ""
            if let answer = state.answer, target.hasPrefix(state.answered) {
                send(answer.bytes, state.connections[index].descriptor)
                if answer.closes { return true }
            } else {
                let body = message.start.first == "HEAD" ? "" : "ok"
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-target: \(target)\r\n\r\n"
                send(Array((head + body).utf8), state.connections[index].descriptor)
            }
        }
        return false
    }

    private func send(_ bytes: [UInt8], _ descriptor: Int32) {
        // The answers are smaller than a socket's buffer.
        _ = bytes.withUnsafeBytes { cl_send(descriptor, $0.baseAddress, $0.count, 0) }
    }
}
