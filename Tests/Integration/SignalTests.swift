import Glibc
import Testing

/// Stopping without cutting anybody off, and the signals that do something else.
@Suite struct SignalTests {
    @Test func anActiveRequestIsFinished() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let port = try proxy.port
            let client = try Client(port: port)
            try client.send("GET /slow/1500 HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntil("the request is active") {
                try bed.statdump()["http.ingress_http.downstream_rq_active"] == 1
            }
            proxy.process.signal(SIGTERM)
            try waitUntil("nobody listens any more") { Client.isRefused(port: port) }
            let response = try client.response()
            #expect(response.status == 200)
            #expect(response.text == upstream.hello)
            #expect(response["connection"] == "close")
            #expect(try client.receiveToEnd() == [])
            client.close()
            #expect(try proxy.process.waitForEnd() == .exit(0))
        }
    }

    @Test func idleConnectionsAreClosed() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let clients = try (0..<5).map { _ in try proxy.client() }
            for client in clients { #expect(try client.get("/").status == 200) }
            proxy.process.signal(SIGTERM)
            for client in clients {
                #expect(try client.receiveToEnd() == [])
                client.close()
            }
            #expect(try proxy.process.waitForEnd() == .exit(0))
        }
    }

    @Test func aSecondSIGTERMEndsItAtOnce() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.routes = ["{ match: { prefix: / }, route: { cluster: service, timeout: 0s } }"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntil("the request is upstream") { try upstream.count == 1 }
            proxy.process.signal(SIGTERM)
            try waitUntil("it shuts down") { proxy.log.contains("SIGTERM: shutting down; 1 connections") }
            #expect(proxy.process.isRunning)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(proxy.log.contains("SIGTERM again: exiting at once"))
        }
    }

    @Test func theDrainTimeIsTheLastLimit() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.routes = ["{ match: { prefix: / }, route: { cluster: service, timeout: 0s } }"]
            let proxy = try bed.proxy(configuration, ["--drain-time-s", "1"])
            let client = try proxy.client()
            try client.send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntil("the request is upstream") { try upstream.count == 1 }
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(proxy.log.contains("drain time is over: 1 connections are closed"))
        }
    }

    @Test func SIGINTIsAsGood() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            proxy.process.signal(SIGINT)
            #expect(try proxy.process.waitForEnd() == .exit(0))
        }
    }

    @Test func SIGHUPAndSIGPIPEAreIgnored() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            for signal in [SIGHUP, SIGPIPE] {
                proxy.process.signal(signal)
                #expect(try client.get("/").status == 200)
            }
            #expect(proxy.process.isRunning)
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    @Test func SIGUSR1ReopensTheLog() throws {
        try withBed { bed in
            let log = bed.path("envoyd.log")
            let proxy = try bed.proxy(Configuration(try bed.upstream().port), ["--log-path", log])
            #expect(proxy.process.errors.isEmpty)
            try #require(rename(log, log + ".1") == 0)
            #expect(try proxy.client().get("/").status == 200)
            proxy.process.signal(SIGUSR1)
            try waitUntil("there is a new log") { Files.exists(log) }
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(Files.read(log)?.contains("SIGTERM: shutting down") == true)
            #expect(Files.read(log + ".1")?.contains("SIGTERM") == false)
        }
    }
}
