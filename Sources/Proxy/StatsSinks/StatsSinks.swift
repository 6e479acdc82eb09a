import CLinux
import Glibc
import ProxyConfig
import Stats
import Synchronization

/// The thread that sends stats to sinks, so that neither workers nor the main thread wait for one. The main thread says what
/// there is and where it goes.
final class StatsSinks: Sendable {
    private struct Job: @unchecked Sendable {
        var sending: StatsSending
        /// By sink; empty for those that have an address.
        var hosts: [[cl_address]]
        var done: @Sendable () -> Void
    }
    private struct State {
        var job: Job?
        var ends = false
    }
    /// The thread's own, after `start`.
    private final class Sinks: @unchecked Sendable {
        let all: [any StatsdSink]
        init(_ all: [any StatsdSink]) { self.all = all }
    }

    /// As they are configured.
    let configured: [StatsSink]
    private let sinks: Sinks
    private let state = Mutex(State())
    private let wake: EventSignal
    /// The thread has ended.
    private let ended: EventSignal

    /// - Parameter report: called from the thread.
    init(
        _ configured: [StatsSink], connectMs: (String) -> UInt64, report: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        self.configured = configured
        sinks = Sinks(
            configured.compactMap { sink -> (any StatsdSink)? in
                let format = StatsdFormat(prefix: sink.prefix, hasTags: sink.hasTags)
                switch sink.target {
                case .cluster(let name):
                    return StreamSink(name, format: format, connectMs: connectMs(name), report: report)
                case .datagrams(let address):
                    guard let address = SocketAddress.make(address) else { return nil }
                    return DatagramSink(address, format: format, maxBytes: sink.maxBytes.map { Int(clamping: $0) })
                }
            })
        wake = try EventSignal()
        ended = try EventSignal()
    }

    func start() throws(SystemError) { try BackgroundThread.start("stats-sinks") { [self] in run() } }

    // MARK: For the main thread

    /// Sends it, and says so from the thread. One at a time.
    func send(
        _ sending: StatsSending, hosts: [[cl_address]], _ done: @escaping @Sendable () -> Void
    ) {
        state.withLock { $0.job = Job(sending: sending, hosts: hosts, done: done) }
        wake.signal()
    }

    /// Sends what was given and ends the thread; returns whether it did in time.
    func finish(limitMs: Int32) -> Bool {
        state.withLock { $0.ends = true }
        wake.signal()
        return ended.wait(limitMs: limitMs)
    }

    // MARK: The thread

    private func run() {
        while true {
            wake.wait()
            let (job, ends) = state.withLock { state in
                let taken = (state.job, state.ends)
                state.job = nil
                return taken
            }
            if let job {
                for (sink, hosts) in zip(sinks.all, job.hosts) { (sink as? StreamSink)?.begin(hosts) }
                job.sending.run(sinks.all)
                job.done()
            }
            if ends { break }
        }
        ended.signal()
    }
}
