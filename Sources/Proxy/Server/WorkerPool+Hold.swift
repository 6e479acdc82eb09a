import CLinux
import Glibc

/// Changes of what all workers read.
extension WorkerPool {
    /// How long the main thread waits for the workers: a turn of a loop takes less.
    private static let longestWaitNs: UInt64 = 10_000_000
    private static let enoughYieldingNs: UInt64 = 200_000

    /// Runs `body` on the main thread while no worker is in the middle of anything: each waits before a gate, and first of all then
    /// does what `body` has posted to it. Apart from the parking of a hand-over, so that neither lets the other's workers go.
    ///
    /// The main thread waits for them, since who has come must not wait until it has done something else. Where one does not come,
    /// because a hand-over has it, `body` runs when all have. It does not run at all when the process ends before that.
    ///
    /// - Parameter after: runs when they have been let go; it may hold them again.
    func whileHeld(_ body: @escaping () -> Void, after: @escaping () -> Void) {
        let gate = Gate()
        gates.append(gate)
        let pass = { [weak self] in
            guard let self, !gate.isOpen else { return }
            body()
            gate.open()
            self.gates.removeAll { $0 === gate }
            after()
        }
        let mailbox = mailbox
        let pending = Countdown(workers.count, pass)
        for worker in workers {
            worker.mailbox.post(.hold(gate, arrived: { mailbox.post { pending.arrive() } }))
        }
        let start = cl_monotonic_ns()
        while gate.arrived < workers.count {
            let waited = cl_monotonic_ns() - start
            if waited >= Self.longestWaitNs { return }
            // One may wait for stats, which are made here.
            stats.makeWanted()
            // A sleep is longer than most turns.
            if waited < Self.enoughYieldingNs { sched_yield() } else { usleep(20) }
        }
        pass()
    }

    /// No worker is waited for: what is compiled now is for the tables as they are.
    var isSettled: Bool { gates.isEmpty }

    /// The process ends: nobody waits any more.
    func openGates() {
        for gate in gates { gate.open() }
        gates = []
    }
}
