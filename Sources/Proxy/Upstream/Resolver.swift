import CCares
import CLinux
import Glibc
import ProxyConfig

/// Asynchronous DNS for the main loop: c-ares, whose sockets and timeouts the loop serves.
final class Resolver {
    /// What a name resolved to.
    enum Answer {
        /// Never empty; `ttl` in seconds is the least of all records.
        case addresses([cl_address], ttl: UInt32)
        /// The name exists and has no address of the wanted family.
        case empty
        case failed(String)
    }

    private let loop: MainLoop
    private var channel: ares_channel?
    private var timer: MainTimer?

    init(loop: MainLoop) throws(SystemError) {
        self.loop = loop
        let rc = ares_library_init(ARES_LIB_INIT_ALL)
        guard rc == ARES_SUCCESS else { throw SystemError(call: "ares_library_init", code: ENOMEM) }
        var options = ares_options()
        options.sock_state_cb = { context, descriptor, readable, writable in
            guard let context else { return }
            Unmanaged<Resolver>.fromOpaque(context).takeUnretainedValue()
                .socketChanged(descriptor, readable: readable != 0, writable: writable != 0)
        }
        options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        // Envoy's defaults: 5 s a try, 4 tries.
        options.timeout = 5000
        options.tries = 4
        var made: ares_channel?
        let result = ares_init_options(
            &made, &options, ARES_OPT_SOCK_STATE_CB | Int32(ARES_OPT_TIMEOUTMS) | Int32(ARES_OPT_TRIES))
        guard result == ARES_SUCCESS, let made else {
            throw SystemError(call: "ares_init_options: \(String(cString: ares_strerror(result)))", code: EINVAL)
        }
        channel = made
    }

    deinit {
        timer?.cancel()
        if let channel { ares_destroy(channel) }
    }

    /// Resolves `host`; `done` runs on the main thread, maybe before this returns.
    func resolve(_ host: String, port: UInt16, family: DNSFamily, _ done: @escaping (Answer) -> Void) {
        switch family {
        case .v4Only: query(host, port, AF_INET, done)
        case .v6Only: query(host, port, AF_INET6, done)
        case .all: query(host, port, AF_UNSPEC, done)
        case .auto: preferring(AF_INET6, else: AF_INET, host, port, done)
        case .v4Preferred: preferring(AF_INET, else: AF_INET6, host, port, done)
        }
    }

    /// The first family that has an address.
    private func preferring(
        _ first: Int32, else second: Int32, _ host: String, _ port: UInt16, _ done: @escaping (Answer) -> Void
    ) {
        query(host, port, first) { answer in
            if case .addresses = answer { return done(answer) }
            self.query(host, port, second) { fallback in
                // A family that is missing is no failure when the other one just has nothing.
                if case .failed = fallback, case .empty = answer { return done(.empty) }
                done(fallback)
            }
        }
    }

    private final class Query {
        let port: UInt16
        let done: (Answer) -> Void
        init(port: UInt16, done: @escaping (Answer) -> Void) {
            self.port = port
            self.done = done
        }
    }

    private func query(_ host: String, _ port: UInt16, _ family: Int32, _ done: @escaping (Answer) -> Void) {
        guard let channel else { return done(.failed("no resolver")) }
        var hints = ares_addrinfo_hints()
        hints.ai_family = family
        hints.ai_socktype = Int32(CL_SOCK_STREAM)
        hints.ai_flags = Int32(ARES_AI_NOSORT)
        let context = Unmanaged.passRetained(Query(port: port, done: done)).toOpaque()
        ares_getaddrinfo(
            channel, host, nil, &hints,
            { context, status, _, result in
                guard let context else { return }
                let query = Unmanaged<Query>.fromOpaque(context).takeRetainedValue()
                defer { if let result { ares_freeaddrinfo(result) } }
                query.done(Resolver.answer(status, result, query.port))
            }, context)
        rearm()
    }

    static func answer(_ status: Int32, _ result: UnsafeMutablePointer<ares_addrinfo>?, _ port: UInt16)
        -> Answer
    {
        if status == ARES_ENODATA { return .empty }
        guard status == ARES_SUCCESS else { return .failed(String(cString: ares_strerror(status))) }
        var addresses: [cl_address] = []
        var ttl = UInt32(Int32.max)
        var node = result?.pointee.nodes
        while let current = node {
            node = current.pointee.ai_next
            guard let source = current.pointee.ai_addr, current.pointee.ai_addrlen <= 128 else { continue }
            var address = cl_address()
            address.length = current.pointee.ai_addrlen
            withUnsafeMutableBytes(of: &address.words) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(current.pointee.ai_addrlen)))
            }
            guard ListenSocket.isIP(address) else { continue }
            cl_address_set_port(&address, port)
            addresses.append(address)
            ttl = min(ttl, UInt32(max(current.pointee.ai_ttl, 0)))
        }
        return addresses.isEmpty ? .empty : .addresses(addresses, ttl: ttl)
    }

    private func socketChanged(_ descriptor: Int32, readable: Bool, writable: Bool) {
        guard readable || writable else { return loop.unwatch(descriptor) }
        let events = (readable ? Epoll.input : 0) | (writable ? Epoll.output : 0)
        do {
            try loop.watch(descriptor, events) { [weak self] mask in
                guard let self, let channel = self.channel else { return }
                let broken = mask & Epoll.broken != 0
                let canRead = broken || mask & Epoll.input != 0
                let canWrite = broken || mask & Epoll.output != 0
                let none: ares_socket_t = -1
                ares_process_fd(channel, canRead ? descriptor : none, canWrite ? descriptor : none)
                self.rearm()
            }
        } catch {
            // The query then ends by its timeout.
        }
    }

    /// Wakes c-ares when its next query times out.
    private func rearm() {
        timer?.cancel()
        timer = nil
        guard let channel else { return }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        var next = timeval()
        guard let wait = ares_timeout(channel, nil, &next) else { return }
        limit = wait.pointee
        let ms = UInt64(max(limit.tv_sec, 0)) * 1000 + UInt64(max(limit.tv_usec, 0)) / 1000
        timer = loop.after(ms: max(ms, 1)) { [weak self] in
            guard let self, let channel = self.channel else { return }
            let none: ares_socket_t = -1
            ares_process_fd(channel, none, none)
            self.rearm()
        }
    }
}
