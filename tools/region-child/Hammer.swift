import CLinux
import Dispatch
import Glibc
import Stats

/// Several threads that count in the same stats as fast as they can, while the main thread makes names.
///
/// Says `hammering`, counts until standard input ends, then says `total <name> <n>` for each stat that all processes
/// have, `sum hammer.all <n>`, and `done`. One that is to be killed has a `Journal` for each thread instead, and counts one
/// in `thread.<n>` of each thread's plane, by which the plane is known.
final class Hammer {
    private let store: StatsStore
    private let threads: Int
    private let names: Int
    private let journal: String?
    /// The first thread kills its process after so many steps; 0: it does not.
    private let stepsToLive: UInt64

    init(_ store: StatsStore, threads: Int, names: Int, journal: String?, stepsToLive: UInt64) {
        self.store = store
        self.threads = threads
        self.names = names
        self.journal = journal
        self.stepsToLive = stepsToLive
    }

    /// What one thread works with. Nobody else touches it before the thread is done.
    private struct Part {
        var counters: [Counter]
        var histogram: Histogram
        var journal: Journal?
        var totals: [UInt64]
        var values: UInt64 = 0
        var sum: UInt64 = 0
    }

    func run() throws {
        let stop = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        stop.initialize(to: 0)
        let parts = UnsafeMutablePointer<Part>.allocate(capacity: threads)
        for i in 0..<threads {
            let writer = store.makeWriter()
            if journal != nil { writer.counter(store.counter("thread.\(i)")).increment() }
            let part = Part(
                counters: (0..<names).map { writer.counter(store.counter("hammer.\($0)")) },
                histogram: writer.histogram(store.histogram("hammer.all", unit: .unspecified)),
                journal: journal.map { Journal(path: $0, thread: i, stepsToLive: i == 0 ? stepsToLive : 0) },
                totals: Array(repeating: 0, count: names))
            (parts + i).initialize(to: part)
        }
        store.topUp()
        say("hammering")
        let group = DispatchGroup()
        nonisolated(unsafe) let (work, end) = (parts, stop)
        for i in 0..<threads { DispatchQueue.global().async(group: group) { Self.count(&work[i], until: end) } }
        makeNames()
        cl_store_release(stop, 1)
        group.wait()
        let all = (0..<threads).map { parts[$0] }
        for i in 0..<names { say("total hammer.\(i) \(all.reduce(0) { $0 + $1.totals[i] })") }
        say("total hammer.all \(all.reduce(0) { $0 + $1.values })")
        say("sum hammer.all \(all.reduce(0) { $0 + $1.sum })")
        say("done")
    }

    private static func count(_ part: inout Part, until stop: UnsafeMutablePointer<UInt64>) {
        let counters = part.counters
        let histogram = part.histogram
        while cl_load_acquire(stop) == 0 {
            // What a step of a journal records is known from how often it was done.
            let value = part.values % 1000
            if part.journal != nil {
                for i in counters.indices { part.journal?.step(i) { counters[i].increment() } }
                part.journal?.step(counters.count) { histogram.record(value) }
            } else {
                for i in counters.indices {
                    counters[i].increment()
                    part.totals[i] += 1
                }
                histogram.record(value)
                part.sum += value
            }
            part.values += 1
        }
    }

    /// Names of its own and of all, so that the region grows and planes with it; more slowly the more there are.
    private func makeNames() {
        let writer = store.makeWriter()
        var made = 0
        while !inputEnded() {
            guard made < 20_000 else {
                store.topUp()
                usleep(1000)
                continue
            }
            writer.counter(store.counter("made.\(made)")).increment()
            made += 1
            if made % 100 == 0 { usleep(1000) }
        }
    }
}
