import CLinux
import Glibc
import Stats

/// A StatsD server at the other end of a TCP connection to a host of a cluster. Nothing is owed to it that the kernel has
/// taken for a connection; what it has not, it gets once it can be reached.
final class StreamSink: StatsdSink {
    let format: StatsdFormat
    private let connectMs: Int32
    private let report: @Sendable (String) -> Void
    private let name: String
    private var hosts: [cl_address] = []
    /// Which host is tried next.
    private var next = 0
    private var descriptor: Int32 = -1
    private var connected: cl_address?
    private var bytes: [UInt8] = []
    /// The rest of what the kernel has taken a part of: a line must not be cut.
    private var rest: [UInt8] = []
    /// One attempt each time.
    private var mayConnect = false
    /// CLOCK_MONOTONIC until which this time may wait for the server.
    private var deadlineNs: UInt64 = 0
    private var isAway = false

    /// How long a server may keep the thread waiting each time.
    private static let patienceMs: UInt64 = 1000

    /// - Parameters:
    ///   - name: of the cluster.
    ///   - connectMs: its `connect_timeout`.
    init(_ name: String, format: StatsdFormat, connectMs: UInt64, report: @escaping @Sendable (String) -> Void) {
        self.name = name
        self.format = format
        self.connectMs = Int32(min(connectMs, Self.patienceMs))
        self.report = report
    }

    deinit { close() }

    /// Before what is sent at once: where it may go.
    func begin(_ hosts: [cl_address]) {
        self.hosts = hosts
        mayConnect = true
        deadlineNs = cl_monotonic_ns() + Self.patienceMs * 1_000_000
        if let connected, !hosts.contains(where: { SocketAddress.equal($0, connected) }) { close() }
        if descriptor >= 0, hasEnded { close() }
    }

    func add(_ line: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: line)
        bytes.append(UInt8(ascii: "\n"))
    }

    func send() -> Bool {
        defer { bytes.removeAll(keepingCapacity: true) }
        guard isConnected() else { return false }
        if !rest.isEmpty {
            let waiting = rest
            guard write(waiting, from: 0) == waiting.count else { return false }
            rest = []
        }
        let written = write(bytes, from: 0)
        guard written > 0 || bytes.isEmpty else { return false }
        if written < bytes.count, descriptor >= 0 { rest = Array(bytes[written...]) }
        return true
    }

    /// Writes as much as the server takes in time; returns how much. The connection is closed when it fails.
    private func write(_ bytes: [UInt8], from start: Int) -> Int {
        var written = start
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { cl_send(descriptor, $0.baseAddress! + written, $0.count - written, 0) }
            if count > 0 {
                written += count
                continue
            }
            guard count == -Int(EAGAIN) else {
                away(SystemError.text(Int32(-count)))
                return written
            }
            if !wait(POLLOUT) {
                if written > 0, self.rest == bytes { rest = Array(bytes[written...]) }
                return written
            }
        }
        return written
    }

    private func wait(_ events: Int32) -> Bool {
        let now = cl_monotonic_ns()
        guard now < deadlineNs else { return false }
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return poll(&entry, 1, Int32((deadlineNs - now) / 1_000_000 + 1)) == 1
    }

    /// Whether the server has closed its side: it answers nothing, so whatever comes is dropped.
    private var hasEnded: Bool {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            while true {
                let count = cl_recv(descriptor, buffer.baseAddress!, buffer.count)
                if count <= 0 { return count != -Int(EAGAIN) }
            }
        }
    }

    // MARK: The connection

    private func isConnected() -> Bool {
        if descriptor >= 0 { return true }
        guard mayConnect else { return false }
        mayConnect = false
        guard !hosts.isEmpty else {
            away("it has no host")
            return false
        }
        next = (next + 1) % hosts.count
        var address = hosts[next]
        let made = cl_socket(cl_family(&address), Int32(CL_SOCK_STREAM), 0)
        guard made >= 0 else {
            away(SystemError.text(-made))
            return false
        }
        descriptor = made
        _ = cl_set_nodelay(made)
        var failure = -cl_connect(made, &address)
        if failure == EINPROGRESS {
            var entry = pollfd(fd: made, events: Int16(POLLOUT), revents: 0)
            failure = poll(&entry, 1, connectMs) == 1 ? cl_socket_error(made) : ETIMEDOUT
        }
        guard failure == 0 else {
            away("\(SocketAddress.text(address)): \(SystemError.text(failure))")
            return false
        }
        connected = address
        isAway = false
        return true
    }

    /// Said once, however long it takes.
    private func away(_ why: String) {
        close()
        if !isAway { report("stats sink in cluster \(name): \(why); it gets its stats when it can be reached") }
        isAway = true
    }

    private func close() {
        if descriptor >= 0 { _ = cl_close(descriptor) }
        descriptor = -1
        connected = nil
        rest = []
    }
}
