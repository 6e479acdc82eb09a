import CLinux
import ProxyConfig

/// What filters do to responses: put together when a request goes on or is answered, since it may need the request, and kept with
/// the stream behind what its route does (`KeptChanges`).
extension Worker {
    /// Of a request that is answered here, or waits.
    ///
    /// - Parameters:
    ///   - route: whose changes of responses count; nil: none do.
    ///   - position: of the filter for which it waits.
    /// Returns how many bytes at the end are of filters that stand before that one.
    @discardableResult
    func keepChangesOfAnswer(
        _ f: Filtered, _ route: UnsafePointer<CompiledRoute>?, heldAt position: Int32 = -1
    ) -> Int {
        f.s.pointee.changes.free()
        f.s.pointee.flags.remove(.changesResponse)
        let (flags, log, cluster) = (f.s.pointee.flags, f.s.pointee.log, f.s.pointee.cluster)
        f.s.pointee.log = -1
        f.s.pointee.cluster = f.cluster
        out.clear()
        withRoute(route) { writeHead(f.c, f.s, f.head, $0) }
        let passed = keepFilterChanges(f, heldAt: position)
        out.clear()
        let changes = f.s.pointee.flags.intersection(.changesResponse)
        (f.s.pointee.flags, f.s.pointee.log, f.s.pointee.cluster) = (flags.union(changes), log, cluster)
        return passed
    }

    /// Keeps the filters' part behind what the route does, which is kept already: the last filter first, as a response passes them.
    /// The request's head as it goes on is in `out`.
    @discardableResult
    func keepFilterChanges(_ f: Filtered, heldAt position: Int32 = -1) -> Int {
        keptChanges.clear()
        keptChanges.append(answerChanges.bytes, answerChanges.count)
        answerChanges.clear()
        var start: Int?
        for i in (0..<f.filters.pointee.count).reversed() {
            let filter = f.filters.pointee.filters + i
            // Those that it had passed before it waited have said what they do.
            if filter.pointee.position < f.first { break }
            if filter.pointee.position < position, start == nil { start = keptChanges.count }
            writeChanges(f, filter.pointee.action, filterNotes[i])
        }
        let passed = start ?? keptChanges.count
        keptChanges.append(passedChanges.bytes, passedChanges.count)
        if !keptChanges.isEmpty {
            f.s.pointee.changes.append(keptChanges.bytes, keptChanges.count)
            f.s.pointee.flags.insert(.changesResponse)
        }
        return keptChanges.count - passed
    }

    private func writeChanges(_ f: Filtered, _ action: CompiledFilter.Action, _ note: FilterNote) {
        switch (action, note) {
        case (.headerMutation(let mutation), _):
            if let changes = mutation.pointee.response {
                withRoute(f.route) { formatChanges(f.c, f.s, f.head, $0, changes, from: 0, to: keptChanges) }
            }
        case (.cors(let policy), .allowedOrigin):
            let lines = HeadLines(out, from: 0)
            if let line = lines.find(Bytes("origin")) {
                writeCORSChanges(policy.pointee, origin: lines.value(line), to: keptChanges)
            }
        case (.localRateLimit, .limit(let most, let remaining, let reset)):
            writeNumber("x-ratelimit-limit", most)
            writeNumber("x-ratelimit-remaining", remaining)
            writeNumber("x-ratelimit-reset", reset)
        case (.healthCheck(let check), .healthCheck):
            KeptChanges.write(
                .overwriteOrAdd, Bytes("x-envoy-upstream-healthchecked-cluster"), check.pointee.localCluster,
                to: keptChanges)
        case (.healthCheck, .nothing):
            if state.pointee.healthCheckFailed {
                KeptChanges.write(
                    .overwriteOrAdd, Bytes("x-envoy-immediate-health-check-fail"), Bytes("true"), to: keptChanges)
            }
        default: break
        }
    }

    private func writeNumber(_ name: StaticString, _ number: UInt64) {
        changedValue.clear()
        changedValue.append(decimal: number)
        KeptChanges.write(.append, Bytes(name), Bytes(changedValue.bytes, changedValue.count), to: keptChanges)
    }

    /// What the filter that answers adds to its answer itself. False: it has been answered otherwise.
    func formatAnswerChanges(_ f: Filtered, _ changes: CompiledChanges) -> Bool {
        guard makeFiltered(f) else { return false }
        out.clear()
        out.append(filteredHead.bytes, filteredHead.count - 2)
        answerChanges.clear()
        withRoute(f.route) { formatChanges(f.c, f.s, f.head, $0, changes, from: 0, to: answerChanges) }
        out.clear()
        return true
    }
}
