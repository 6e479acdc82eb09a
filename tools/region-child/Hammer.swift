import CLinux
import Dispatch
import Glibc
import Stats

/// Several threads that count in the same stats as fast as they can, while the main thread makes names.
///
/// Says `hammering`, counts until standard input ends, then says `total <name> <n>` for each stat that all processes
/// have, and `done`. A process that is killed has said nothing: beside each common counter it counts in one that only it
/// and its successors have (named `own`), and in that one first.
final class Hammer {
    private let store: StatsStore
    private let threads: Int
    private let names: Int
    private let own: String?

    init(_ store: StatsStore, threads: Int, names: Int, own: String?) {
        self.store = store
        self.threads = threads
        self.names = names
        self.own = own
    }

    /// What one thread works with. Nobody else touches it before the thread is done.
    private struct Part {
        var common: [Counter]
        var own: [Counter]
        var histogram: Histogram
        var totals: [UInt64]
        var values: UInt64 = 0
    }

    func run() throws {
        let stop = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        stop.initialize(to: 0)
        let parts = UnsafeMutablePointer<Part>.allocate(capacity: threads)
        for i in 0..<threads {
            let writer = store.makeWriter()
            let part = Part(
                common: (0..<names).map { writer.counter(store.counter("hammer.\($0)")) },
                own: own.map { own in (0..<names).map { writer.counter(store.counter("\(own).\($0)")) } } ?? [],
                histogram: writer.histogram(store.histogram("hammer.all", unit: .unspecified)),
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
        for i in 0..<names { say("total hammer.\(i) \((0..<threads).reduce(0) { $0 + parts[$1].totals[i] })") }
        say("total hammer.all \((0..<threads).reduce(0) { $0 + parts[$1].values })")
        say("done")
    }

    private static func count(_ part: inout Part, until stop: UnsafeMutablePointer<UInt64>) {
        while cl_load_acquire(stop) == 0 {
            for i in part.common.indices {
                if !part.own.isEmpty { part.own[i].increment() }
                part.common[i].increment()
                part.totals[i] += 1
            }
            guard part.own.isEmpty else { continue }
            part.histogram.record(part.values % 1000)
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
