import EnvoyCases
import Glibc
import MessageCases
import ToolSupport

/// Both proxies against the cases of Tests/EnvoyCases.
struct FeatureComparison {
    let programs: [String: String]
    let filter: String
    let updates: Bool

    /// What one of the two did in the cases of a file.
    private struct Observed {
        var cases: [[String]] = []
        var stats: [ExpectedStat] = []
    }

    /// Returns how many observations differ from the table.
    func run() throws -> Int {
        let folder = "/tmp/envoyd-comparison-\(getpid())"
        guard mkdir(folder, 0o700) == 0 else { throw Failure("\(folder): \(String(cString: strerror(errno)))") }
        defer { removeFolder(folder) }
        var differences = 0
        var count = 0
        for var file in try EnvoyCaseFile.all() where filter.isEmpty || file.description.contains(filter) {
            let envoy = try observe("envoy", file, folder)
            let ours = try observe("envoyd", file, folder)
            count += file.cases.count
            for (index, one) in file.cases.enumerated() {
                differences += report("\(one)", "Envoy", one.envoy, envoy.cases[index])
                if updates { file.setEnvoy(index, envoy.cases[index]) }
                differences += report("\(one)", "envoyd", file.cases[index].expected, ours.cases[index])
            }
            differences += report("\(file), stats", "Envoy", text(file.stats), text(envoy.stats))
            if updates { file.setStats(envoy.stats) }
            differences += report("\(file), stats", "envoyd", text(file.stats), text(ours.stats))
            if updates { try file.write() }
        }
        print(
            "\(count) cases; " + (differences == 0 ? "as the table says" : "\(differences) differences from the table"))
        return differences
    }

    private func text(_ stats: [ExpectedStat]) -> [String] { stats.map { "= \($0.name): \($0.value)" }.sorted() }

    /// Tells what is not in both; 1 when something is not.
    private func report(_ place: String, _ who: String, _ table: [String], _ observed: [String]) -> Int {
        if table == observed { return 0 }
        print("\(place): \(who)")
        for change in observed.difference(from: table) {
            switch change {
            case .insert(_, let line, _): print("    does      \(line)")
            case .remove(_, let line, _): print("    does not  \(line)")
            }
        }
        return 1
    }

    private func observe(_ name: String, _ file: EnvoyCaseFile, _ folder: String) throws -> Observed {
        var upstreams: [RecordingUpstream] = []
        defer { for upstream in upstreams { upstream.stop() } }
        for _ in EnvoyBootstrap.clusters { upstreams.append(try RecordingUpstream()) }
        let ports = upstreams.map(\.port)
        let proxy = try ProxyProcess(
            name, programs[name] ?? "", bootstrap: { _ in EnvoyBootstrap.text(file, ports: ports) }, in: folder)
        defer { proxy.stop() }
        let run = try EnvoyCaseRun(adminPort: proxy.waitForAdmin(), upstreams, silenceMs: 1000)
        var observed = Observed()
        for one in file.cases { observed.cases.append(try run.run(one)) }
        observed.stats = try run.stats(file)
        return observed
    }
}
