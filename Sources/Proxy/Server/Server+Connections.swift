import CLinux
import Glibc
import HotRestart

/// Live connections in a hot restart: frozen and sent by the parent, adopted and served by the child. `docs/hand-over.md`
/// has the protocol.
extension Server {
    /// Descriptors that the child keeps for what it opens itself.
    private static let descriptorReserve = 64
    /// Bytes of records in one message: small enough for several to be on their way at once.
    private static let pieceBytes = 24 * 1024
    private static let pieceDescriptors = 128

    /// Whether connections move in a hot restart of this process.
    var capabilities: Capabilities { options.handOver == .all ? [.connections, .ahead, .recordsAhead] : [] }

    /// How long either side waits for the other.
    var limits: Limits {
        var limits = Limits()
        let timeout = options.handOverTimeoutMs * 1_000_000
        limits.greeting = timeout
        limits.step = timeout
        limits.ready = timeout
        // The parent has steps of its own in this time.
        limits.commit = 2 * timeout
        #if DEBUG
            // The test hook: under a sanitizer all is many times slower. A release build knows nothing of it.
            if let text = getenv("ENVOYD_TEST_SLOWNESS"), let times = UInt64(String(cString: text)), times > 0 {
                limits.freeze *= times
                limits.committed *= times
                limits.release *= times
            }
        #endif
        return limits
    }

    // MARK: - Parent

    /// Descriptors of one short stop of the workers: some hundred microseconds.
    private static let aheadBatch = 1024

    /// Passes descriptors while the connections are served, batch by batch, as fast as the child takes them.
    func passAhead(to child: Hello, over link: RestartLink, _ done: @escaping () -> Void) {
        pool.park { [weak self] in
            guard let self else { return }
            self.pool.beginAhead()
            self.passBatch(room: self.descriptorRoom(of: child), to: child, over: link, done)
        }
    }

    private func passMore(room: Int, to child: Hello, over link: RestartLink, _ done: @escaping () -> Void) {
        guard let session = parentSession, session.isPassing else { return }
        // What waits for room in the queue is held a second time meanwhile.
        if link.channel.wantsWrite {
            loop.after(ms: 1) { [weak self] in self?.passMore(room: room, to: child, over: link, done) }
            return
        }
        pool.park { [weak self] in self?.passBatch(room: room, to: child, over: link, done) }
    }

    /// The workers stand.
    private func passBatch(room: Int, to child: Hello, over link: RestartLink, _ done: @escaping () -> Void) {
        guard let session = parentSession, session.isPassing else { return pool.resumeParked() }
        let withRecords = capabilities.contains(.recordsAhead) && child.capabilities.contains(.recordsAhead)
        var left = room
        var batch = Self.aheadBatch
        var isComplete = false
        var problem: RestartSocketError?
        while problem == nil, batch > 0, left > 0, !link.channel.wantsWrite {
            let limit = min(batch, Self.pieceDescriptors, left)
            guard let next = pool.nextAhead(limit: limit, withRecords: withRecords) else {
                isComplete = true
                break
            }
            batch -= next.descriptors.count
            left -= next.descriptors.count
            problem = link.send(.ahead(bytes: next.record), next.descriptors)
        }
        pool.resumeParked()
        if let problem { return session.cancel(RestartParent.notSent(problem)) }
        if isComplete || left == 0 { return whenReceived(link, done) }
        loop.after(ms: 0) { [weak self] in self?.passMore(room: left, to: child, over: link, done) }
    }

    /// A freeze that began while messages are under way would last until the child has received them all.
    private func whenReceived(_ link: RestartLink, _ done: @escaping () -> Void) {
        guard let session = parentSession, session.isPassing else { return }
        if link.channel.isReceived { return done() }
        loop.after(ms: 1) { [weak self] in self?.whenReceived(link, done) }
    }

    /// Descriptors that the child can take for connections.
    private func descriptorRoom(of child: Hello) -> Int {
        let listening = sockets.reduce(0) { $0 + $1.members.count } + 2
        return max(Int(min(child.freeDescriptors, 1 << 24)) - listening - Self.descriptorReserve, 0)
    }

    func moveConnections(
        to child: Hello, over channel: RestartChannel, limitNs: UInt64, _ done: @escaping (String?) -> Void
    ) {
        frozenNs = cl_monotonic_ns()
        export = nil
        pool.park { [weak self] in
            guard let self, let session = self.parentSession, session.isFrozen else { return }
            self.freezeSteps = [self.sinceFreeze]
            done(self.sendConnections(to: child, over: channel, deadlineNs: self.frozenNs + limitNs))
        }
    }

    /// Returns why they could not be sent, nil if they were.
    private func sendConnections(to child: Hello, over channel: RestartChannel, deadlineNs: UInt64) -> String? {
        var problem: String?
        // What has become of hosts since the child was told.
        pool.hostHealth = clusterManager.healthRecord(since: offeredHealth)?.encoded() ?? []
        export = pool.exportConnections(
            descriptorLimit: descriptorRoom(of: child), pieceBytes: Self.pieceBytes,
            pieceDescriptors: Self.pieceDescriptors
        ) { bytes, descriptors, isLast in
            do throws(RestartSocketError) {
                let part = ConnectionsPart(bytes: Array(bytes), isLast: isLast)
                try channel.send(.connections(part), descriptors: descriptors)
                guard try channel.flush(deadlineNs: deadlineNs) else {
                    problem = "the child did not take the connections in time"
                    return false
                }
                return true
            } catch {
                problem = "the connections could not be sent: \(error)"
                return false
            }
        }
        freezeSteps.append(sinceFreeze)
        return problem
    }

    private var sinceFreeze: Double { Double((cl_monotonic_ns() - frozenNs) / 1000) / 1000 }

    /// Returns what is wrong with the child's answer.
    func checkAnswer(_ bytes: [UInt8]) -> String? {
        freezeSteps.append(sinceFreeze)
        guard var export else { return "an answer without connections" }
        let problem = pool.readAnswer(bytes, &export)
        self.export = export
        return problem
    }

    func thawConnections() {
        export = nil
        pool.resumeParked()
    }

    /// The child serves: what it has is forgotten here. Returns the report that goes to it.
    func releaseConnections() -> HandOverReport {
        let total = pool.connectionCount
        var report = HandOverReport(moved: 0, kept: UInt64(total))
        if let export {
            self.export = nil
            report.stallNs = cl_monotonic_ns() - frozenNs
            log.debug(
                "hot restart: milliseconds from the freeze until the workers stood, all was sent, the child was prepared: "
                    + "\(freezeSteps)")
            pool.forgetMoved(export)
            let kept = max(total - export.moved, 0)
            report.moved = UInt64(export.moved)
            report.kept = UInt64(kept)
            report.busy = UInt64(export.busy)
            report.upstream = UInt64(export.upstream)
            report.text = Self.describe(export, kept: kept, stallNs: report.stallNs)
            stats.hotRestartTimes[.stall_ms].record(report.stallNs / 1_000_000)
        } else {
            report.text = "\(total) connections stay and drain: only listeners were handed over"
        }
        report.durationNs = cl_monotonic_ns() - handOverBeganNs
        stats.hotRestartTimes[.duration_ms].record(report.durationNs / 1_000_000)
        stats.hotRestart[.completed].increment()
        stats.hotRestart[.connections_moved].add(report.moved)
        stats.hotRestart[.connections_kept].add(report.kept)
        return report
    }

    func note(_ result: LastHotRestart.Result, _ report: HandOverReport, _ pid: UInt64, _ text: String) {
        lastHotRestart = LastHotRestart(
            result: result, pid: pid, atSeconds: cl_realtime_ns() / 1_000_000_000, report: report, text: text)
    }

    // MARK: - State

    /// What the child need not find out itself.
    func offerState() -> [StateRecord] {
        var state = [
            StateRecord(name: HostsRecord.name, bytes: clusterManager.resolvedHosts.encoded()),
            StateRecord(name: HealthRecord.name, bytes: HealthRecord(failed: healthCheckFailed).encoded()),
            StateRecord(name: RuntimeRecord.name, bytes: runtime.record.encoded()),
        ]
        offeredHealth = clusterManager.healthRevisions
        if let health = clusterManager.healthRecord() {
            state.append(StateRecord(name: HostHealthRecord.name, bytes: health.encoded()))
        }
        return state
    }

    private static func describe(_ export: ConnectionExport, kept: Int, stallNs: UInt64) -> String {
        var text =
            "\(export.moved) connections moved (\(export.busy) of them busy, and \(export.upstream) upstream ones), "
            + "frozen for \(Double(stallNs / 100_000) / 10) ms"
        if kept == 0 { return text + "; none stays" }
        var reasons = export.refused.map { "\($0.count) since \($0.reason)" }
        if export.withoutRoom > 0 {
            reasons.append("\(export.withoutRoom) since the new process has no descriptors left for them")
        }
        text += "; \(kept) stay and drain"
        return reasons.isEmpty ? text : text + ": " + reasons.joined(separator: ", ")
    }

    // MARK: - Child

    /// Uses what the parent knows, waits for what it does not, and stops the workers: they stand still until this process
    /// serves, so that connections can be put in.
    func prepare(_ state: [StateRecord], _ done: @escaping () -> Void) {
        for record in state {
            do throws(RecordError) {
                switch record.name {
                case HostsRecord.name: clusterManager.adopt(try HostsRecord(record.bytes))
                case HostHealthRecord.name: clusterManager.adopt(try HostHealthRecord(record.bytes))
                case HealthRecord.name: failHealthCheck(try HealthRecord(record.bytes).failed)
                case RuntimeRecord.name: runtime.adopt(try RuntimeRecord(record.bytes))
                default: break
                }
            } catch {
                log.warning("hot restart: the running process's state '\(record.name)' is not understood: \(error)")
            }
        }
        clusterManager.prepareHealth()
        clusterManager.whenInitialized(limitMs: options.handOverTimeoutMs / 2) { [weak self] in
            guard let self else { return }
            // Before READY: between COMMIT and COMMITTED connections stand still. What the parent counts from here on is
            // since the start of this process all the same.
            self.totalsAtStart = self.store.totals()
            self.pool.park(done)
        }
    }

    func adoptAhead(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> String? {
        pool.adoptAhead(bytes, descriptors)
    }

    /// Returns the answer once all have come, nil before, or what is wrong.
    func adoptConnections(
        _ bytes: [UInt8], _ descriptors: [OwnedDescriptor], isLast: Bool
    ) -> Result<[UInt8]?, StartupError> {
        if let problem = pool.adoptConnections(bytes, descriptors) { return .failure(StartupError(problem)) }
        guard isLast else { return .success(nil) }
        if !pool.hostHealth.isEmpty {
            do throws(RecordError) {
                clusterManager.adopt(try HostHealthRecord(pool.hostHealth))
            } catch {
                log.warning("hot restart: what the running process says of its hosts is not understood: \(error)")
            }
            pool.hostHealth = []
        }
        let (answer, problem) = pool.connectionAnswer()
        if let problem { return .failure(StartupError(problem)) }
        return .success(answer)
    }

    /// The parent died in the middle: what has come is no use.
    func dropConnections() { pool.dropConnections() }
}
