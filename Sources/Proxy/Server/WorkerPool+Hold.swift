/// Changes of what all workers read.
extension WorkerPool {
    /// Runs `body` on the main thread while no worker is in the middle of anything: each waits before a gate, and first of all then
    /// does what `body` has posted to it. Apart from the parking of a hand-over, so that neither lets the other's workers go.
    ///
    /// It does not run when the process ends before all workers have come.
    func whileHeld(_ body: @escaping () -> Void) {
        let gate = Gate()
        gates.append(gate)
        let mailbox = mailbox
        let pending = Countdown(workers.count) { [weak self] in
            guard let self, !gate.isOpen else { return }
            body()
            gate.open()
            self.gates.removeAll { $0 === gate }
        }
        for worker in workers {
            worker.mailbox.post(.hold(gate, arrived: { mailbox.post { pending.arrive() } }))
        }
    }

    /// The process ends: nobody waits any more.
    func openGates() {
        for gate in gates { gate.open() }
        gates = []
    }
}
