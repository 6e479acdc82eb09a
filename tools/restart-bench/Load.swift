import CLinux
import Glibc

/// All connections and what happens to them.
final class Load {
    /// What happened since the last mark.
    private struct Interval {
        var requests = 0
        var failed = 0
        var resets = 0
        var goneIdle = 0
        var brokenStreams = 0
        var reconnects = 0
        var stallNs: UInt64 = 0
        var streamStallNs: UInt64 = 0
    }

    private let http: UInt16
    private let stream: UInt16
    private let pauseNs: UInt64
    /// A longer wait of a busy client is told on standard error, with the time when it began (CLOCK_MONOTONIC).
    private let tellNs: UInt64
    /// Busy clients that pause, in the order in which they go on: all pause for the same time.
    private var pausing: [(index: Int, untilNs: UInt64)] = []
    private var nextPausing = 0
    private let epoll = cl_epoll_create()
    private var peers: [Peer] = []
    private var interval = Interval()
    /// Answered in all, upgrades included.
    private var answered = 0
    private var opened = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
    private static let inputToken = UInt64.max
    /// How often a stream says something.
    private static let pingNs: UInt64 = 20_000_000
    private static let connectionsPerSource = 10_000

    /// - Parameter pauseNs: how long a busy client waits from an answer to its next request.
    init(http: UInt16, stream: UInt16, pauseNs: UInt64, tellNs: UInt64) {
        self.tellNs = tellNs
        self.http = http
        self.stream = stream
        self.pauseNs = pauseNs
    }

    deinit { buffer.deallocate() }

    // MARK: Opening

    /// Opens all, a few hundred at a time, and waits for an answer on each.
    func open(idle: Int, busy: Int, streams: Int, upgrades: Int) -> Bool {
        let kinds: [(Peer.Kind, UInt16)] =
            Array(repeating: (.stream, stream), count: streams) + Array(repeating: (.stream, http), count: upgrades)
            + Array(repeating: (.idle, http), count: idle) + Array(repeating: (.busy, http), count: busy)
        for (index, (kind, port)) in kinds.enumerated() {
            guard let descriptor = connect(port) else { return false }
            var peer = Peer(kind, index, port, descriptor)
            guard peer.ask(cl_monotonic_ns()) else { return fail("a new connection takes no request") }
            peers.append(peer)
            watch(index)
            if index % 200 == 199 { guard settle() else { return false } }
        }
        guard settle() else { return false }
        for peer in peers where peer.kind == .stream && !peer.isStreaming {
            return fail("an upgrade was answered with \(peer.status)")
        }
        interval = Interval()
        return true
    }

    private func fail(_ text: String) -> Bool {
        write("restart-bench: \(text)\n", to: 2)
        return false
    }

    /// Each source address has ports of its own.
    private func connect(_ port: UInt16) -> Int32? {
        let descriptor = cl_socket(AF_INET, Int32(CL_SOCK_STREAM), 0)
        guard descriptor >= 0 else {
            _ = fail("socket: \(String(cString: strerror(-descriptor))); is the limit of open files too low?")
            return nil
        }
        var source = cl_address()
        _ = cl_address_ip(&source, "127.0.1.\(1 + opened / Self.connectionsPerSource % 200)", 0)
        // IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect.
        _ = cl_set_int(descriptor, Int32(IPPROTO_IP), 24, 1)
        _ = cl_bind(descriptor, &source)
        _ = cl_set_nodelay(descriptor)
        var target = cl_address()
        _ = cl_address_ip(&target, "127.0.0.1", port)
        _ = cl_set_nonblocking(descriptor, false)
        let rc = cl_connect(descriptor, &target)
        _ = cl_set_nonblocking(descriptor, true)
        guard rc == 0 else {
            _ = cl_close(descriptor)
            _ = fail("connect: \(String(cString: strerror(-rc)))")
            return nil
        }
        opened += 1
        return descriptor
    }

    private func watch(_ index: Int) {
        _ = cl_epoll_add(epoll, peers[index].descriptor, UInt32(CL_EPOLLIN), UInt64(index))
    }

    /// Until nobody but the busy ones waits, or for ten seconds.
    private func settle() -> Bool {
        let end = cl_monotonic_ns() + 10_000_000_000
        while peers.contains(where: { $0.phase == .waiting && !($0.kind == .busy && isBusy) }) {
            guard cl_monotonic_ns() < end else { return fail("some connections were not answered within 10 s") }
            _ = turn(timeoutMs: 10)
        }
        return true
    }

    // MARK: The loop

    /// The busy ones ask again and again, the streams now and then.
    private var isBusy = false

    func obey() {
        isBusy = true
        for index in peers.indices where peers[index].kind == .busy { ask(index) }
        _ = cl_epoll_add(epoll, 0, UInt32(CL_EPOLLIN), Self.inputToken)
        var nextPing = cl_monotonic_ns()
        while true {
            let line = turn(timeoutMs: pauseNs > 0 ? 1 : 5)
            let now = cl_monotonic_ns()
            goOn(now)
            if now >= nextPing {
                nextPing = now + Self.pingNs
                for index in peers.indices where peers[index].kind == .stream && peers[index].phase == .resting {
                    ask(index)
                }
            }
            guard let line else { continue }
            if line == "mark" {
                mark()
            } else if line.hasPrefix("term "), let pid = Int32(line.dropFirst(5)) {
                term(pid)
            } else {
                return end()
            }
        }
    }

    /// Those whose pause is over ask again.
    private func goOn(_ now: UInt64) {
        while nextPausing < pausing.count, pausing[nextPausing].untilNs <= now {
            let index = pausing[nextPausing].index
            nextPausing += 1
            if peers[index].phase == .resting { ask(index) }
        }
        if nextPausing > 1024 {
            pausing.removeFirst(nextPausing)
            nextPausing = 0
        }
    }

    /// Handles what is ready; returns a line of input.
    private func turn(timeoutMs: Int32) -> String? {
        var line: String?
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 256) { events in
            let count = Int(max(cl_epoll_wait(epoll, events.baseAddress, 256, timeoutMs), 0))
            for i in 0..<count {
                let data = cl_event_data(events.baseAddress! + i)
                if data == Self.inputToken {
                    line = readLine() ?? "end"
                } else {
                    ready(Int(data))
                }
            }
        }
        return line
    }

    private func ask(_ index: Int) {
        if !peers[index].ask(cl_monotonic_ns()) { gone(index, reset: true) }
    }

    private func ready(_ index: Int) {
        guard peers[index].phase != .ended else { return }
        switch peers[index].read(buffer) {
        case .more: return
        case .complete: complete(index)
        case .closed: gone(index, reset: false)
        case .reset: gone(index, reset: true)
        }
    }

    private func complete(_ index: Int) {
        let peer = peers[index]
        let took = cl_monotonic_ns() - peer.sentNs
        if peer.kind == .stream {
            // Streams over HTTP begin with a request.
            if !peer.wasGreeted, peer.port == http { answered += 1 }
            peers[index].wasGreeted = true
            interval.streamStallNs = max(interval.streamStallNs, took)
            return
        }
        answered += 1
        interval.requests += 1
        if peer.status != 200 { interval.failed += 1 }
        if peer.kind == .busy {
            interval.stallNs = max(interval.stallNs, took)
            if took >= tellNs { write("stall: \(took / 1000) us from \(peer.sentNs / 1000) us\n", to: 2) }
        }
        if peer.asksToClose { return gone(index, reset: false) }
        guard peer.kind == .busy, isBusy else { return }
        if pauseNs > 0 { pausing.append((index, cl_monotonic_ns() + pauseNs)) } else { ask(index) }
    }

    /// The connection is over. Another is made at once, as a client would.
    private func gone(_ index: Int, reset: Bool) {
        let peer = peers[index]
        _ = cl_close(peer.descriptor)
        peers[index].descriptor = -1
        if reset { interval.resets += 1 }
        if peer.phase == .waiting, peer.kind != .stream { interval.failed += 1 }
        peers[index].phase = .ended
        switch peer.kind {
        case .idle: interval.goneIdle += 1
        case .stream: interval.brokenStreams += 1
        case .busy: interval.reconnects += 1
        }
        guard isBusy else { return }
        guard let descriptor = connect(peer.port) else {
            interval.failed += 1
            return
        }
        peers[index] = Peer(peer.kind, index, peer.port, descriptor)
        peers[index].isReplacement = true
        watch(index)
        ask(index)
    }

    // MARK: Reports

    /// Tells a process to end and takes the time until it has, while the connections go on.
    private func term(_ pid: Int32) {
        let process = cl_pidfd_open(pid)
        guard process >= 0 else { return write("gone_us=-1\n", to: 1) }
        defer { _ = cl_close(process) }
        let start = cl_monotonic_ns()
        kill(pid, SIGTERM)
        var entry = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        // The kernel tells within its own time, not within that of a turn.
        while poll(&entry, 1, 0) == 0, cl_monotonic_ns() - start < 60_000_000_000 { _ = turn(timeoutMs: 0) }
        write("gone_us=\((cl_monotonic_ns() - start) / 1000)\n", to: 1)
    }

    private func mark() {
        // What has happened already belongs to this interval: each turn sees the next of those that are ready.
        for _ in 0...(peers.count / 256 + 1) { _ = turn(timeoutMs: 0) }
        let now = cl_monotonic_ns()
        // Who waits right now may have waited for long.
        for peer in peers where peer.phase == .waiting {
            let waits = now - peer.sentNs
            if peer.kind == .busy { interval.stallNs = max(interval.stallNs, waits) }
            if peer.kind == .stream { interval.streamStallNs = max(interval.streamStallNs, waits) }
        }
        report("")
        interval = Interval()
    }

    private func report(_ more: String) {
        write(
            "requests=\(interval.requests) failed=\(interval.failed) resets=\(interval.resets) "
                + "reconnects=\(interval.reconnects) gone_idle=\(interval.goneIdle) "
                + "broken_streams=\(interval.brokenStreams) stall_us=\(interval.stallNs / 1000) "
                + "stream_stall_us=\(interval.streamStallNs / 1000)\(more)\n", to: 1)
    }

    private func end() {
        isBusy = false
        // Those on their way come in first: a request more would be one that nobody waits for.
        _ = settle()
        for index in peers.indices where peers[index].phase == .resting && peers[index].kind != .busy { ask(index) }
        _ = settle()
        let alive = peers.filter { $0.phase == .resting && !$0.isReplacement }
        report(
            " idle_alive=\(alive.count { $0.kind == .idle }) streams_alive=\(alive.count { $0.kind == .stream }) "
                + "answered=\(answered) connections=\(opened)")
        for peer in peers where peer.descriptor >= 0 { _ = cl_close(peer.descriptor) }
    }
}
