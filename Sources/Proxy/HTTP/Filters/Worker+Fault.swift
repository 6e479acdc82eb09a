import CLinux

/// The filter `fault`.
extension Worker {
    /// - Parameter hasWaited: its delay is over.
    func passesFault(_ f: Filtered, _ fault: CompiledFault, _ position: Int32, hasWaited: Bool) -> Bool {
        let request = request(f)
        if !hasWaited {
            if let cluster = fault.cluster, snapshot.base(of: f.cluster) != cluster || cluster < 0 { return true }
            if let headers = fault.headers, !headers.pointee.hold(request) { return true }
            if let delay = fault.delayNs(request, random: random()), beginFault(f, fault),
                let kept = filterState(f.s)
            {
                listenerStats[Int(f.c.pointee.listener)].fault[.delays_injected].increment()
                noteFlags(f.s, LogFlags(.delayInjected))
                hold(f, kept, position, untilNs: state.pointee.nowNs &+ delay)
                return false
            }
        }
        guard let status = fault.abortStatus(request, random: random()), beginFault(f, fault) else { return true }
        listenerStats[Int(f.c.pointee.listener)].fault[.aborts_injected].increment()
        answer(f, status: status, body: "fault filter abort", .faultAbort, LogFlags(.faultInjected))
        return false
    }

    /// Of a request one fault is counted. False: there are as many as there may be.
    private func beginFault(_ f: Filtered, _ fault: CompiledFault) -> Bool {
        guard let state = filterState(f.s) else { return false }
        if state.pointee.hasFault { return true }
        guard fault.begin() else {
            listenerStats[Int(f.c.pointee.listener)].fault[.faults_overflow].increment()
            return false
        }
        state.pointee.hasFault = true
        listenerStats[Int(f.c.pointee.listener)].faultGauges[.active_faults].add(1)
        return true
    }

    /// Puts a fault into the counts of this process, or takes it out.
    func countFault(_ listener: Int32, _ change: Int64) {
        listenerStats[Int(listener)].faultGauges[.active_faults].add(UInt64(bitPattern: change))
        if let active = snapshot.listeners[Int(listener)].activeFaults {
            _ = cl_fetch_add(active, UInt64(bitPattern: change))
        }
    }
}
