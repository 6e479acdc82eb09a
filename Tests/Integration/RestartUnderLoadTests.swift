import Glibc
import Synchronization
import Testing
import ThreadTesting

/// Restarts while clients ask without a pause: nothing fails, nothing is lost, nothing counts backwards.
@Suite(.serialized) struct RestartUnderLoadTests {
    @Test func tenRestartsFailNoRequest() throws {
        try withBed { bed in
            let upstreams = [try bed.upstream("v1"), try bed.upstream("v2")]
            let configurations = [
                Configuration(upstreams[0].port, cluster: "some_service"),
                Configuration(upstreams[1].port, cluster: "some_service_v2"),
            ]
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var proxies = [try bed.proxy(configurations[0], flags)]
            let sampler = try Sampler(bed)
            let load = Load(port: try proxies[0].port, connections: 16)
            for restart in 1...10 {
                try load.waitForResponses(300)
                proxies.append(try bed.proxy(configurations[restart % 2], flags))
                // One serving process, and one that stands by for it.
                if restart > 1 { #expect(try proxies[restart - 2].process.waitForEnd() == .exit(0)) }
            }
            try load.waitForResponses(300)
            let tally = load.stop()
            #expect(tally.errors == [])
            #expect(tally.responses == [200: tally.total])

            let stats = try bed.statdump()
            #expect(try upstreams[0].count + upstreams[1].count == tally.total)
            #expect(stats["http.ingress_http.downstream_rq_total"] == UInt64(tally.total))
            #expect(stats["http.ingress_http.downstream_rq_2xx"] == UInt64(tally.total))
            #expect(stats["http.ingress_http.downstream_rq_active"] == 0)
            #expect(stats["server.hot_restart_generation"] == 11)
            let (samples, problems) = sampler.stop()
            #expect(samples > 10)
            #expect(problems == [])

            #expect(try proxies[10].process.terminate() == .exit(0))
            #expect(try proxies[9].process.waitForEnd() == .exit(0))
            #expect(try bed.statdump()["http.ingress_http.downstream_cx_active"] == 0)
        }
    }
}

/// Reads totals again and again from another process and sees whether one went down.
private final class Sampler: Sendable {
    private struct State {
        var isStopped = false
        var samples = 0
        var problems: [String] = []
    }

    private static let names = ["http.ingress_http.downstream_rq_total", "http.ingress_http.downstream_cx_total"]
    private let state = Mutex(State())
    private let thread = Mutex<Thread?>(nil)

    init(_ bed: Bed) throws {
        let statdump = try Binaries.path("statdump")
        let arguments = ["--base-id", "\(bed.baseID)", "downstream_(rq|cx)_total$"]
        let made = Thread { self.run(statdump, arguments) }
        thread.withLock { $0 = made }
    }

    func stop() -> (samples: Int, problems: [String]) {
        state.withLock { $0.isStopped = true }
        thread.withLock { $0 }?.join()
        return state.withLock { ($0.samples, $0.problems) }
    }

    private func run(_ statdump: String, _ arguments: [String]) {
        var last = Self.names.map { _ in UInt64(0) }
        while !state.withLock({ $0.isStopped }) {
            var problems: [String] = []
            do {
                let program = try Program(statdump, arguments)
                let ending = try program.waitForEnd()
                if ending != .exit(0) { problems.append("statdump: \(ending) \(program.errors)") }
                let stats = Stats(text: program.output)
                for (i, name) in Self.names.enumerated() {
                    let value = stats[name] ?? 0
                    if value < last[i] { problems.append("\(name) went from \(last[i]) to \(value)") }
                    last[i] = value
                }
            } catch {
                problems.append("\(error)")
            }
            state.withLock {
                $0.samples += 1
                $0.problems += problems
            }
            usleep(20_000)
        }
    }
}
