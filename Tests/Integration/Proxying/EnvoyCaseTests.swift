import EnvoyCases
import Glibc
import MessageCases
import Testing

/// The table of what Envoy does (Tests/EnvoyCases) through the built program: what clients get, what upstreams see, and the
/// stats at the end, are as the real one's.
@Suite struct EnvoyCaseTests {
    @Test(arguments: try EnvoyCaseFile.all())
    func cases(_ file: EnvoyCaseFile) throws {
        try withBed { bed in
            var upstreams: [RecordingUpstream] = []
            defer { for upstream in upstreams { upstream.stop() } }
            for _ in EnvoyBootstrap.clusters { upstreams.append(try RecordingUpstream()) }
            let text = EnvoyBootstrap.text(file, ports: upstreams.map(\.port))
            let proxy = try bed.startProxy(text, concurrency: 1)
            try bed.waitUntilServing(proxy)
            let run = try EnvoyCaseRun(
                adminPort: proxy.adminPort, upstreams, silenceMs: Int(generousSeconds * 1000))
            for one in file.cases {
                let observed = try run.run(one)
                if observed != one.expected {
                    Issue.record(
                        "\(one)\n\(observed.difference(from: one.expected))\n\(observed.joined(separator: "\n"))")
                }
                if let ending = proxy.process.ending { throw Failure("\(one): the proxy ended: \(ending)") }
            }
            let stats = try run.stats(file)
            #expect(Set(stats) == Set(file.stats))
        }
    }
}
