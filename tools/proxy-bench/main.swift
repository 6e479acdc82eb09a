// Measures envoyd beside a byte relay, nginx, HAProxy and Envoy: the runner behind tools/bench, which builds what it needs.
//
// Every peer has one worker, the same upstream and the same client; rounds are interleaved, so that a noisy machine is
// noisy for all. What counts is the CPU time of the proxy's threads for each request, and its ratio to the relay's.
import CLinux
import Glibc
import ToolSupport

func run() throws(Failure) -> Int32 {
    let options = try Options(CommandLine.arguments.dropFirst())
    if options.isListing {
        for scenario in Scenario.all { say("\(scenario.name): \(scenario.title)") }
        for section in ["many-routes", "many-paths", "many-clusters", "many-listeners", "workers", "paced", "idle"] {
            say(section)
        }
        return 0
    }
    Child.endAllOnSignals()
    let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
    var limit = rlimit()
    if getrlimit(resource, &limit) == 0 {
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }

    let binaries = try options.needs("--binaries")
    var peers: [any Peer] = [
        Relay(binary: "\(binaries)/relay"), Envoyd(binary: try options.needs("--envoyd")), Nginx(), HAProxy(),
    ]
    if let envoy = options.values["--envoy"] { peers.append(Envoy(binary: envoy)) }
    peers += Relay.steps.map { Relay(name: $0, binary: "\(binaries)/\($0)") }
    peers.removeAll {
        options.peers.isEmpty ? Relay.steps.contains($0.name) : !options.peers.contains($0.name.lowercased())
    }
    let processors = Int(cl_online_processors())
    let isPinned = options.isPinned && processors > 1
    let tools = Tools(
        work: try options.needs("--work"), binaries: binaries, sources: try options.needs("--sources"),
        proxyProcessors: isPinned ? "0" : nil, clientProcessors: isPinned ? "1-\(processors - 1)" : nil,
        baseID: Int(options.values["--base-id"] ?? "") ?? 700_000, peers: peers)
    let port = try Probe.freePort()
    let upstream = try Child(
        "upstream", ["\(binaries)/upstream", "\(port)"], output: "\(tools.work)/upstream",
        processors: tools.clientProcessors)
    defer { upstream.stop() }
    _ = try Probe.waitFor(upstream, "127.0.0.1", port, "/13")

    let begin = cl_monotonic_ns()
    let before = stolenTicks()
    var bench = Bench(options: options, tools: tools, upstream: port, limit: Int(min(limit.rlim_cur, 1_000_000)))
    bench.loads()
    for many in [Setup.Many.routes, .paths, .clusters, .listeners] { bench.scale(many) }
    bench.workers()
    bench.paced()
    bench.idle()

    let seconds = Double(cl_monotonic_ns() - begin) / 1e9
    let stolen = Double(stolenTicks() - before) / Double(sysconf(Int32(_SC_CLK_TCK))) / seconds / Double(processors)
    say(
        "\(options.values["--commit"] ?? ""). \(options.rounds) rounds of \(fixed(options.seconds, 1)) s. "
            + "\(processors) processors, the proxy \(isPinned ? "alone on the first" : "on any"); "
            + "\(fixed(stolen * 100, 1)) % of them was taken by the host. \(fixed(seconds, 0)) s in all.")
    Report(results: bench.results, options: options, peers: peers.map(\.name)).print()
    return bench.results.failures.isEmpty ? 0 : 1
}

do {
    exit(try run())
} catch {
    say("bench: \(error)", to: 2)
    exit(2)
}
