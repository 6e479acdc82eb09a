import CLinux

/// The filters of a filter chain that may refuse a connection: `connection_limit` and `local_ratelimit`.
extension Worker {
    /// Asks them, in their order, and counts the connection in their stats. One that is refused gets the kind `leaving`.
    @inline(never)
    func passGuards(_ c: ConnectionPointer, _ compiled: UnsafeMutablePointer<CompiledListener>) {
        let rates = compiled.pointee.chainRates
        if let rates { takeTokens(c, rates.pointee, behindLimit: false) }
        // Also what is refused is counted until it is closed.
        if let limit = compiled.pointee.chainLimit { countAgainstLimit(c, limit) }
        if let rates { takeTokens(c, rates.pointee, behindLimit: true) }
        if !c.pointee.flags.isDisjoint(with: [.overLimit, .rateLimited]) {
            c.pointee.flags.insert(.overLimit)
            c.pointee.kind = .leaving
        }
    }

    /// Who has been refused already takes nothing.
    private func takeTokens(_ c: ConnectionPointer, _ rates: ChainRates, behindLimit: Bool) {
        for i in 0..<rates.count {
            let rate = rates.rates + i
            guard rate.pointee.followsLimit == behindLimit, rate.pointee.enabled.value != 0 else { continue }
            if !c.pointee.flags.isDisjoint(with: [.overLimit, .rateLimited]) { return }
            if rate.pointee.bucket.take(rate.pointee.rate, nowNs: state.pointee.nowNs).isTaken { continue }
            connectionRateStats[Int(rate.pointee.stats)][.rate_limited].increment()
            c.pointee.flags.insert(.rateLimited)
        }
    }

    /// Counts a connection of a filter chain with `connection_limit`, and sees whether it is one too many.
    private func countAgainstLimit(_ c: ConnectionPointer, _ limit: UnsafeMutablePointer<ChainLimit>) {
        let stats = listenerStats + Int(c.pointee.listener)
        stats.pointee.limitGauges[.active_connections].add(1)
        let isTaken = limit.pointee.takes()
        if isTaken || c.pointee.flags.contains(.rateLimited) { return }
        stats.pointee.limit[.limited_connections].increment()
        c.pointee.flags.insert(.overLimit)
    }
}
