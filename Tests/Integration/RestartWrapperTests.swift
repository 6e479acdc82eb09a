import Glibc
import Testing

/// The convention of Envoy's restart wrapper: one program without arguments that finds its epoch in `RESTART_EPOCH`.
@Suite struct RestartWrapperTests {
    /// What an operator gives to the wrapper, in the manner of Envoy's documentation.
    private func script(_ bed: Bed) throws -> String {
        let path = try bed.file(
            "start.sh",
            """
            #!/bin/sh
            exec "$ENVOYD" -c "$CONFIGURATION" --base-id "$BASE_ID" --restart-epoch "$RESTART_EPOCH" \\
                --admin-address-path "$ADMIN.$RESTART_EPOCH" --concurrency 1 --drain-time-s 5 --parent-shutdown-time-s 10

            """)
        try #require(chmod(path, 0o700) == 0)
        return path
    }

    @Test func epochsFollowEachOther() throws {
        try withBed { bed in
            let upstreams = try ["v1", "v2", "v3"].map { try bed.upstream($0) }
            let script = try script(bed)
            let admin = bed.path("admin")
            var proxies: [Proxy] = []
            var port: UInt16 = 0
            for (epoch, upstream) in upstreams.enumerated() {
                let environment = [
                    "RESTART_EPOCH=\(epoch)", "ENVOYD=\(try Binaries.path("envoyd"))", "BASE_ID=\(bed.baseID)",
                    "CONFIGURATION=\(try bed.file("yaml", Configuration(upstream.port).text))", "ADMIN=\(admin)",
                ]
                let process = try bed.run(script, [], environment: environment)
                let proxy = Proxy(process: process, adminPath: "\(admin).\(epoch)")
                try bed.waitUntilServing(proxy)
                proxies.append(proxy)
                if epoch == 0 { port = try proxy.port }
                #expect(try Client(port: port).get("/").text == upstream.hello)
                let stats = try proxy.stats("^server.hot_restart")
                #expect(stats["server.hot_restart_epoch"] == UInt64(epoch))
                #expect(stats["server.hot_restart_generation"] == UInt64(epoch) + 1)
                // What the wrapper forwards.
                process.signal(SIGUSR1)
                process.signal(SIGHUP)
            }
            for proxy in proxies { proxy.process.signal(SIGTERM) }
            for proxy in proxies { #expect(try proxy.process.waitForEnd() == .exit(0)) }
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 3)
        }
    }
}
