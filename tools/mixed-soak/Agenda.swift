import CLinux
import Glibc
import ToolSupport

/// What happens while there is traffic, and when: all of it is on the main thread, and chosen by the seed.
final class Agenda {
    /// What was seen of the serving process.
    struct Record {
        var descriptors = Samples()
        var kilobytes = Samples()
        var region = Samples()
    }

    private struct Chore {
        var dueNs: UInt64
        let pauseMs: ClosedRange<Int>
        let act: () throws -> Void
    }

    private(set) var record = Record()
    private let soak: Soak
    private let name: String
    private let endNs: UInt64
    private var chores: [Chore] = []

    init(_ soak: Soak, _ name: String, _ seconds: Double, kills: Bool) {
        (self.soak, self.name) = (soak, name)
        endNs = cl_monotonic_ns() + UInt64(max(seconds, 0) * 1e9)
        add(1000...1000) { [unowned self] in sample() }
        add(10_000...10_000) { [unowned self] in progress() }
        add(1500...5000) { [unowned self] in try restart() }
        if kills { add(1000...5000) { [unowned self] in try kill() } }
        add(100...1500) { [unowned self] in try self.soak.replaceResources() }
        let (hosts, scene) = (soak.hosts, soak.scene)
        add(1000...3000) { hosts.toggleDying(scene) }
        add(3000...6000) { hosts.toggleHealth(scene) }
        if hosts.hasNames {
            add(3500...7000) { [unowned self] in hosts.changeNames(scene, &self.soak.random, mayFail: !kills) }
        }
    }

    private func add(_ pauseMs: ClosedRange<Int>, _ act: @escaping () throws -> Void) {
        let first = soak.random.within((pauseMs.lowerBound / 2)...pauseMs.upperBound)
        chores.append(Chore(dueNs: cl_monotonic_ns() + UInt64(first) * 1_000_000, pauseMs: pauseMs, act: act))
    }

    func run() throws {
        while cl_monotonic_ns() < endNs, !Interrupt.came {
            for index in chores.indices where chores[index].dueNs <= cl_monotonic_ns() {
                try chores[index].act()
                let pause = soak.random.within(chores[index].pauseMs)
                chores[index].dueNs = cl_monotonic_ns() + UInt64(pause) * 1_000_000
            }
            usleep(5000)
        }
        if Interrupt.came { throw Failure("interrupted") }
    }

    private func sample() {
        let usage = soak.fleet.usage
        record.descriptors.add(usage.descriptors)
        record.kilobytes.add(usage.kilobytes)
        record.region.add(soak.fleet.regionFiles.values.reduce(0, +) / 1024)
    }

    private func progress() {
        let ledger = soak.scene.ledger
        let all = Door.allCases.map { ledger[$0] }
        say(
            "\(fixed(ledger.seconds, 0)) s, \(name): \(all.reduce(0) { $0 + $1.requests }) requests, "
                + "\(all.reduce(0) { $0 + $1.connections }) connections, "
                + "\(all.reduce(0) { $0 + $1.sent + $1.received } / 1_000_000) MB, \(soak.fleet.restarts) restarts, "
                + "\(soak.fleet.kills) kills, \(record.descriptors.last) descriptors, \(record.kilobytes.last) kB, region \(record.region.last) kB, "
                + "\(ledger.faults) faults")
    }

    private func restart() throws {
        try soak.fleet.restart(endsOld: soak.random.chance(50))
        // Whoever stands by may die without a word.
        if soak.random.chance(10) { soak.fleet.killStandby() }
    }

    private func kill() throws {
        soak.scene.killed()
        defer { soak.scene.recovered() }
        try soak.fleet.killServing()
    }
}
