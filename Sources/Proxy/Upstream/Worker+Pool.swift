import CLinux
import Glibc

/// The pool of one host: a request takes the idle connection used last, else waits while a new one is made; whichever
/// connection is ready first serves the request that has waited longest.
extension Worker {
    enum Attach {
        /// `stream.upstream` is set; write to it.
        case connected
        /// Waits: what is to be sent goes into `stream.buffer`.
        case pending
        /// A circuit breaker is open.
        case overflow
        /// The connection attempt failed at once, with this errno.
        case failed(Int32)
    }

    /// Finds a connection for a stream whose `host` is chosen.
    func attach(_ streamSlot: Int32, _ s: StreamPointer) -> Attach {
        let pool = hosts[s.pointee.host]
        let stats = clusterStats[Int(pool.pointee.cluster)]
        let limits = snapshot.clusters[Int(pool.pointee.cluster)]
        if limits.preconnect.isOn { return attachAhead(streamSlot, s, pool) }
        let usage = snapshot.usage(of: Int(pool.pointee.cluster))
        if limits.limitsRequests, !admit(s, usage, limits.maxRequests) {
            stats.counters[.upstream_rq_active_overflow].increment()
            return .overflow
        }
        let isByClient = pool.pointee.isByClient
        if isByClient, clientAddresses(connections[s.pointee.downstream]) < 0 { return .failed(ENOBUFS) }
        while true {
            let slot = isByClient ? idle(of: s) : pool.pointee.idleHead
            if slot < 0 { break }
            let u = connections[slot]
            unpool(u)
            if u.pointee.flags.contains(.peerClosing) {
                close(slot, u)
                continue
            }
            bind(slot, u, streamSlot, s)
            return .connected
        }
        if usage.pending >= UInt64(limits.maxPending) {
            stats.counters[.upstream_rq_pending_overflow].increment()
            return .overflow
        }
        let isFull = usage.connections >= UInt64(limits.maxConnections) && (isByClient || pool.pointee.connections > 0)
        if isFull { stats.counters[.upstream_cx_overflow].increment() }
        // As in Envoy, also of one whose connection fails at once.
        stats.counters[.upstream_rq_pending_total].increment()
        // As in Envoy, who has no connection of its own gets one whatever the limit: nobody else's will ever do.
        if !isFull || isByClient {
            let code = connectUpstream(s.pointee.host, pool, kind: .upstreamHTTP, for: s.pointee.downstream)
            if code < 0, isByClient || pool.pointee.connecting == 0 { return .failed(-code) }
        }
        enqueue(streamSlot, s, pool)
        stats.gauges[.upstream_rq_pending_active].add(1)
        return .pending
    }

    /// Takes a place of `max_requests` for the stream; it is given back with the stream. Waiting requests count too.
    func admit(_ s: StreamPointer, _ usage: ClusterUsage, _ limit: UInt32) -> Bool {
        if s.pointee.flags.contains(.countsRequest) { return true }
        // Several workers may ask at once: who gets past the limit steps back.
        guard usage.requests < UInt64(limit) else { return false }
        use(Int(s.pointee.cluster), .requests, 1)
        guard usage.requests <= UInt64(limit) else {
            use(Int(s.pointee.cluster), .requests, -1)
            return false
        }
        s.pointee.flags.insert(.countsRequest)
        return true
    }

    /// Joins a stream and a connection that is ready for it.
    func bind(_ slot: Int32, _ u: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer) {
        s.pointee.upstream = slot
        u.pointee.stream = streamSlot
        u.pointee.requests &+= 1
        let watch = snapshot.clusters[Int(s.pointee.cluster)].watch
        if !watch.isEmpty { noteBound(u, watch) }
        let cluster = snapshot.clusters + Int(s.pointee.cluster)
        u.pointee.bufferLimit = cluster.pointee.bufferLimit
        if cluster.pointee.maxStreamNs > 0 { limitUpstream(s, cluster.pointee.maxStreamNs) }
        let stats = clusterStats[Int(s.pointee.cluster)]
        stats.counters[.upstream_rq_total].increment()
        if s.pointee.flags.contains(.classified) { count(.upstream_rq_total, s) }
        stats.gauges[.upstream_rq_active].add(1)
        if s.pointee.log >= 0 { noteConnected(s.pointee.log, connections[s.pointee.downstream], u) }
    }

    /// Starts a connection to a host. Returns its slot, or -errno.
    ///
    /// - Parameter client: whom it is made for; others may use it, unless it must name that client (`isByClient`).
    func connectUpstream(
        _ hostSlot: Int32, _ pool: UnsafeMutablePointer<HostPool>, kind: Connection.Kind, for client: Int32
    ) -> Int32 {
        let stats = clusterStats[Int(pool.pointee.cluster)]
        let family = cl_family(&pool.pointee.address)
        let fd = SystemShortage.socket(family)
        if fd < 0 {
            stats.counters[.upstream_cx_connect_fail].increment()
            return fd
        }
        if family != AF_UNIX { _ = cl_set_nodelay(fd) }
        var rc = prepare(fd, family, Int(pool.pointee.cluster))
        if rc == 0 { rc = cl_connect(fd, &pool.pointee.address) }
        if rc < 0, rc != -EINPROGRESS, rc != -EAGAIN {
            _ = cl_close(fd)
            stats.counters[.upstream_cx_total].increment()
            stats.counters[.upstream_cx_connect_fail].increment()
            return rc
        }
        let slot = connections.take()
        guard slot >= 0 else {
            _ = cl_close(fd)
            return -ENOBUFS
        }
        let u = connections[slot]
        let generation = u.pointee.generation
        let now = state.pointee.nowNs
        u.pointee = Connection()
        u.pointee.generation = generation
        u.pointee.fd = fd
        u.pointee.kind = kind
        u.pointee.flags = .connecting
        u.pointee.host = hostSlot
        u.pointee.createdNs = now
        u.pointee.lastActivityNs = now
        u.pointee.bufferLimit = snapshot.clusters[Int(pool.pointee.cluster)].bufferLimit
        u.pointee.deadlineNs = now &+ snapshot.clusters[Int(pool.pointee.cluster)].connectTimeoutNs
        if kind == .upstreamHTTP { pool.pointee.connecting += 1 }
        pool.pointee.connections += 1
        use(Int(pool.pointee.cluster), .connections, 1)
        snapshot.usage(of: Int(pool.pointee.cluster)).noteConnection()
        stats.counters[.upstream_cx_total].increment()
        if kind == .upstreamHTTP { stats.counters[.upstream_cx_http1_total].increment() }
        stats.gauges[.upstream_cx_active].add(1)
        arm(slot, deadlineNs: u.pointee.deadlineNs)
        var added = cl_epoll_add(
            epoll, fd, Epoll.connection, UInt64(generation) << 32 | UInt64(UInt32(bitPattern: slot)))
        if pool.pointee.isByClient, !belong(u, to: client) { added = -ENOBUFS }
        if added < 0 {
            close(slot, u)
            return added
        }
        return slot
    }

    /// Does with a new socket what its cluster is configured to. Returns 0 or -errno.
    private func prepare(_ fd: Int32, _ family: Int32, _ cluster: Int) -> Int32 {
        let settings = snapshot.clusters[cluster].sockets
        if settings < 0 { return 0 }
        do throws(SocketSettings.Failure) {
            try snapshot.socketSettings[Int(settings)].prepare(fd, family)
        } catch {
            if case .bind = error { clusterStats[cluster].counters[.bind_errors].increment() }
            return -error.code
        }
        return 0
    }

    /// epoll says that a connecting socket has come to an outcome.
    func connectFinished(_ slot: Int32, _ u: ConnectionPointer) {
        let code = cl_socket_error(u.pointee.fd)
        let pool = hosts[u.pointee.host]
        let stats = clusterStats[Int(pool.pointee.cluster)]
        if code != 0 {
            stats.counters[.upstream_cx_connect_fail].increment()
            return connectFailed(slot, u, code)
        }
        u.pointee.flags.remove(.connecting)
        u.pointee.deadlineNs = 0
        if u.pointee.kind == .upstreamHTTP { pool.pointee.connecting -= 1 }
        stats.histograms[.upstream_cx_connect_ms].record((state.pointee.nowNs &- u.pointee.createdNs) / 1_000_000)
        u.pointee.lastActivityNs = state.pointee.nowNs
        if u.pointee.flags.contains(.spare) { return spareConnected(slot, u, pool) }
        if u.pointee.kind == .tunnelUpstream { countLoad(u, of: Int(pool.pointee.cluster), 1) }
        if u.pointee.flags.contains(.proxied) { return ownConnected(slot, u) }
        if u.pointee.kind == .tunnelUpstream { tunnelConnected(slot, u) } else { serveNext(slot, u) }
    }

    /// The same of one that begins with the addresses of its client.
    private func ownConnected(_ slot: Int32, _ u: ConnectionPointer) {
        let generation = u.pointee.generation
        writeProxyHeader(u)
        if u.pointee.kind == .tunnelUpstream { tunnelConnected(slot, u) } else { serveNext(slot, u) }
        if u.pointee.generation == generation, u.pointee.kind != .free, !u.pointee.output.isEmpty {
            flushOutput(slot, u)
        }
    }

    func connectTimedOut(_ slot: Int32, _ u: ConnectionPointer) {
        let stats = clusterStats[cluster(of: u)]
        stats.counters[.upstream_cx_connect_fail].increment()
        stats.counters[.upstream_cx_connect_timeout].increment()
        connectFailed(slot, u, ETIMEDOUT)
    }

    /// As Envoy does it: when a connection cannot be made, every request that waits for this host is answered, since it
    /// might wait for ever.
    private func connectFailed(_ slot: Int32, _ u: ConnectionPointer, _ code: Int32) {
        if u.pointee.kind == .tunnelUpstream { return tunnelConnectFailed(slot, u, code) }
        let hostSlot = u.pointee.host
        let pool = hosts[hostSlot]
        var waiting = pool.pointee.pendingHead
        let isProxied = u.pointee.addresses >= 0
        let remote = u.pointee.remote
        let local = isProxied ? addresses[u.pointee.addresses].pointee.local : PeerAddress()
        close(slot, u)
        while waiting >= 0 {
            // It was for one client only.
            if isProxied {
                waiting = self.waiting(from: waiting, remote: remote, local: local)
                if waiting < 0 { break }
            }
            let s = streams[waiting]
            let next = s.pointee.pendingNext
            dequeue(waiting, s)
            clusterStats[Int(s.pointee.cluster)].counters[.upstream_rq_pending_failure_eject].increment()
            upstreamFailed(waiting, s, code == ETIMEDOUT ? .connectTimeout : .connectFailure(code))
            waiting = next
        }
        freeHostIfUnused(hostSlot, pool)
    }

    /// A connection is ready for a request: the one that has waited longest gets it, else it rests in the pool.
    func serveNext(_ slot: Int32, _ u: ConnectionPointer) {
        let pool = hosts[u.pointee.host]
        var waiting = pool.pointee.pendingHead
        if pool.pointee.isByClient || u.pointee.flags.contains(.proxied) {
            // It came over from a configuration that had it otherwise.
            if pool.pointee.isByClient != u.pointee.flags.contains(.proxied) { return close(slot, u) }
            waiting = self.waiting(for: u, pool)
        }
        guard waiting >= 0 else {
            if pool.pointee.isRemoved { return close(slot, u) }
            return putIdle(slot, u)
        }
        let s = streams[waiting]
        dequeue(waiting, s)
        bind(slot, u, waiting, s)
        if pool.pointee.pendingHead >= 0, snapshot.clusters[Int(pool.pointee.cluster)].preconnect.isOn {
            connectAll(u.pointee.host, pool)
        }
        if s.pointee.flags.contains(.retains) {
            sendKept(slot, u, s)
            if s.pointee.upstream == slot { armIdle(s.pointee.downstream, connections[s.pointee.downstream]) }
        } else if !s.pointee.buffer.isEmpty {
            write(slot, u, s.pointee.buffer.bytes, s.pointee.buffer.count)
            s.pointee.buffer.free()
        }
        // A failed write has ended the stream already.
        if s.pointee.upstream != slot { return }
        let d = connections[s.pointee.downstream]
        if u.pointee.output.count <= Int(u.pointee.bufferLimit) { resumeReading(s.pointee.downstream, d) }
    }

    @inline(__always)
    private func putIdle(_ slot: Int32, _ u: ConnectionPointer) {
        let pool = hosts[u.pointee.host]
        u.pointee.flags.insert(.pooled)
        linkIdle(slot, u, pool)
        u.pointee.lastActivityNs = state.pointee.nowNs
        let idle = snapshot.clusters[Int(pool.pointee.cluster)].idleTimeoutNs
        if idle > 0 { arm(slot, deadlineNs: state.pointee.nowNs &+ idle) }
    }

    func linkIdle(_ slot: Int32, _ u: ConnectionPointer, _ pool: UnsafeMutablePointer<HostPool>) {
        u.pointee.poolPrevious = -1
        u.pointee.poolNext = pool.pointee.idleHead
        if pool.pointee.idleHead >= 0 { connections[pool.pointee.idleHead].pointee.poolPrevious = slot }
        pool.pointee.idleHead = slot
        pool.pointee.idle &+= 1
        if u.pointee.addresses >= 0 { linkByClient(slot, u) }
    }

    func unpool(_ u: ConnectionPointer) {
        guard u.pointee.flags.contains(.pooled) else { return }
        let pool = hosts[u.pointee.host]
        pool.pointee.idle &-= 1
        if u.pointee.poolPrevious >= 0 {
            connections[u.pointee.poolPrevious].pointee.poolNext = u.pointee.poolNext
        } else {
            pool.pointee.idleHead = u.pointee.poolNext
        }
        if u.pointee.poolNext >= 0 { connections[u.pointee.poolNext].pointee.poolPrevious = u.pointee.poolPrevious }
        if u.pointee.addresses >= 0 { unlinkByClient(u) }
        u.pointee.poolNext = -1
        u.pointee.poolPrevious = -1
        u.pointee.flags.remove(.pooled)
    }
}
