import CLinux
import Glibc
import ProxyConfig

/// What came of one check.
struct ProbeResult {
    /// nil: passed.
    var failure: ActiveCheckMachine.Failure?
    /// For the log.
    var reason = ""
    /// Of an answer that is a failure; else 0.
    var status: UInt32 = 0
    /// The response carried `x-envoy-immediate-health-check-fail`.
    var isImmediate = false
    /// It carried `x-envoy-degraded`.
    var isDegraded = false
}

/// Asks one host, again and again, one check at a time.
protocol HealthProber: AnyObject {
    /// Begins a check; its result comes later, once.
    func begin()
    /// Uses what has come and was not reported yet: the loop may have been busy with something else for long.
    func glance()
    /// Ends the check in progress and whatever is open. No result comes any more.
    func cancel()
}

/// A client connection on the main loop, for checks.
final class ProbeConnection {
    enum Event {
        case connected
        /// Valid until the handler returns.
        case data(UnsafeRawBufferPointer)
        /// 0: the peer has closed it; else an errno. Nothing comes after it.
        case closed(Int32)
    }

    private let loop: MainLoop
    /// What it begins with, once there is something to send; nil: nothing.
    private let header: ProxyHeader.Version?
    private let sockets: SocketSettings?
    private var descriptor: Int32 = -1
    private var isConnecting = false
    private var unsent: [UInt8] = []
    private var handler: ((Event) -> Void)?

    init(loop: MainLoop, header: ProxyHeader.Version?, sockets: SocketSettings?) {
        self.loop = loop
        self.header = header
        self.sockets = sockets
    }

    deinit { close() }

    var isOpen: Bool { descriptor >= 0 }

    /// Begins to connect. A failure is an event, which may come before this returns.
    func open(_ address: cl_address, _ handler: @escaping (Event) -> Void) {
        close()
        var address = address
        self.handler = handler
        let family = cl_family(&address)
        let fd = SystemShortage.socket(family)
        guard fd >= 0 else { return end(-fd) }
        if family != AF_UNIX { _ = cl_set_nodelay(fd) }
        descriptor = fd
        isConnecting = true
        do throws(SocketSettings.Failure) { try sockets?.prepare(fd, family) } catch { return end(error.code) }
        let rc = cl_connect(fd, &address)
        guard rc == 0 || rc == -EINPROGRESS else { return end(-rc) }
        watch()
    }

    func send(_ bytes: [UInt8]) {
        unsent += bytes
        if !isConnecting { flush() }
    }

    /// Handles what has happened, as if the loop had just reported it.
    func glance() {
        guard descriptor >= 0 else { return }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN | POLLOUT), revents: 0)
        guard poll(&polled, 1, 0) > 0 else { return }
        // The bits of poll(2) are those of epoll(7).
        ready(UInt32(UInt16(bitPattern: polled.revents)))
    }

    /// No event comes any more.
    func close() {
        handler = nil
        unsent = []
        guard descriptor >= 0 else { return }
        loop.unwatch(descriptor)
        _ = cl_close(descriptor)
        descriptor = -1
    }

    private func end(_ code: Int32) {
        let handler = handler
        close()
        handler?(.closed(code))
    }

    private func watch() {
        let events = isConnecting || !unsent.isEmpty ? Epoll.output : 0
        do throws(SystemError) {
            try loop.watch(descriptor, events | Epoll.input | Epoll.peerClosed) { [weak self] in self?.ready($0) }
        } catch {
            end(error.code)
        }
    }

    private func ready(_ events: UInt32) {
        if isConnecting {
            guard events & (Epoll.output | Epoll.broken) != 0 else { return }
            let code = cl_socket_error(descriptor)
            guard code == 0 else { return end(code) }
            isConnecting = false
            let own = descriptor
            handler?(.connected)
            guard descriptor == own, own >= 0 else { return }
            if let header { unsent = proxyHeader(header) + unsent }
            flush()
            return
        }
        if events & Epoll.output != 0, !unsent.isEmpty { flush() }
        if descriptor >= 0, events & Epoll.readable != 0 { read() }
    }

    private func proxyHeader(_ version: ProxyHeader.Version) -> [UInt8] {
        var peer = cl_address()
        guard cl_peer_address(descriptor, &peer) >= 0 else { return [] }
        let local = PeerAddress(localOf: descriptor)
        return [UInt8](unsafeUninitializedCapacity: ProxyHeader.longestWritten + 1) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            count = ProxyHeader.writeOwn(version, local: local, peer: PeerAddress(&peer), to: base)
        }
    }

    private func flush() {
        while descriptor >= 0, !unsent.isEmpty {
            let sent = unsent.withUnsafeBytes { cl_send(descriptor, $0.baseAddress, $0.count, 0) }
            if sent == -Int(EAGAIN) { break }
            // The answer may have come before the end did.
            guard sent > 0 else { return end(Int32(-sent)) }
            unsent.removeFirst(sent)
        }
        if descriptor >= 0 { watch() }
    }

    /// One piece; what is left is reported again (level-triggered).
    private func read() {
        withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 16) { buffer in
            let count = cl_recv(descriptor, buffer.baseAddress, buffer.count)
            if count == -Int(EAGAIN) { return }
            guard count > 0 else { return end(Int32(-count)) }
            handler?(.data(UnsafeRawBufferPointer(rebasing: buffer[..<count])))
        }
    }
}
