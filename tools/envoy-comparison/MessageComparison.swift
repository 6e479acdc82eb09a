import CLinux
import Glibc
import MessageCases
import ToolSupport

/// Both proxies against the raw messages of Tests/MessageCases.
struct MessageComparison {
    let programs: [String: String]
    let filter: String
    let updates: Bool

    /// Returns how many observations differ from the tables.
    func run() throws -> Int {
        // Nobody else can have this one: it is made, not found.
        let folder = "/tmp/envoyd-comparison-\(getpid())"
        guard mkdir(folder, 0o700) == 0 else { throw Failure("\(folder): \(String(cString: strerror(errno)))") }
        defer { removeFolder(folder) }
        var differences = 0
        for kind in [MessageCase.Kind.request, .response] {
            var files = try CaseFile.all(kind)
            let cases = files.flatMap(\.cases).filter { filter.isEmpty || "\($0)".contains(filter) }
            let observed = try ["envoyd", "envoy"].map { try observe($0, cases, kind, folder) }
            for (index, one) in cases.enumerated() {
                let (ours, envoys) = (observed[0][index], observed[1][index])
                if !CaseRun.matches(ours, one.expected) {
                    report(one, "envoyd", one.expected, ours)
                    differences += 1
                }
                if !CaseRun.matches(envoys, one.expectedOfEnvoy) {
                    report(one, "Envoy", one.expectedOfEnvoy, envoys)
                    differences += 1
                    let file = files.firstIndex { $0.cases.contains { $0.file == one.file && $0.line == one.line } }
                    if updates, let file { files[file].setEnvoy(one, envoys) }
                }
                if one.envoy != nil, one.why.isEmpty {
                    print("\(one)\n    differs from Envoy without a \"why:\"")
                    differences += 1
                }
            }
            if updates { for file in files { try file.write() } }
            let same = cases.filter { $0.envoy == nil }.count
            print(
                "\(cases.count) \(kind == .request ? "requests" : "responses"): \(same) as Envoy, "
                    + "\(cases.count - same) otherwise, with a reason")
        }
        print(differences == 0 ? "as the tables say" : "\(differences) differences from the tables")
        return differences
    }

    private func report(_ one: MessageCase, _ who: String, _ table: String, _ observed: String) {
        print("\(one)\n    table:  \(table)\n    \(who): \(observed)")
    }

    /// What one of the two did in each case.
    private func observe(_ name: String, _ cases: [MessageCase], _ kind: MessageCase.Kind, _ folder: String) throws
        -> [String]
    {
        let upstream = try RecordingUpstream()
        defer { upstream.stop() }
        let proxy = try ProxyProcess(
            name, programs[name] ?? "", bootstrap: { Bootstrap.text(upstream: upstream.port, log: $0) }, in: folder)
        var paths: [String] = []
        var observed: [String] = []
        do {
            defer { proxy.stop() }
            let ports = try CaseRun.Ports(adminPort: proxy.waitForAdmin())
            let run = CaseRun(ports, upstream, silenceMs: 1000)
            for one in cases {
                switch kind {
                case .request:
                    observed.append(
                        try run.request(one, expected: name == "envoy" ? one.expectedOfEnvoy : one.expected))
                case .response:
                    let (text, path) = try run.response(one)
                    observed.append(text)
                    paths.append(path)
                }
            }
        }
        let log = CaseLog.read(try CaseFile.read(proxy.logPath))
        if kind == .response {
            for (index, path) in paths.enumerated() { observed[index] += " | " + (log[path] ?? "not logged") }
        }
        return observed
    }
}
