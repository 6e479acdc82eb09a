// What a metric of StatsMetrics costs: `swift run -c release metrics-bench [threads [rounds]]`. Nanoseconds of
// CPU time an operation, all threads at once, beside an atomic add to one word that all of them share.
import CLinux
import CoreMetrics
import Glibc
import SharedMemory
import Stats
import StatsMetrics

let threads = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2
let rounds = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 10_000_000

/// A word that all threads add to.
struct Word: @unchecked Sendable {
    let address = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    init() { address.initialize(to: 0) }
}

final class Job: Sendable {
    let body: @Sendable (Int) -> Void
    let rounds: Int
    let spent = Word()
    init(_ rounds: Int, _ body: @escaping @Sendable (Int) -> Void) {
        self.rounds = rounds
        self.body = body
    }
}

/// What this thread has used, whoever else is busy on the machine.
func cpuTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Runs `body` so often on every thread, and says what one round took.
func measure(_ what: String, rounds: Int = rounds, _ body: @escaping @Sendable (Int) -> Void) {
    let job = Job(rounds, body)
    var best = Double.infinity
    for _ in 0..<3 {
        let all = (0..<threads).map { _ in
            var thread = pthread_t()
            pthread_create(
                &thread, nil,
                { pointer in
                    let job = Unmanaged<Job>.fromOpaque(pointer!).takeRetainedValue()
                    let begin = cpuTime()
                    job.body(job.rounds)
                    _ = cl_fetch_add(job.spent.address, cpuTime() - begin)
                    return nil
                }, Unmanaged.passRetained(job).toOpaque())
            return thread
        }
        for thread in all { pthread_join(thread, nil) }
        best = min(best, Double(cl_exchange(job.spent.address, 0)) / Double(rounds * threads))
    }
    let tenths = Int((best * 10).rounded())
    print("\(tenths / 10).\(tenths % 10) ns\t\(what)")
}

func makeFactory(baseID: UInt32, planes: Int) throws -> StatsMetricsFactory {
    var options = StatsMetricsFactory.Options()
    options.threadPlanes = planes
    return try StatsMetricsFactory(baseID: baseID, options: options)
}

let baseID = UInt32.random(in: 1_000_000_000...4_000_000_000)
let factory = try makeFactory(baseID: baseID, planes: 64)
let common = try makeFactory(baseID: baseID, planes: 0)
for file in ["", ".anchor"] { unlink(RegionName.path(baseID: baseID) + file) }

print("\(threads) threads")
let word = Word()
measure("atomic add to a shared word") { for _ in 0..<$0 { _ = cl_fetch_add(word.address, 1) } }
let handler = factory.makeCounter(label: "c", dimensions: [])
measure("CounterHandler.increment(by:)") { for _ in 0..<$0 { handler.increment(by: 1) } }
let counter = CoreMetrics.Counter(label: "c", factory: factory)
measure("Counter.increment()") { for _ in 0..<$0 { counter.increment() } }
let shared = CoreMetrics.Counter(label: "c", factory: common)
measure("Counter.increment(), thread without a plane") { for _ in 0..<$0 { shared.increment() } }
let sum = FloatingPointCounter(label: "f", factory: factory)
measure("FloatingPointCounter.increment(by: 0.5)") { for _ in 0..<$0 { sum.increment(by: 0.5) } }
let timer = Timer(label: "t", factory: factory)
measure("Timer.recordNanoseconds(_:)") { for i in 0..<$0 { timer.recordNanoseconds(Int64(i & 0xfffff)) } }
let recorder = Recorder(label: "r", factory: factory)
measure("Recorder.record(_:)") { for i in 0..<$0 { recorder.record(i & 0xfff) } }
let meter = Meter(label: "m", factory: factory)
measure("Meter.increment()", rounds: rounds / 10) { for _ in 0..<$0 { meter.increment() } }
measure("Counter(label:).increment()", rounds: rounds / 10) {
    for _ in 0..<$0 { CoreMetrics.Counter(label: "c", factory: factory).increment() }
}
measure("Counter(label:dimensions:).increment() with three dimensions", rounds: rounds / 10) {
    for _ in 0..<$0 {
        CoreMetrics.Counter(
            label: "c", dimensions: [("method", "GET"), ("status", "200"), ("route", "/users")], factory: factory
        ).increment()
    }
}
