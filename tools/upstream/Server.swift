import CLinux
import Glibc

/// A single-threaded HTTP/1.1 server over a level-triggered epoll.
final class Server {
    private let epoll: Int32
    private let listener: Int32
    private let signals: Int32
    let port: UInt16
    let helloBody: [UInt8]
    /// The whole response to the commonest request.
    let helloResponse: [UInt8]
    private let countFile: CountFile?
    /// Requests seen so far, `/count` left out.
    var requests: UInt64 = 0
    /// Requests for `/health`, and the status of their answers; 0: none, 1: something that is not HTTP, 2: 200, degraded.
    var checks: UInt64 = 0
    var healthStatus = 200
    /// The status of ordinary answers.
    var helloStatus = 200
    private var connections: [Connection?] = []
    private var generation: UInt32 = 0
    private var timers: [Timer] = []
    private static let eventCapacity = 256
    private static let readSize = 65536

    /// An answer that is due later; the earliest stands last.
    private struct Timer {
        var due: UInt64
        var descriptor: Int32
        var generation: UInt32
    }

    struct Failure: Error {
        var call: String
        var code: Int32
    }

    init(port: UInt16, name: String, countFile: String?) throws {
        helloBody = Array("hello from \(name)\n".utf8)
        helloResponse =
            Array("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: \(helloBody.count)\r\n\r\n".utf8)
            + helloBody
        self.countFile = try countFile.map { try CountFile($0) }
        signals = try Self.check("signalfd", cl_signalfd([SIGTERM, SIGINT], 2))
        epoll = try Self.check("epoll_create1", cl_epoll_create())
        listener = try Self.check("socket", cl_socket(AF_INET, Int32(CL_SOCK_STREAM), 0))
        var address = cl_address()
        _ = try Self.check("address", cl_address_ip(&address, "127.0.0.1", port))
        _ = try Self.check("SO_REUSEADDR", cl_set_reuseaddr(listener))
        _ = try Self.check("bind", cl_bind(listener, &address))
        _ = try Self.check("listen", cl_listen(listener, 4096))
        _ = try Self.check("getsockname", cl_local_address(listener, &address))
        self.port = cl_address_port(&address)
        _ = try Self.check("epoll_ctl", cl_epoll_add(epoll, listener, UInt32(CL_EPOLLIN), UInt64(listener)))
        _ = try Self.check("epoll_ctl", cl_epoll_add(epoll, signals, UInt32(CL_EPOLLIN), UInt64(signals)))
    }

    static func check(_ call: String, _ result: Int32) throws -> Int32 {
        if result < 0 { throw Failure(call: call, code: -result) }
        return result
    }

    /// Serves until SIGTERM or SIGINT.
    func run() {
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.eventCapacity)
        defer { events.deallocate() }
        while true {
            let count = cl_epoll_wait(epoll, events, Int32(Self.eventCapacity), timeoutMs())
            for i in 0..<Int(max(count, 0)) {
                let data = cl_event_data(events + i)
                let descriptor = Int32(truncatingIfNeeded: data)
                if descriptor == signals {
                    countFile?.write(requests)
                    return
                }
                if descriptor == listener { acceptAll() } else { dispatch(data, cl_event_mask(events + i)) }
            }
            fireTimers()
            countFile?.write(requests)
        }
    }

    private func acceptAll() {
        var peer = cl_address()
        for _ in 0..<64 {
            let descriptor = cl_accept(listener, &peer)
            if descriptor < 0 { return }
            _ = cl_set_nodelay(descriptor)
            while connections.count <= Int(descriptor) { connections.append(nil) }
            generation = generation &+ 1 == 0 ? 1 : generation &+ 1
            let c = Connection(descriptor: descriptor, generation: generation)
            c.interest = UInt32(CL_EPOLLIN)
            connections[Int(descriptor)] = c
            if cl_epoll_add(epoll, descriptor, c.interest, data(of: c)) < 0 { close(c) }
        }
    }

    private func data(of c: Connection) -> UInt64 { UInt64(c.generation) << 32 | UInt64(c.descriptor) }

    private func connection(_ descriptor: Int32, _ generation: UInt32) -> Connection? {
        guard let c = connections[Int(descriptor)], c.generation == generation else { return nil }
        return c
    }

    private func dispatch(_ data: UInt64, _ mask: UInt32) {
        guard let c = connection(Int32(truncatingIfNeeded: data), UInt32(data >> 32)) else { return }
        if mask & UInt32(CL_EPOLLERR | CL_EPOLLHUP) != 0 { return close(c) }
        if mask & UInt32(CL_EPOLLRDHUP) != 0, c.state == .hanging { return close(c) }
        if mask & UInt32(CL_EPOLLIN) != 0, c.wantsInput {
            let count = cl_recv(c.descriptor, c.input.room(Self.readSize), Self.readSize)
            if count > 0 {
                c.input.commit(count)
            } else if count == 0 {
                c.inputEnded = true
            } else if count != -Int(EAGAIN) {
                return close(c)
            }
        }
        advance(c)
    }

    /// Processes input and writes output until both stand still.
    func advance(_ c: Connection) {
        var rounds = 0
        while true {
            process(c)
            guard flush(c) else { return close(c) }
            guard c.state == .generating, c.output.isEmpty, rounds < 64 else { break }
            c.refill()
            if c.generate == 0 { finish(c) }
            rounds += 1
        }
        if c.output.isEmpty {
            let idle = c.state == .head || c.state == .body || c.state == .tunnel || c.state == .closing
            if c.inputEnded && idle { return close(c) }
            if c.state == .closing && !c.outputEnded {
                c.outputEnded = true
                _ = cl_shutdown(c.descriptor, Int32(CL_SHUT_WRITE))
            }
        }
        updateInterest(c)
    }

    /// Writes what the socket takes; false when the connection is broken.
    private func flush(_ c: Connection) -> Bool {
        while !c.output.isEmpty {
            let count = cl_send(c.descriptor, c.output.bytes, c.output.count, 0)
            if count < 0 { return count == -Int(EAGAIN) }
            c.output.consume(count)
        }
        return true
    }

    private func updateInterest(_ c: Connection) {
        guard connections[Int(c.descriptor)] === c else { return }
        var wanted: UInt32 = 0
        if c.wantsInput { wanted |= UInt32(CL_EPOLLIN) }
        if !c.output.isEmpty || c.state == .generating { wanted |= UInt32(CL_EPOLLOUT) }
        if c.state == .hanging { wanted |= UInt32(CL_EPOLLRDHUP) }
        if wanted == c.interest { return }
        c.interest = wanted
        if cl_epoll_mod(epoll, c.descriptor, wanted, data(of: c)) < 0 { close(c) }
    }

    private func close(_ c: Connection) {
        guard connections[Int(c.descriptor)] === c else { return }
        connections[Int(c.descriptor)] = nil
        _ = cl_close(c.descriptor)
    }

    /// Closes with a RST: SO_LINGER with no time to linger.
    func reset(_ c: Connection) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(c.descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        c.output.consume(c.output.count)
        c.state = .closing
        c.outputEnded = true
        close(c)
    }

    func schedule(_ c: Connection, afterMs milliseconds: Int) {
        let due = cl_monotonic_ns() + UInt64(milliseconds) * 1_000_000
        var low = 0
        var high = timers.count
        while low < high {
            let middle = (low + high) / 2
            if timers[middle].due > due { low = middle + 1 } else { high = middle }
        }
        timers.insert(Timer(due: due, descriptor: c.descriptor, generation: c.generation), at: low)
    }

    private func fireTimers() {
        while let timer = timers.last, timer.due <= cl_monotonic_ns() {
            timers.removeLast()
            if let c = connection(timer.descriptor, timer.generation), c.state == .waiting { answerSlow(c) }
        }
    }

    private func timeoutMs() -> Int32 {
        guard let timer = timers.last else { return -1 }
        let now = cl_monotonic_ns()
        return timer.due <= now ? 0 : Int32(min((timer.due - now) / 1_000_000 + 1, 60_000))
    }
}
