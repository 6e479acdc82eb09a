import ProxyConfig

/// The filter `health_check`: who asks whether this proxy is healthy is answered here, or by an upstream.
extension Worker {
    /// - Parameter hasWaited: its body is complete, and it is to be answered.
    func passesHealthCheck(
        _ f: Filtered, _ check: UnsafePointer<CompiledHealthCheck>, _ index: Int, hasWaited: Bool
    ) -> Bool {
        if let headers = check.pointee.headers, !headers.pointee.hold(request(f)) { return true }
        filterNotes[index] = .healthCheck
        f.s.pointee.flags.insert(.healthCheck)
        if check.pointee.keepsAnswers, let state = filterState(f.s) { state.pointee.healthCheck = check }
        let kept = check.pointee.kept(nowNs: state.pointee.nowNs)
        if check.pointee.isPassThrough, !hasWaited, !state.pointee.healthCheckFailed, kept == nil { return true }
        if !hasWaited, !f.s.pointee.flags.contains(.requestEnded), let waiting = filterState(f.s) {
            // As in Envoy, which keeps as much of it as of any.
            hold(
                f, waiting, f.filters.pointee.filters[index].position, untilNs: FilterState.never,
                mostBody: UInt64(f.c.pointee.bufferLimit))
            return false
        }
        if state.pointee.healthCheckFailed {
            answer(f, status: 503, body: "", .healthCheckFailed, lateFlags: LogFlags(.failedLocalHealthCheck))
        } else if let kept {
            if kept.isDegraded {
                answerChanges.clear()
                KeptChanges.write(.append, Bytes("x-envoy-degraded"), Bytes(""), to: answerChanges)
            }
            answer(f, status: kept.status, body: "", .healthCheckCached, lateFlags: flags(ofCheck: kept.status))
        } else {
            let verdict = check.pointee.verdict
            answer(f, status: verdict.status, body: "", verdict.details, lateFlags: flags(ofCheck: verdict.status))
        }
        return false
    }

    private func flags(ofCheck status: UInt16) -> LogFlags {
        status / 100 == 2 ? [] : LogFlags(.failedLocalHealthCheck)
    }

    /// Keeps the answer of a check.
    ///
    /// - Parameter head: of the upstream's; nil: it is our own.
    @inline(never)
    func keepHealth(_ s: StreamPointer, _ status: UInt16, _ head: UnsafeMutablePointer<MessageHead>?) {
        guard s.pointee.filter >= 0, let check = filterStates[s.pointee.filter].pointee.healthCheck else { return }
        // Our own answer is the one that is kept already, or one that an upstream had no part in.
        let isDegraded =
            head.map { $0.pointee.present.contains(.xEnvoyDegraded) }
            ?? (check.pointee.kept(nowNs: state.pointee.nowNs)?.isDegraded ?? false)
        check.pointee.keep(
            CompiledHealthCheck.Answer(status: status, isDegraded: isDegraded), nowNs: state.pointee.nowNs)
    }
}
