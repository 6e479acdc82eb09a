import Testing

/// What of a hot restart can be chosen, and what is told of it afterwards.
@Suite struct HandOverOptionsTests {
    @Test func allMovesAndIsTold() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let client = try parent.client()
            #expect(try client.get("/").status == 200)
            #expect(try parent.admin("/hot_restart").text.contains("\"result\": \"none\""))
            let child = try bed.proxy(Configuration(upstream.port), flags)
            try waitUntil("the child was told") { try child.admin("/hot_restart").text.contains("took_over") }
            let told = try child.admin("/hot_restart").text
            #expect(told.contains("\"connections_moved\": 1"))
            #expect(told.contains("\"connections_kept\": 0"))
            #expect(told.contains("\"epoch\": 1"))
            #expect(told.contains("none stays"))
            #expect(try client.get("/").status == 200)
            let stats = try bed.statdump("hot_restart")
            #expect(stats["hot_restart.completed"] == 1)
            #expect(stats["hot_restart.aborted"] == 0)
            #expect(stats["hot_restart.connections_moved"] == 1)
            #expect(stats["hot_restart.connections_kept"] == 0)
            #expect(stats["hot_restart.connections_failed"] == 0)
            #expect(parent.log.contains("1 connections moved"))
        }
    }

    /// What both allow is done: either side may keep connections where they are.
    @Test(arguments: [true, false])
    func listenersOnlyIsEnvoysWay(saidByTheParent: Bool) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let plain = ["--hot-restart-file", bed.path("restart.sock")]
            let only = plain + ["--hand-over", "listeners"]
            let parent = try bed.proxy(Configuration(upstream.port), saidByTheParent ? only : plain)
            let client = try parent.client()
            #expect(try client.get("/").status == 200)
            let child = try bed.proxy(Configuration(upstream.port), saidByTheParent ? plain : only)
            try waitUntil("the parent stands by") { parent.log.contains("this process stands by") }
            let stats = try bed.statdump("hot_restart")
            #expect(stats["hot_restart.connections_moved"] == 0)
            #expect(stats["hot_restart.connections_kept"] == 1)
            #expect(try child.client().get("/").status == 200)
            // It drains where it is.
            #expect(try client.get("/").status == 200)
            parent.process.signal(15)
            _ = try? client.get("/")
            #expect(try parent.process.waitForEnd() == .exit(0))
        }
    }

    @Test func noneHandsNothingOver() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let plain = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), plain + ["--hand-over", "none"])
            let (refused, ending) = try bed.failingProxy(Configuration(upstream.port).text, plain)
            #expect(ending == .exit(1))
            #expect(refused.contains("hands nothing over (--hand-over none)"))
            let (inUse, second) = try bed.failingProxy(
                Configuration(upstream.port).text, plain + ["--hand-over", "none"])
            #expect(second == .exit(1))
            #expect(inUse.contains("is in use by pid"))
            #expect(try parent.client().get("/").status == 200)
        }
    }

    @Test func aWrongWordIsOneLine() throws {
        try withBed { bed in
            let (_, errors, ending) = try bed.output("envoyd", ["-c", "x.yaml", "--hand-over", "some"])
            #expect(ending != .exit(0))
            #expect(errors.contains("--hand-over"))
        }
    }
}
