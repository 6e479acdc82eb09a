import Glibc
import Testing

/// A proxy with clients in many states, and what the proxy is replaced with.
final class Stage {
    let bed: Bed
    private(set) var lanes: [Lane] = []
    /// The one that serves.
    private(set) var proxy: Proxy!
    private var clients: [LiveClient] = []
    private var ports: [String: UInt16] = [:]
    private let flags: [String]
    /// By HTTP clients.
    var sentBytes = 0
    /// What clients wait for before they count as where they are to be: stats and the values that they are to reach.
    var awaited: [String: UInt64] = [:]
    var awaitsBytes = false
    var awaitsConnections = false
    var configuration: LaneConfiguration
    /// What the next process runs; nil: what was built with these tests.
    var program: String?
    /// With other numbers of workers a client and the idle connection that its last request took may part.
    var mixesWorkers = false

    /// - Parameters:
    ///   - kinds: one lane for each, in this order.
    ///   - moreHTTP: names of further listeners.
    ///   - moreFlags: of every process.
    ///   - isPlain: see `LaneConfiguration`.
    ///   - program: what the first process runs, and the next ones.
    init(
        _ bed: Bed, _ kinds: [LiveKind], concurrency: Int = 2, moreHTTP: [String] = [], moreFlags: [String] = [],
        isPlain: Bool = false, program: String? = nil
    ) throws {
        self.bed = bed
        self.program = program
        flags = ["--hot-restart-file", bed.path("restart.sock")] + moreFlags
        configuration = LaneConfiguration(lanes: [], moreHTTP: moreHTTP, isPlain: isPlain)
        for (i, kind) in kinds.enumerated() {
            let lane = try Lane("lane\(i)", kind, self)
            lanes.append(lane)
            configuration.lanes.append(.init(name: lane.name, port: lane.upstream.port, isTCP: kind.isTCP))
        }
        proxy = try startProxy(concurrency)
        for line in try proxy.admin("/listeners").text.split(separator: "\n") {
            let parts = line.split(separator: ":")
            ports[String(parts[0])] = parts.last.flatMap { UInt16($0) }
        }
        for lane in lanes { clients.append(try named(lane, "at first") { try lane.kind.start(lane) }) }
        try settle()
        for (client, lane) in zip(clients, lanes) { try waitUntil("\(lane.kind.name): all is set", client.isReady) }
    }

    private func named<T>(_ lane: Lane, _ when: String, _ body: () throws -> T) throws -> T {
        do { return try body() } catch { throw Failure("\(lane.kind.name), \(when): \(error)") }
    }

    private func startProxy(_ concurrency: Int) throws -> Proxy {
        let proxy = try bed.startProxy(configuration.text, flags, concurrency: concurrency, program: program)
        try bed.waitUntilServing(proxy)
        return proxy
    }

    func port(of listener: String) throws -> UInt16 {
        guard let port = ports[listener] else { throw Failure("there is no listener \(listener)") }
        return port
    }

    /// Replaces the proxy. The old process is gone on return, so nothing that lives on can be its own.
    func restart(concurrency: Int = 2) throws {
        let old = try replace(concurrency: concurrency)
        old.process.signal(SIGTERM)
        guard try old.process.waitForEnd(within: 10) == .exit(0) else { throw Failure("\(old.process) failed") }
    }

    /// Replaces the proxy without ending the old process, which is returned.
    func replace(concurrency: Int = 2) throws -> Proxy {
        let old = proxy!
        for attempt in 1... {
            let new = try bed.startProxy(configuration.text, flags, concurrency: concurrency, program: program)
            do {
                try bed.waitUntilServing(new)
                proxy = new
                break
            } catch {
                // On a machine that is busy enough the time limits are too short for a debug build. The old process has
                // lost nothing then, and clients that notice are a failure like any other.
                guard attempt < 8, Self.gaveUp(old, attempt) else { throw error }
            }
        }
        return old
    }

    /// Whether `old` goes on because this attempt took too long, and for no other reason.
    private static func gaveUp(_ old: Proxy, _ attempt: Int) -> Bool {
        var reasons: [Substring] = []
        do {
            try waitUntil("the old process says why it goes on", within: 5) {
                reasons = old.log.split(separator: "\n").filter { $0.contains("hot restart did not happen: ") }
                return reasons.count >= attempt
            }
        } catch {
            return false
        }
        return old.process.isRunning && (reasons.last!.contains("in time") || reasons.last!.contains("time limit"))
    }

    private func settle() throws {
        if awaitsBytes { awaited["http.ingress_http.downstream_cx_rx_bytes_total"] = UInt64(sentBytes) }
        if awaitsConnections {
            awaited["listener.127.0.0.1_0.downstream_cx_total"] = UInt64(lanes.sum(\.connections))
        }
        defer {
            awaited = [:]
            awaitsBytes = false
            awaitsConnections = false
        }
        if awaited.isEmpty { return }
        do {
            try waitUntil("clients are where they are to be") {
                let stats = try bed.statdump()
                awaited = awaited.filter { stats[$0.key] ?? 0 < $0.value }
                return awaited.isEmpty
            }
        } catch {
            throw Failure("\(error): \(awaited)")
        }
    }

    /// The standby `old` serves again, after what came in between was killed.
    func goBack(to old: Proxy) { proxy = old }

    func step() throws {
        for (client, lane) in zip(clients, lanes) { try named(lane, "between restarts", client.step) }
        try settle()
    }

    func finish() throws {
        // The other way round: those that wait for the kernel's retries have waited longest.
        for (client, lane) in zip(clients, lanes).reversed() {
            try named(lane, "in the end", client.finish)
            lane.close()
        }
    }

    // MARK: Stats

    /// What is alive now is what the gauges say. While connections move both processes may have them, and never nobody.
    func expectActive() throws {
        let expected = (UInt64(lanes.sum(\.connections)), UInt64(clients.reduce(0) { $0 + $1.active }))
        var seen: (UInt64, UInt64) = (0, 0)
        var missing: (UInt64, UInt64)?
        do {
            try waitUntil("the gauges are what is alive", within: 5) {
                let stats = try bed.statdump("_active$")
                seen = (
                    stats["listener.127.0.0.1_0.downstream_cx_active"] ?? 0,
                    stats["http.ingress_http.downstream_rq_active"] ?? 0
                )
                if seen.0 < expected.0 || seen.1 < expected.1 { missing = seen }
                return seen == expected
            }
        } catch {
            Issue.record("the gauges are \(seen), not \(expected)")
        }
        #expect(missing == nil, "gauges below \(expected)")
    }

    /// All clients are gone: the gauges are back at 0 and the counters are what the clients did.
    func expectSums() throws {
        let gauges =
            ["listener.127.0.0.1_0.downstream_cx_active"]
            + ["downstream_cx_active", "downstream_rq_active"].map { "http.ingress_http.\($0)" }
            + lanes.flatMap { lane in
                ["upstream_cx_active", "upstream_rq_active", "upstream_rq_pending_active"].map {
                    "cluster.\(lane.name).\($0)"
                }
            }
        var stats = try bed.statdump()
        func left() -> [String] { gauges.filter { stats[$0] ?? 0 != 0 }.map { "\($0): \(stats[$0] ?? 0)" } }
        do {
            try waitUntil("nothing is active", within: 5) {
                stats = try bed.statdump()
                return left().isEmpty
            }
        } catch {
            Issue.record("\(left())")
        }
        let http = lanes.filter { !$0.isTCP }
        var expected = [
            "http.ingress_http.downstream_cx_total": http.sum(\.connections),
            "http.ingress_http.downstream_rq_total": http.sum(\.requests),
            "http.ingress_http.downstream_rq_2xx": http.sum(\.successes),
            "tcp.ingress_tcp.downstream_cx_total": lanes.filter(\.isTCP).sum(\.connections),
        ]
        for lane in lanes { expected["cluster.\(lane.name).upstream_cx_total"] = lane.tally.upstreamConnections }
        let wrong = expected.filter { stats[$0.key] ?? 0 != UInt64($0.value) }
            .map { "\($0.key) is \(stats[$0.key] ?? 0), not \($0.value)" }
        #expect(wrong.sorted() == [])
    }
}
