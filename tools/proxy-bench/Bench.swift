import CLinux
import Glibc
import ToolSupport

/// A whole run: each section starts what it needs, and measures the peers in turn.
struct Bench {
    let options: Options
    let tools: Tools
    let upstream: Int
    /// Open files that a process may have.
    let limit: Int
    var results = Results()

    private func setup(_ many: Setup.Many = .none, _ count: Int = 1, workers: Int = 1, tcp: Bool = false) -> Setup {
        Setup(
            http: 0, tcp: tcp ? 1 : 0, admin: 0, upstream: upstream, workers: workers, many: many, count: count,
            limit: limit)
    }

    /// Starts a peer, or says why there is none.
    private mutating func start(
        _ peer: any Peer, _ setup: Setup, row: String, isPinned: Bool = true
    ) -> Running? {
        if let reason = peer.refuses(setup) {
            results.refuse(row, peer.name, reason)
            return nil
        }
        do {
            return try Running(peer, setup, tools, label: row, isPinned: isPinned)
        } catch {
            results.add(row, peer.name, .failed("\(error)"))
            return nil
        }
    }

    private mutating func measure(_ running: Running, _ row: String, _ scenario: Scenario, path: String? = nil) {
        // One that has failed is not asked again: its figures are worth nothing.
        for outcome in results.outcomes(row, running.peer.name) { if case .failed = outcome { return } }
        do {
            let cell = try running.measure(scenario, seconds: options.seconds, path: path)
            results.add(row, running.peer.name, .cell(cell))
        } catch {
            results.add(row, running.peer.name, .failed("\(error)"))
        }
    }

    // MARK: Sections

    /// One worker, one route.
    mutating func loads() {
        let wanted = Scenario.all.filter { options.wants($0.name, isQuick: $0.isQuick) }
        guard !wanted.isEmpty else { return }
        var running: [Running] = []
        for peer in tools.peers {
            guard let one = start(peer, setup(tcp: true), row: "start") else { continue }
            running.append(one)
        }
        defer { for one in running { one.stop() } }
        for scenario in wanted {
            progress(scenario.name)
            results.units[scenario.name] = scenario.unit
            for _ in 0..<options.rounds {
                for one in running { measure(one, scenario.name, scenario) }
            }
        }
    }

    /// 1, 1 000, 10 000 of something: start, memory, and what the last one costs.
    mutating func scale(_ many: Setup.Many) {
        guard options.wants("many-\(many.rawValue)", isQuick: many == .routes || many == .clusters) else { return }
        var running: [(String, Running)] = []
        defer { for (_, one) in running { one.stop() } }
        for count in [1, 1_000, 10_000] where !(options.isQuick && count == 1_000) {
            let row = "many-\(many.rawValue)-\(count)"
            progress(row)
            for peer in tools.peers {
                for start in 0..<min(options.rounds, 3) {
                    if start > 0, let (_, last) = running.popLast() { last.stop() }
                    guard let one = self.start(peer, setup(many, count), row: row) else { break }
                    running.append((row, one))
                    results.note(row, peer.name, "start", Double(one.startNs) / 1e6)
                    results.note(row, peer.name, "memory", memoryAtRest(of: one.child.pid))
                }
            }
        }
        let load = Scenario(name: "", title: "", client: .wrk(connections: 64))
        progress("many-\(many.rawValue): requests")
        for _ in 0..<options.rounds {
            for (row, one) in running { measure(one, row, load, path: one.setup.lastPath) }
        }
    }

    /// One and two workers beside each other, the processors left to the kernel.
    mutating func workers() {
        guard options.wants("workers", isQuick: false) else { return }
        var running: [(String, Running)] = []
        defer { for (_, one) in running { one.stop() } }
        for count in [1, 2] {
            for peer in tools.peers {
                let row = "workers-\(count)"
                guard let one = start(peer, setup(workers: count), row: row, isPinned: false) else { continue }
                running.append((row, one))
            }
        }
        progress("workers")
        let load = Scenario(name: "", title: "", client: .wrk(connections: 64))
        for _ in 0..<options.rounds { for (row, one) in running { measure(one, row, load) } }
    }

    /// Latency at 70 % of what nginx can do, counted from the planned time of each request.
    mutating func paced() {
        guard options.wants("paced", isQuick: true) else { return }
        var running: [Running] = []
        defer { for one in running { one.stop() } }
        for peer in tools.peers {
            guard let one = start(peer, setup(), row: "paced") else { continue }
            running.append(one)
        }
        progress("paced")
        guard let nginx = running.first(where: { $0.peer.name == "nginx" }) else {
            for peer in tools.peers { results.refuse("paced", peer.name, "nginx is not there to set the rate") }
            return
        }
        let closed = Scenario(name: "", title: "", client: .load(["--connections", "64"]))
        func paced(_ rate: Double) -> Scenario {
            Scenario(name: "", title: "", client: .load(["--connections", "64", "--rate", "\(Int(rate))"]))
        }
        var share = 0.7
        var rate = 0.0
        do {
            var capacities: [Double] = []
            for _ in 0..<max(3, options.rounds / 2) {
                capacities.append(try nginx.measure(closed, seconds: options.seconds).requestsPerSecond)
            }
            rate = median(capacities)
            // Requests that come one by one cost more than those that wait for each other: where nginx itself falls
            // behind, less is asked of all.
            while share > 0.2 {
                let load = try nginx.measure(paced(rate * share), seconds: options.seconds).load
                if load.requests >= load.planned * 0.98 { break }
                share *= 0.85
            }
        } catch {
            results.add("paced", "nginx", .failed("\(error)"))
            return
        }
        results.note("paced", "nginx", "rate", rate * share)
        results.note("paced", "nginx", "share", share)
        let load = paced(rate * share)
        for _ in 0..<options.rounds { for one in running { measure(one, "paced", load) } }
    }

    /// Memory of a connection that has had one request and rests.
    mutating func idle() {
        guard options.wants("idle", isQuick: true) else { return }
        let count = Setup.connections(limit) - 200
        progress("idle")
        for peer in tools.peers {
            if peer is Relay {
                results.refuse("idle", peer.name, "it has a connection to the upstream for each")
                continue
            }
            guard let one = start(peer, setup(), row: "idle") else { continue }
            defer { one.stop() }
            do {
                results.note("idle", peer.name, "connections", Double(count))
                results.note("idle", peer.name, "bytes", try rest(one, count))
            } catch {
                results.add("idle", peer.name, .failed("\(error)"))
            }
        }
    }

    private func rest(_ one: Running, _ count: Int) throws(Failure) -> Double {
        // What the first requests need is there before the count begins.
        _ = try tools.run(
            .load(["--connections", "100"]), port: one.setup.http, path: "/13", seconds: 0.3)
        let before = memory(of: one.child.pid)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure("no pipe") }
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        let client = try Child(
            "load", ["\(tools.binaries)/load", "--port", "\(one.setup.http)", "--connections", "\(count)", "--idle"],
            output: "\(tools.work)/idle", processors: tools.clientProcessors, input: ends[0])
        close(ends[0])
        defer { close(ends[1]) }
        while contents("\(tools.work)/idle")?.contains("ready") != true {
            if client.poll() != nil { throw Failure(client.lastWords) }
            usleep(20_000)
        }
        let after = memory(of: one.child.pid)
        client.stop()
        return (after - before) / Double(count)
    }

    private func progress(_ text: String) { say("… \(text)", to: 2) }
}
