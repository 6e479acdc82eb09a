import Testing

/// What the command line answers without serving anything.
@Suite struct CommandLineTests {
    private func envoyd(_ bed: Bed, _ arguments: [String]) throws -> (
        output: String, errors: String, ending: Program.Ending
    ) { try bed.output("envoyd", arguments) }

    @Test func aValidConfigurationIsOK() throws {
        try withBed { bed in
            let path = try bed.file("envoy.yaml", Configuration(8080).text)
            let result = try envoyd(bed, ["-c", path, "--mode", "validate"])
            #expect(result.output == "configuration '\(path)' OK\n")
            #expect(result.errors.isEmpty)
            #expect(result.ending == .exit(0))
            // It can run beside the process that it is meant for.
            let proxy = try bed.proxy(Configuration(8080))
            let beside = try envoyd(bed, ["-c", path, "--mode", "validate", "--base-id", "\(bed.baseID)"])
            #expect(beside.ending == .exit(0))
            #expect(proxy.process.isRunning)
        }
    }

    @Test func everythingThatIsWrongHasItsLine() throws {
        try withBed { bed in
            let path = try bed.file(
                "envoy.yaml",
                """
                static_resources:
                  listeners:
                  - name: listener_0
                    address:
                      socket_address: { address: 127.0.0.1, port_value: 100000 }
                    filter_chains: []
                  clusters:
                  - name: service
                    conect_timeout: 1s

                """)
            let result = try envoyd(bed, ["-c", path, "--mode", "validate"])
            #expect(result.output.isEmpty)
            #expect(result.ending == .exit(1))
            let listener = "static_resources.listeners[0]"
            #expect(
                result.errors == """
                    envoyd: \(path):5:57: \(listener).address.socket_address.port_value: 100000 is out of range \
                    (0 to 65535)
                    envoyd: \(path):6:20: \(listener).filter_chains: one filter chain is required
                    envoyd: \(path):9:5: static_resources.clusters[0].conect_timeout: unknown field "conect_timeout" \
                    (did you mean "connect_timeout"?)

                    """)
        }
    }

    @Test func aMissingFileIsNamed() throws {
        try withBed { bed in
            let path = bed.path("missing.yaml")
            let result = try envoyd(bed, ["-c", path, "--mode", "validate"])
            #expect(result.errors == "envoyd: \(path): cannot be opened: No such file or directory\n")
            #expect(result.ending == .exit(1))
        }
    }

    @Test func versions() throws {
        try withBed { bed in
            let version = try envoyd(bed, ["--version"])
            #expect(version.output.hasPrefix("envoyd "))
            #expect(version.output.split(separator: ".").count == 3)
            #expect(version.ending == .exit(0))
            let hot = try envoyd(bed, ["--hot-restart-version"])
            #expect(hot.output.hasPrefix("1.envoyd."))
            #expect(hot.ending == .exit(0))
            #expect(try envoyd(bed, ["--hot-restart-version", "--disable-hot-restart"]).output == "disabled\n")
            let help = try envoyd(bed, ["--help"])
            #expect(help.ending == .exit(0))
            #expect(help.output.contains("--hot-restart-file"))
        }
    }

    @Test(arguments: [
        ["--concurrency", "0"], ["--concurrency", "many"], ["--base-id", "-1"], ["--base-id", "4294967296"],
        ["--restart-epoch", "-1"], ["--restart-epoch", "soon"], ["--mode", "serv"], ["--log-level", "loud"],
        ["--socket-mode", "888"], ["--drain-strategy", "slow"], ["--drain-time-s", "-5"], ["--no-such-flag"],
        ["stray"],
    ])
    func badValues(flags: [String]) throws {
        try withBed { bed in
            let path = try bed.file("envoy.yaml", Configuration(8080).text)
            let result = try envoyd(bed, ["-c", path] + flags)
            #expect(result.ending == .exit(1))
            #expect(result.output.isEmpty)
            #expect(result.errors.contains(flags[0]))
        }
    }

    @Test func aConfigurationIsNeeded() throws {
        try withBed { bed in
            let result = try envoyd(bed, [])
            #expect(result.ending == .exit(1))
            #expect(result.errors.contains("no configuration: give -c FILE, --config-yaml TEXT, or both"))
        }
    }

    @Test func initOnlyEndsOnceItIsInitialized() throws {
        try withBed { bed in
            let path = try bed.file("envoy.yaml", Configuration(8080).text)
            let result = try envoyd(bed, ["-c", path, "--mode", "init_only", "--base-id", "\(bed.baseID)"])
            #expect(result.ending == .exit(0))
            #expect(!Files.exists("/dev/shm/envoyd-\(bed.baseID)"))
        }
    }

    @Test func inlineYAMLIsMergedOverTheFile() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--config-yaml", "node: { id: inline-node }", "--service-zone", "zone-a"]
            let proxy = try bed.proxy(Configuration(upstream.port), flags)
            let info = try proxy.admin("/server_info").text
            #expect(info.contains("inline-node"))
            #expect(info.contains("zone-a"))
        }
    }

    @Test func withoutHotRestartThereIsNoRegion() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), ["--disable-hot-restart"])
            _ = try proxy.client().get("/")
            #expect(try proxy.stats()["http.ingress_http.downstream_rq_total"] == 1)
            #expect(!Files.exists("/dev/shm/envoyd-\(bed.baseID)"))
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }
}
