import Glibc
import Testing

/// Who may start with a base id, and what those who may not are told.
@Suite struct BaseIDTests {
    @Test func aSecondProcessThatWasNotAskedToTakeOverIsRefused() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let socket = bed.path("restart.sock")
            let holder = try bed.proxy(Configuration(upstream.port), ["--hot-restart-file", socket])
            let refused = try bed.failingProxy(Configuration(upstream.port).text, [])
            #expect(refused.ending == .exit(1))
            #expect(
                refused.errors.hasPrefix(
                    "envoyd: base id \(bed.baseID) is in use by pid \(holder.process.pid) (epoch 0, since 20"))
            #expect(
                refused.errors.hasSuffix(
                    """
                    , restart socket \(socket)); take over from it with --hot-restart-file \(socket) (or --restart-epoch \
                    1), or choose another --base-id for a second proxy

                    """))
            #expect(try holder.client().get("/").status == 200)
            let stats = try bed.statdump("process_starts|overflow|repairs|region_generation")
            #expect(stats["server.process_starts"] == 1 && stats["stats.region_generation"] == 1)
        }
    }

    @Test func anotherSocketThanTheHoldersIsRefused() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let holder = try bed.proxy(
                Configuration(upstream.port), ["--hot-restart-file", bed.path("restart.sock")])
            let other = ["--hot-restart-file", bed.path("other.sock")]
            let refused = try bed.failingProxy(Configuration(upstream.port).text, other)
            #expect(refused.ending == .exit(1))
            #expect(refused.errors.contains("with restart socket \(bed.path("restart.sock")), not \(other[1]);"))
            #expect(try holder.client().get("/").status == 200)
        }
    }

    @Test func anEpochThatDoesNotFitIsRefused() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let holder = try bed.proxy(Configuration(upstream.port), flags)
            for epoch in ["0", "2"] {
                let (errors, ending) = try bed.failingProxy(
                    Configuration(upstream.port).text, flags + ["--restart-epoch", epoch])
                #expect(ending == .exit(1))
                #expect(
                    errors == """
                        envoyd: --restart-epoch \(epoch) was asked for, but base id \(bed.baseID) is served by epoch 0 \
                        (pid \(holder.process.pid)), so the next one is 1; leave the flag out to take it by itself

                        """)
            }
            #expect(try holder.client().get("/").status == 200)
            let child = try bed.proxy(Configuration(upstream.port), flags + ["--restart-epoch", "1"])
            #expect(try child.stats("hot_restart_epoch")["server.hot_restart_epoch"] == 1)
        }
    }

    @Test func anEpochWithoutAParentIsRefusedUnlessToldOtherwise() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let (errors, ending) = try bed.failingProxy(
                Configuration(upstream.port).text, ["--restart-epoch", "1"])
            #expect(ending == .exit(1))
            #expect(
                errors == """
                    envoyd: --restart-epoch 1 takes over from epoch 0, but no process with base id \(bed.baseID) is \
                    running; start with epoch 0, or add --skip-hot-restart-on-no-parent to start cold

                    """)
            let cold = try bed.proxy(
                Configuration(upstream.port), ["--restart-epoch", "1", "--skip-hot-restart-on-no-parent"])
            #expect(try cold.client().get("/").status == 200)
            #expect(try cold.stats("hot_restart_epoch")["server.hot_restart_epoch"] == 1)
        }
    }

    @Test func automaticEpochsTakeOverWhereSomebodyLives() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let first = try bed.proxy(Configuration(upstream.port), ["--restart-epoch", "auto"])
            let second = try bed.proxy(Configuration(upstream.port), ["--restart-epoch", "auto"])
            #expect(try second.stats("hot_restart_epoch")["server.hot_restart_epoch"] == 1)
            #expect(try first.process.terminate() == .exit(0))
        }
    }

    @Test func aDynamicBaseIDIsWrittenToItsFile() throws {
        try withBed { bed in
            let path = bed.path("base-id")
            let flags = ["--use-dynamic-base-id", "--base-id-path", path]
            let proxy = try bed.proxy(Configuration(try bed.upstream().port), flags, baseID: false)
            let id = try #require(UInt32(Files.read(path) ?? ""))
            bed.moreBaseIDs.append(id)
            #expect(id > 0)
            _ = try proxy.client().get("/")
            let dump = try bed.output("statdump", ["--base-id", "\(id)", "ingress_http.downstream_rq_total"])
            #expect(dump.output == "http.ingress_http.downstream_rq_total: 1\n")
            let both = ["--use-dynamic-base-id", "--restart-epoch", "1"]
            let refused = try bed.failingProxy(Configuration(1).text, both)
            #expect(refused.ending == .exit(1))
            #expect(refused.errors.contains("it cannot be used with --restart-epoch 1"))
        }
    }

    @Test func aSocketPathThatCannotBeUsedIsAWarningOrAnError() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("missing/restart.sock")]
            let (errors, ending) = try bed.failingProxy(
                Configuration(upstream.port).text, flags + ["--require-hot-restart"])
            #expect(ending == .exit(1))
            let lines = errors.split(separator: "\n").filter { $0.hasPrefix("envoyd: ") }
            #expect(lines.count == 1)
            #expect(lines.first?.contains(flags[1]) == true)
            #expect(lines.first?.hasSuffix("; --require-hot-restart forbids to start without it") == true)

            let proxy = try bed.proxy(Configuration(upstream.port), flags)
            #expect(proxy.log.contains("[warning]"))
            #expect(proxy.log.contains("this process starts on its own and cannot be hot restarted"))
            #expect(try proxy.client().get("/").status == 200)
        }
    }

    @Test func aPortInUseNamesItsHolder() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.listeners[0].port = upstream.port
            let (errors, ending) = try bed.failingProxy(configuration.text, [])
            #expect(ending == .exit(1))
            let line = """
                listener_0: cannot bind 127.0.0.1:\(upstream.port): Address already in use \
                (held by pid \(upstream.process.pid) (upstream))

                """
            #expect(errors.hasSuffix(line))
        }
    }
}
