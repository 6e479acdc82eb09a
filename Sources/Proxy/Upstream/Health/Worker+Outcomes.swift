import CLinux

/// What a worker notes of the hosts it uses, in clusters that want it: who calls has looked at `CompiledCluster.watch`.
extension Worker {
    /// A response has begun; its head is `responseHead`.
    @inline(never)
    func noteResponse(_ u: ConnectionPointer, _ cluster: Int32, _ watch: HostWatch) {
        guard let cells = hosts[u.pointee.host].pointee.cells else { return }
        if watch.contains(.immediateFailures), responseHead.pointee.present.contains(.xEnvoyImmediateHealthCheckFail) {
            hooks.hostEvent(cluster, cells[HostCells.Word.id], .immediateFailure)
        }
        if watch.contains(.outcomes) { noteStatus(cells, cluster, responseHead.pointee.status) }
    }

    /// A connection takes a request to its host.
    @inline(never)
    func noteBound(_ u: ConnectionPointer, _ watch: HostWatch) {
        if watch.contains(.load) { addLoad(u, 1) }
        if watch.contains(.splitsLocalOrigin) { noteReached(u.pointee.host) }
    }

    /// A host was reached, and what it answers will be noted too.
    private func noteReached(_ host: Int32) {
        guard let cells = hosts[host].pointee.cells else { return }
        noteAttempt(cells, hosts[host].pointee.cluster, isGood: true)
    }

    /// A tunnel has begun: more will not be known of it.
    @inline(never)
    func noteTunnel(_ host: Int32) {
        guard let cells = hosts[host].pointee.cells else { return }
        let cluster = hosts[host].pointee.cluster
        if snapshot.clusters[Int(cluster)].watch.contains(.splitsLocalOrigin) {
            noteAttempt(cells, cluster, isGood: true)
        } else if snapshot.clusters[Int(cluster)].watch.contains(.outcomes) {
            noteStatus(cells, cluster, 200)
        }
    }

    /// A host could not be reached, or broke off, or took too long to answer: `status` says it as an answer would.
    @inline(never)
    func noteFailure(_ host: Int32, status: UInt16) {
        guard host >= 0, let cells = hosts[host].pointee.cells else { return }
        let cluster = hosts[host].pointee.cluster
        if snapshot.clusters[Int(cluster)].watch.contains(.splitsLocalOrigin) {
            noteAttempt(cells, cluster, isGood: false)
        } else if snapshot.clusters[Int(cluster)].watch.contains(.outcomes) {
            noteStatus(cells, cluster, status)
        }
    }

    private func noteStatus(_ cells: UnsafeMutablePointer<UInt64>, _ cluster: Int32, _ status: UInt16) {
        let own = cells + HostCells.stride * (index + 1)
        cl_owner_add(own + HostCells.Total.answers, 1)
        guard status >= 500, status < 600 else {
            cl_owner_add(own + HostCells.Total.goodAnswers, 1)
            Self.clear(cells + HostCells.Word.consecutive5xx)
            Self.clear(cells + HostCells.Word.consecutiveGatewayFailure)
            return
        }
        let limits = snapshot.clusters + Int(cluster)
        if status >= 502, status <= 504 {
            let reached = Self.count(cells + HostCells.Word.consecutiveGatewayFailure)
            if reached == UInt64(limits.pointee.consecutiveGatewayFailure) {
                hooks.hostEvent(cluster, cells[HostCells.Word.id], .consecutiveGatewayFailure)
            }
        } else {
            Self.clear(cells + HostCells.Word.consecutiveGatewayFailure)
        }
        if Self.count(cells + HostCells.Word.consecutive5xx) == UInt64(limits.pointee.consecutive5xx) {
            hooks.hostEvent(cluster, cells[HostCells.Word.id], .consecutive5xx)
        }
    }

    private func noteAttempt(_ cells: UnsafeMutablePointer<UInt64>, _ cluster: Int32, isGood: Bool) {
        let own = cells + HostCells.stride * (index + 1)
        cl_owner_add(own + HostCells.Total.attempts, 1)
        if isGood {
            cl_owner_add(own + HostCells.Total.goodAttempts, 1)
            return Self.clear(cells + HostCells.Word.consecutiveLocalOriginFailure)
        }
        let reached = Self.count(cells + HostCells.Word.consecutiveLocalOriginFailure)
        if reached == UInt64(snapshot.clusters[Int(cluster)].consecutiveLocalOriginFailure) {
            hooks.hostEvent(cluster, cells[HostCells.Word.id], .consecutiveLocalOriginFailure)
        }
    }

    private static func count(_ cell: UnsafeMutablePointer<UInt64>) -> UInt64 { cl_fetch_add(cell, 1) + 1 }

    /// Not written where there is nothing to clear: the line stays shared.
    private static func clear(_ cell: UnsafeMutablePointer<UInt64>) {
        if cl_load_relaxed(cell) != 0 { cl_store_relaxed(cell, 0) }
    }
}

/// Keeps the cells of the hosts that a worker has in its lists.
final class CellKeeper {
    private var kept: [Int: [HostCells]] = [:]

    func keep(_ cells: [HostCells], cluster: Int) { kept[cluster] = cells.isEmpty ? nil : cells }
}
