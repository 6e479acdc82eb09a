import CLinux
import Glibc
import SharedMemory
import Stats

/// What the stats cost, as figures and as ratios to a `lock` add in the same run: counter, histogram, names, attaching,
/// dumping, memory. `stats-bench [names=100000] [in-order|shuffled] [dimensions]`; region and anchor of its base id are
/// removed afterwards. `stats-bench fill <base id> <names> [in-order|shuffled] [dimensions] [seconds]` makes a region and
/// leaves it.
@main
enum StatsBench {
    static let baseID = UInt32.max - UInt32(getpid())

    static func main() throws {
        let words = CommandLine.arguments.dropFirst().map { $0 }
        let isShuffled = words.contains("shuffled")
        let isPlain = words.contains("dimensions")
        let numbers = words.compactMap { Int($0) }
        if words.first == "fill", numbers.count >= 2 {
            return try Fill.run(
                baseID: UInt32(numbers[0]), names: numbers[1], isShuffled: isShuffled, isPlain: isPlain,
                seconds: numbers.count > 2 ? numbers[2] : 0)
        }
        let names = numbers.first ?? 100_000
        defer { remove() }
        let anchor = try Anchor(baseID: baseID)
        let (region, _) = try SharedRegion.attach(anchor)
        try region.claimSlot(epoch: 0, socketPath: "")
        let store = StatsStore(region: region, naming: isPlain ? .plain : .envoy)
        let writer = store.makeWriter()
        cells(store, writer)
        try many(names, isShuffled, isPlain, store, writer, region, anchor)
    }

    /// CPU time of this thread: what else the machine does is not ours.
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func ns(_ count: Int, _ body: () -> Void) -> Double {
        // The best of several runs: what disturbs only adds.
        (0..<7).map { _ in
            let start = now()
            body()
            return Double(now() - start) / Double(count)
        }.min() ?? 0
    }

    static func show(_ what: String, _ value: Double, _ unit: String, _ remark: String = "") {
        let rounded = (value * 100).rounded() / 100
        print("\(what): \(rounded) \(unit)\(remark.isEmpty ? "" : "  (\(remark))")")
    }

    static func cells(_ store: StatsStore, _ writer: StatsWriter) {
        let counter = writer.counter(store.counter("bench.counter"))
        let histogram = writer.histogram(store.histogram("bench.histogram", unit: .milliseconds))
        store.topUp()
        let rounds = 20_000_000
        let shared = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        shared.initialize(to: 0)
        let owned = ns(rounds) { for _ in 0..<rounds { counter.increment() } }
        let locked = ns(rounds) { for _ in 0..<rounds { _ = cl_fetch_add(shared, 1) } }
        show("counter add by the plane's owner", owned, "ns")
        show("lock add on a cell of one's own", locked, "ns", "\((locked / owned * 10).rounded() / 10) × as much")
        let both = twoThreads(store, shared, rounds)
        show("counter add, two threads, each its plane", both.owned, "ns")
        show(
            "lock add, two threads, one cell", both.locked, "ns",
            "\((both.locked / both.owned * 10).rounded() / 10) × as much")
        var value: UInt64 = 1
        @inline(__always) func random() -> UInt64 {
            value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return value >> 33 % 5000
        }
        let numbers = ns(rounds) { for _ in 0..<rounds { cl_store_relaxed(shared, random()) } }
        let records = ns(rounds) { for _ in 0..<rounds { histogram.record(random()) } }
        show(
            "histogram record, values up to 5000", records - numbers, "ns",
            "without \((numbers * 100).rounded() / 100) ns for the random number")
    }

    static func twoThreads(
        _ store: StatsStore, _ shared: UnsafeMutablePointer<UInt64>, _ rounds: Int
    ) -> (owned: Double, locked: Double) {
        let id = store.counter("bench.two")
        nonisolated(unsafe) let counters = [store.makeWriter().counter(id), store.makeWriter().counter(id)]
        nonisolated(unsafe) let shared = shared
        let owned = parallel { thread in for _ in 0..<rounds { counters[thread].increment() } }
        let locked = parallel { _ in for _ in 0..<rounds { _ = cl_fetch_add(shared, 1) } }
        return (owned / Double(rounds), locked / Double(rounds))
    }

    /// Wall time in ns of two threads at once.
    static func parallel(_ body: @escaping @Sendable (Int) -> Void) -> Double {
        let start = cl_monotonic_ns()
        var threads: [pthread_t] = []
        for i in 0..<2 {
            var thread = pthread_t()
            let context = Unmanaged.passRetained(Job(i, body)).toOpaque()
            pthread_create(
                &thread, nil,
                { @Sendable context in
                    let job = Unmanaged<Job>.fromOpaque(context!).takeRetainedValue()
                    job.body(job.index)
                    return nil
                }, context)
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
        return Double(cl_monotonic_ns() - start)
    }

    final class Job {
        let index: Int
        let body: @Sendable (Int) -> Void
        init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) {
            self.index = index
            self.body = body
        }
    }

    static func many(
        _ names: Int, _ isShuffled: Bool, _ isPlain: Bool, _ store: StatsStore, _ writer: StatsWriter,
        _ region: SharedRegion, _ anchor: Anchor
    ) throws {
        let order = isShuffled ? Fill.shuffled(names) : Array(0..<names)
        let all = order.map(isPlain ? Fill.dimensionedName : Fill.name)
        let before = region.header.committed
        let start = now()
        for name in all { writer.counter(store.counter(name)).add(1) }
        show(
            "create \(names) counters", Double(now() - start) / 1e6, "ms",
            "\(Double(now() - start) / Double(names) / 1000) µs each")
        show("memory per stat, names and one plane", Double(region.header.committed - before) / Double(names), "B")
        show("find by name, warm", ns(names) { for name in all { _ = store.counter(name) } }, "ns")
        // As many as a process looks up again and again; all of them at once are not in any cache.
        let few = all.prefix(1000)
        show(
            "find by name, warm, 1000 of them",
            ns(100 * few.count) {
                for _ in 0..<100 { for name in few { _ = store.counter(name) } }
            }, "ns")
        // A store stays for good, so not too often.
        let attach = try (0..<5).map { _ in
            let start = now()
            let again = StatsStore(region: try SharedRegion.attach(anchor).0)
            defer { withExtendedLifetime(again) {} }
            return Double(now() - start) / 1e6
        }
        show("attach and index \(names) names", attach.min() ?? 0, "ms", "worst of 5: \(attach.max() ?? 0)")
        for format in StatsFormat.allCases {
            show(
                "dump as \(format)",
                ns(1) {
                    guard let reader = try? RegionReader(baseID: baseID) else { return }
                    StatLines(reader, withTags: format == .prometheus).write(format) { _ in }
                } / 1e6, "ms")
        }
    }

    static func remove() {
        unlink(RegionName.path(baseID: baseID))
        unlink(RegionName.path(baseID: baseID) + ".anchor")
    }
}
