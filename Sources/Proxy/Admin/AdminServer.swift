import CLinux
import Glibc
import ProxyConfig
import Stats

/// The admin listener, on the main thread's loop.
final class AdminServer {
    static let maxConnections = 1000
    private static let idleMs: UInt64 = 3_600_000
    private static let sweepMs: UInt64 = 60_000
    /// How long to wait before accepting again when the process has no descriptor left.
    private static let retryMs: UInt64 = 100

    let loop: MainLoop
    let log: Log
    let stats: AdminStats
    /// Shared by all connections, which parse one at a time.
    var head = MessageHead(capacity: AdminConnection.limits.fields)
    private(set) var scratch = [UInt8](repeating: 0, count: 16 * 1024)
    private weak var context: (any AdminContext)?
    private let accessLog: AdminLog?
    private var lastID: UInt64 = 0
    private var listening: Int32?
    private var connections: [Int32: AdminConnection] = [:]
    /// Bodies that threads make now.
    private var streams = 0
    private static let mostStreams = 32
    private var sweep: MainTimer?
    /// The last attempt to accept found no descriptor or memory left.
    private var acceptFails = false

    /// - Parameters:
    ///   - context: kept weakly.
    ///   - shares: for the filters of access logs.
    init(
        loop: MainLoop, context: any AdminContext, store: StatsStore, writer: StatsWriter, log: Log,
        accessLogs: [AccessLog] = [], shares: RuntimeShares = RuntimeShares()
    ) {
        self.loop = loop
        self.context = context
        self.log = log
        stats = AdminStats(store, writer)
        accessLog = AdminLog(accessLogs, shares: shares) { log.error("admin access log: \($0); there is none") }
    }

    deinit {
        sweep?.cancel()
        if let listening { loop.unwatch(listening) }
        for connection in connections.values {
            connection.abandon()
            loop.unwatch(connection.descriptor)
            _ = cl_close(connection.descriptor)
            stats.connectionClosed()
        }
        head.fields.deallocate()
    }

    /// Accepts on a listening, non-blocking descriptor, which stays the caller's.
    func serve(_ descriptor: Int32) throws(SystemError) {
        stopAccepting()
        try loop.watch(descriptor, Epoll.input) { [weak self] _ in self?.accept() }
        listening = descriptor
    }

    /// Leaves the listening descriptor alone; open connections go on.
    func stopAccepting() {
        guard let descriptor = listening else { return }
        listening = nil
        loop.unwatch(descriptor)
    }

    /// Closes connections after their answer, and those that wait for a request after a short grace.
    func closeConnections() {
        for connection in Array(connections.values) { connection.end() }
    }

    /// Opens the access log anew, after a rotation has renamed it.
    func reopenAccessLog() {
        accessLog?.reopen { log.error("admin access log: \($0); logging goes on in the old file") }
    }

    // MARK: Connections

    private func accept() {
        // A few at a time: other things happen on this thread too.
        for _ in 0..<16 {
            guard let listening else { return }
            var peer = cl_address()
            let descriptor = SystemShortage.accept(listening, &peer)
            if descriptor >= 0 {
                acceptFails = false
                adopt(descriptor)
            } else if SystemShortage.isShortage(-descriptor) {
                return pause(listening, reason: -descriptor)
            } else if descriptor == -EAGAIN {
                return
            }
        }
    }

    /// The listener stays readable while nothing can be accepted: without a pause the loop would spin.
    private func pause(_ descriptor: Int32, reason: Int32) {
        // Once, however often it is tried: a shortage may last.
        if !acceptFails { log.warning("admin: cannot accept: \(SystemError.text(reason))") }
        acceptFails = true
        loop.unwatch(descriptor)
        loop.after(ms: Self.retryMs) { [weak self] in
            guard let self, listening == descriptor else { return }
            do throws(SystemError) {
                try serve(descriptor)
            } catch {
                log.error("admin: \(error); nothing more is accepted")
            }
        }
    }

    /// Takes a connected, non-blocking descriptor, which is the server's from here on.
    func adopt(_ descriptor: Int32) {
        guard connections.count < Self.maxConnections else {
            stats.connectionRefused()
            _ = cl_close(descriptor)
            return
        }
        // Fails for a Unix socket, which does not need it.
        _ = cl_set_nodelay(descriptor)
        stats.connectionOpened()
        let connection = AdminConnection(descriptor, server: self)
        connection.id = lastID
        lastID += 1
        connections[descriptor] = connection
        connection.start()
        scheduleSweep()
    }

    /// What a connection tells when it is done; its descriptor goes away here.
    func closed(_ connection: AdminConnection) {
        loop.unwatch(connection.descriptor)
        _ = cl_close(connection.descriptor)
        connections[connection.descriptor] = nil
        stats.connectionClosed()
    }

    /// Closes what was silent for too long, whatever it waits for.
    private func scheduleSweep() {
        guard sweep == nil, !connections.isEmpty else { return }
        sweep = loop.after(ms: Self.sweepMs) { [weak self] in
            guard let self else { return }
            sweep = nil
            let now = cl_monotonic_ns()
            for connection in Array(connections.values)
            where now &- connection.lastEventNs > Self.idleMs &* 1_000_000 { connection.close() }
            scheduleSweep()
        }
    }

    // MARK: What connections ask for

    /// Bytes in `scratch`, 0 at the end of the input, or a negative errno.
    func receive(from descriptor: Int32) -> Int {
        scratch.withUnsafeMutableBytes { cl_recv(descriptor, $0.baseAddress!, $0.count) }
    }

    func answer(_ request: AdminRequest) -> AdminResponse {
        // Only while the process goes down.
        guard let context else { return .refused(503) }
        let response = AdminEndpoints.answer(request, context)
        if response.status == 405 {
            log.error("admin path \"\(request.path)\" mutates state, method=\(request.method) rather than POST")
        }
        return response
    }

    /// Begins to make a body. Each that is not taken costs a thread and what it holds of the stats, so they are bounded.
    func start(_ maker: AdminResponse.Maker, for connection: AdminConnection) throws(SystemError) -> BodyStream {
        guard streams < Self.mostStreams else { throw SystemError(call: "a thread for a body", code: EAGAIN) }
        let mailbox = loop.mailbox
        let announce = MainThreadOnly { [weak connection] in connection?.pieceIsThere() }
        let stream = try BodyStream { mailbox.post { announce.take()() } }
        try stream.start { stream in maker.make { stream.write($0) } }
        streams += 1
        return stream
    }

    func streamEnded() { streams -= 1 }

    func logAccess(_ line: AccessLine) {
        accessLog?.write(line)
    }

    /// Whether somebody wants to know of requests.
    var logsAccess: Bool { accessLog != nil }

    func perform(_ action: AdminResponse.Afterwards) {
        switch action {
        case .quit: context?.quit()
        }
    }
}
