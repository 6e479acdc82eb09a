import Testing

/// Restarts into a configuration with other listeners.
@Suite struct ListenerSetTests {
    private typealias Listen = Configuration.Listen

    private func configuration(_ upstream: Upstream, _ listeners: Listen...) -> Configuration {
        var configuration = Configuration(upstream.port)
        configuration.listeners = listeners
        return configuration
    }

    @Test func listenersOnPortsOfTheKernelsChoiceAreKeptApart() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let both = configuration(upstream, Listen(name: "first"), Listen(name: "second"))
            let parent = try bed.proxy(both, flags)
            let ports = try ["first", "second"].map { try parent.port(of: $0) }
            #expect(ports[0] != ports[1])
            let child = try bed.proxy(both, flags)
            #expect(try ["first", "second"].map { try child.port(of: $0) } == ports)
            for port in ports { #expect(try Client(port: port).get("/").status == 200) }
        }
    }

    @Test func aListenerThatIsGoneIsClosedAndItsConnectionsFinish() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let kept = Listen(name: "kept")
            let parent = try bed.proxy(
                configuration(upstream, kept, Listen(name: "gone", address: "127.0.0.2")), flags)
            let gone = try parent.port(of: "gone")
            let client = try Client(port: gone, address: "127.0.0.2")
            #expect(try client.get("/").status == 200)
            let child = try bed.proxy(configuration(upstream, kept), flags)
            try waitUntil("nobody listens there any more") { Client.isRefused(port: gone, address: "127.0.0.2") }
            #expect(try client.get("/").status == 200)
            #expect(try child.admin("/listeners").text == "kept::127.0.0.1:\(child.port(of: "kept"))\n")
            #expect(try Client(port: child.port(of: "kept")).get("/").status == 200)
            #expect(try parent.process.terminate() == .exit(0))
        }
    }

    @Test func aListenerThatIsNewIsOpened() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let old = Listen(name: "old")
            let parent = try bed.proxy(configuration(upstream, old), flags)
            let port = try parent.port(of: "old")
            let added = configuration(upstream, old, Listen(name: "new", address: "127.0.0.2"))
            let child = try bed.proxy(added, flags)
            #expect(try child.port(of: "old") == port)
            let new = try child.port(of: "new")
            #expect(try Client(port: new, address: "127.0.0.2").get("/").status == 200)
            let grandchild = try bed.proxy(added, flags)
            #expect(try grandchild.port(of: "new") == new)
            #expect(try Client(port: new, address: "127.0.0.2").get("/").status == 200)
            #expect(try parent.process.waitForEnd() == .exit(0))
        }
    }

    @Test(arguments: [(1, 4), (4, 1), (2, 3)])
    func anotherNumberOfWorkersServesAllConnections(before: Int, after: Int) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags, concurrency: before)
            let port = try parent.port
            let load = Load(port: port, connections: 4, fields: ["connection: close"])
            try load.waitForResponses(100)
            let child = try bed.proxy(Configuration(upstream.port), flags, concurrency: after)
            try load.waitForResponses(300)
            let tally = load.stop()
            #expect(tally.errors == [])
            #expect(tally.responses == [200: tally.total])
            #expect(try child.stats("concurrency")["server.concurrency"] == UInt64(after))
        }
    }
}
