import CLinux
import Glibc
import ThreadTesting
import ToolSupport

/// The whole: hosts, proxy, lanes, the plan of what happens to them, and the verdict.
final class Soak {
    let options: Options
    let scene: Scene
    let hosts: Hosts
    let fleet: Fleet
    var verdict = Verdict()
    private let work: String
    private var lanes: [Lane] = []
    private var threads: [Thread] = []
    var random: Random
    private let bootstrap: Bootstrap
    private var replaced = 0

    init(_ options: Options) throws {
        self.options = options
        random = Random(seed: options.seed)
        // Nobody else can have this one: it is made, not found.
        work = "/tmp/envoyd-soak-\(getpid())"
        guard mkdir(work, 0o700) == 0 else { throw Failure("\(work): \(String(cString: strerror(errno)))") }
        let place = Place()
        var doors: [Door: cl_address] = [:]
        var ports: [Door: UInt16] = [:]
        for (index, door) in Door.allCases.enumerated() {
            ports[door] = UInt16(20_001 + index)
            doors[door] = place.address(1, ports[door]!)
        }
        scene = Scene(seed: options.seed, doors: doors)
        hosts = try Hosts(place, options.resolver, scene.sightings)
        bootstrap = Bootstrap(
            address: place.text(1), ports: ports, adminPort: 20_000, logPath: "\(work)/access.log",
            tcpLogPath: "\(work)/tcp.log", clusters: hosts.clusters,
            routePath: "\(work)/routes.yaml", endpointPath: "\(work)/endpoints.yaml",
            clusterPath: "\(work)/clusters.yaml", listenerPath: "\(work)/listeners.yaml",
            name: options.resolver == nil ? nil : ("soak", Hosts.port))
        try writeFile(bootstrap.routePath, bootstrap.discovered(second: false))
        try writeFile(bootstrap.clusterPath, bootstrap.discoveredClusters(changes: 0))
        try writeFile(bootstrap.listenerPath, bootstrap.discoveredListeners(changes: 0))
        try writeFile(bootstrap.endpointPath, bootstrap.endpoints(without: nil))
        fleet = try Fleet(work: work, binaries: options.binaries, bootstrap: bootstrap, ledger: scene.ledger)
        var number = 0
        for kind in Kinds.all(names: options.resolver != nil, broken: options.brokenOnPurpose) {
            for _ in 0..<kind.lanes {
                number += 1
                lanes.append(Lane(scene, kind, number))
            }
        }
    }

    /// The verdict's exit code.
    func run() -> Int32 {
        say(
            "seed \(options.seed), base id \(fleet.baseID), \(lanes.count) clients of \(Set(lanes.map(\.kind.name)).count) kinds, "
                + "\(options.resolver == nil ? "no name server" : "a name server"), \(options.minutes) minutes")
        do {
            try fleet.start()
            threads = lanes.map { lane in Thread { lane.run() } }
            try phases()
        } catch {
            verdict.item("the soak itself", false, "\(error)")
        }
        end()
        say(verdict.failures == 0 ? "passed" : "FAILED: \(verdict.failures) of the items above; seed \(options.seed)")
        return verdict.failures == 0 ? 0 : 1
    }

    private func phases() throws {
        let seconds = options.minutes * 60
        let killSeconds = options.kills ? max(seconds * 0.2, 3) : 0
        let warmSeconds = min(seconds * 0.15, 30)
        try busy("warm-up", warmSeconds, kills: false)
        // What each process has of its own is there from the third on.
        for _ in 0..<3 { try fleet.restart(endsOld: false) }
        try busy("warm-up", 1, kills: false)
        let before = try rest()
        let samples = try busy("restarts", max(seconds - killSeconds - warmSeconds - 1, 1), kills: false)
        let after = try rest()
        judge(samples, before, after)
        if options.kills {
            try busy("kills", killSeconds, kills: true)
            let level = try rest()
            judgeKills(level)
        }
        judgeTraffic()
    }

    /// Traffic for so long, with all that is planned.
    @discardableResult
    private func busy(_ name: String, _ seconds: Double, kills: Bool) throws -> Agenda.Record {
        scene.order = .go
        let agenda = Agenda(self, name, seconds, kills: kills)
        try agenda.run()
        return agenda.record
    }

    /// What there is when nobody asks for anything.
    struct Level {
        var stats: [String: Int]
        var descriptors: Int
        var kilobytes: Int
        var regionFiles: [String: Int]
        var restless: [String]
    }

    /// All clients leave, and what they leave behind is looked at.
    private func rest() throws -> Level {
        hosts.recover(scene)
        scene.order = .rest
        guard reaches(within: 90_000, { scene.resting == lanes.count }) else {
            throw Failure("only \(scene.resting) of \(lanes.count) clients have come to rest within 90 s")
        }
        // Each time what is compared has the same listeners and clusters: those that come have sockets and memory of their own.
        try replace(bootstrap.clusterPath, bootstrap.discoveredClusters(changes: 0))
        try replace(bootstrap.listenerPath, bootstrap.discoveredListeners(changes: 0))
        var stats = try fleet.stats()
        let limit = cl_monotonic_ns() + 20_000_000_000
        while !Counters.restless(stats).isEmpty, cl_monotonic_ns() < limit {
            usleep(100_000)
            stats = try fleet.stats()
        }
        let usage = fleet.usage
        return Level(
            stats: stats, descriptors: usage.descriptors - Counters.upstreamConnections(stats),
            kilobytes: usage.kilobytes, regionFiles: fleet.regionFiles, restless: Counters.restless(stats))
    }

    /// Other routes, other hosts of the largest cluster, other clusters and listeners, while there is traffic.
    func replaceResources() throws {
        replaced += 1
        try replace(bootstrap.routePath, bootstrap.discovered(second: random.chance(50)))
        if random.chance(50) {
            try replace(bootstrap.clusterPath, bootstrap.discoveredClusters(changes: random.within(0...63)))
        }
        if random.chance(50) {
            try replace(bootstrap.listenerPath, bootstrap.discoveredListeners(changes: random.within(0...31)))
        }
        let left = random.chance(50) ? random.within(0...max((hosts.clusters["main"]?.count ?? 1) - 1, 0)) : nil
        try replace(bootstrap.endpointPath, bootstrap.endpoints(without: left))
    }

    /// In one step.
    private func replace(_ path: String, _ text: String) throws {
        try writeFile(path + ".next", text)
        guard rename(path + ".next", path) == 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
    }

    // MARK: Judgement

    private func judge(_ record: Agenda.Record, _ before: Level, _ after: Level) {
        verdict.equal("counters of the region equal to the clients'", Counters.pairs(after.stats) { scene.ledger[$0] })
        verdict.item(
            "gauges back to 0", after.restless.isEmpty,
            after.restless.isEmpty ? "nobody is left" : after.restless.joined(separator: ", "))
        judgeSightings()
        judgeLog()
        verdict.item(
            "restarts counted", after.stats["hot_restart.completed"] == fleet.restarts,
            "\(fleet.restarts) made, hot_restart.completed \(after.stats["hot_restart.completed"] ?? -1); "
                + "longest start \(fleet.longestStartMs) ms")
        judgeFlatness(record, before, after)
    }

    private func judgeSightings() {
        let left = scene.sightings.takeAll()
        verdict.item(
            "no request reached an upstream that nobody sent, or once too often", left.isEmpty,
            left.isEmpty ? "none is left over" : "\(left.count), such as \(left.prefix(5))")
    }

    private func judgeLog() {
        let tallies = [scene.ledger[.exact], scene.ledger[.rough]]
        let expected = tallies.reduce(0) { $0 + $1.requests + $1.halves }
        var text = ""
        // The log is written by a thread of its own.
        _ = reaches(within: 15_000) {
            text = contents(bootstrap.logPath) ?? ""
            return text.utf8.reduce(0) { $0 + ($1 == 10 ? 1 : 0) } >= expected
        }
        var check = LogCheck()
        for line in text.lines { check.add(line) }
        for lane in lanes { check.expect(lane: lane.number, issued: Int(lane.issued)) }
        var problems = check.problems
        for door in [Door.exact, .rough] {
            let (logged, known) = (check.answers[door.rawValue] ?? [], scene.ledger[door].answers)
            for digit in 1...5 where (logged.isEmpty ? 0 : logged[digit]) != known[digit] {
                problems.append("other than \(known[digit]) lines of \(door.rawValue) have a \(digit)xx")
            }
        }
        let nameless = tallies.reduce(0) { $0 + $1.nameless + $1.halves }
        if check.nameless != nameless { problems.append("\(check.nameless) lines without an id, not \(nameless)") }
        if check.lines != expected { problems.append("\(check.lines) lines, not \(expected)") }
        let streams = (contents(bootstrap.tcpLogPath) ?? "").lines.count
        if streams != scene.ledger[.stream].connections {
            problems.append("\(streams) lines for \(scene.ledger[.stream].connections) streams")
        }
        verdict.item(
            "one line in the access log for each request", problems.isEmpty,
            problems.isEmpty ? "\(check.lines) lines, and \(streams) of streams" : problems.joined(separator: "; "))
    }

    private func judgeFlatness(_ record: Agenda.Record, _ before: Level, _ after: Level) {
        verdict.item(
            "descriptors flat at rest", after.descriptors <= before.descriptors + 2,
            "\(before.descriptors) after the warm-up, \(after.descriptors) in the end, upstreams' left out; "
                + "up to 2 more are allowed")
        verdict.item(
            "memory flat at rest", after.kilobytes * 4 <= before.kilobytes * 5 + 8192,
            "\(before.kilobytes) kB after the warm-up, \(after.kilobytes) kB in the end; "
                + "up to a quarter and 2 MB more are allowed")
        let sizes = (before.regionFiles.values.reduce(0, +) / 1024, after.regionFiles.values.reduce(0, +) / 1024)
        // A name that is counted for the first time takes room in the plane of each worker: there are as many as there are.
        verdict.item(
            "size of the region flat",
            sizes.1 * 4 <= sizes.0 * 5 + 2048 && before.regionFiles.count == after.regionFiles.count,
            "\(sizes.0) kB in \(before.regionFiles.count) files after the warm-up, \(sizes.1) kB in \(after.regionFiles.count) "
                + "in the end; up to a quarter and 512 kB more are allowed")
        if let region = record.region.ends, options.minutes >= 5 {
            verdict.item(
                "size of the region at rest in the last three quarters", region.later == region.last,
                "median \(region.later) kB in the second quarter, \(region.last) kB in the last")
        }
        if let memory = record.kilobytes.ends, let descriptors = record.descriptors.ends {
            verdict.item(
                "memory flat under load", memory.last * 4 <= memory.first * 5 + 8192,
                "medians of the first and the last quarter \(memory.first) and \(memory.last) kB; as above")
            verdict.item(
                "descriptors flat under load", descriptors.last <= descriptors.first * 5 / 4 + 8,
                "medians \(descriptors.first) and \(descriptors.last); up to a quarter and 8 more are allowed")
        }
    }

    private func judgeKills(_ level: Level) {
        verdict.within(
            "after \(fleet.kills) kills, what was answered is counted and nothing that was not sent",
            Counters.bounds(level.stats) { scene.ledger[$0] })
        verdict.item(
            "gauges back to 0 after kills", level.restless.isEmpty,
            level.restless.isEmpty ? "nobody is left" : level.restless.joined(separator: ", "))
    }

    private func judgeTraffic() {
        let all = Door.allCases.map { scene.ledger[$0] }
        let requests = all.reduce(0) { $0 + $1.requests }
        let answered = all.reduce(0) { $0 + $1.answers.reduce(0, +) }
        let abandoned = all.reduce(0) { $0 + $1.abandoned }
        let excused = all.reduce(0) { $0 + $1.excused }
        verdict.item(
            "every request has one legitimate answer", scene.ledger.faults == 0,
            "\(requests) requests, \(answered) answered, \(abandoned) abandoned by their clients, \(excused) clients cut off by kills, "
                + "\(scene.ledger.faults) faults")
        let kinds = scene.ledger.exchanges
        let idle = Set(lanes.map(\.kind.name)).filter { kinds[$0] == nil }
        verdict.item(
            "all kinds of traffic went on", idle.isEmpty,
            idle.isEmpty
                ? kinds.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
                : "nothing of \(idle.sorted().joined(separator: ", "))")
    }

    // MARK: The end

    private func end() {
        let faults = scene.ledger.faults
        scene.order = .end
        for thread in threads { thread.join() }
        fleet.endAll()
        var left: [String] = []
        do {
            _ = try fleet.statdump(["--check"])
            _ = try fleet.statdump(["--remove"])
        } catch {
            left.append("\(error)")
        }
        // The anchor is a lock, and stays.
        left += fleet.regionFiles.keys.filter { !$0.hasSuffix(".anchor") }
        if access("\(work)/restart.sock", F_OK) == 0 { left.append("the restart socket") }
        _ = reaches(within: 5000) { hosts.openConnections == 0 }
        if hosts.openConnections > 0 { left.append("\(hosts.openConnections) connections to hosts") }
        if scene.ledger.faults > faults { left.append("a process that ended badly") }
        verdict.item(
            "no process, socket or region is left", left.isEmpty,
            left.isEmpty ? "all have ended, statdump --check finds nothing" : left.joined(separator: "; "))
        hosts.end()
        for name in fleet.regionFiles.keys { unlink("/dev/shm/\(name)") }
        if verdict.failures == 0 {
            removeFolder(work)
        } else {
            say("logs are kept in \(work)")
        }
    }
}
