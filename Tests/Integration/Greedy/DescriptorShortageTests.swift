import CLinux
import Glibc
import Testing

/// A process that has no descriptor left: it waits for some, without turning in circles, and goes on when there are.
@Suite struct DescriptorShortageTests {
    /// Sets the limit of a running process: prlimit(1).
    private func limit(_ bed: Bed, _ proxy: Proxy, descriptors: Int) throws {
        let limit = "--nofile=\(descriptors):"
        let program = try bed.run("/usr/bin/prlimit", ["--pid", "\(proxy.process.pid)", limit])
        guard try program.waitForEnd() == .exit(0) else { throw Failure("prlimit: \(program.errors)") }
    }

    private func openDescriptors(_ proxy: Proxy) -> Int { Files.names(in: "/proc/\(proxy.process.pid)/fd").count }

    /// The least limit at which the process can open nothing more.
    private func exhaust(_ bed: Bed, _ proxy: Proxy) throws {
        let numbers = Files.names(in: "/proc/\(proxy.process.pid)/fd").compactMap { Int($0) }.sorted()
        // The first number that is free would be the next one.
        let next = numbers.enumerated().first { $0.offset != $0.element }?.offset ?? numbers.count
        try limit(bed, proxy, descriptors: next)
    }

    @Test func acceptingPausesAndGoesOn() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let port = try proxy.port
            let served = try (0..<4).map { _ in try Client(port: port) }
            for client in served { #expect(try client.get("/").status == 200) }
            try exhaust(bed, proxy)
            let waiting = try (0..<20).map { _ in try Client(port: port) }
            for client in waiting { try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n") }
            try waitUntil("accepting pauses") { proxy.log.contains("accepting pauses") }
            // Who is there is served, and nobody turns in circles: the time of a processor is a small part of that of the clock.
            let started = cl_monotonic_ns()
            let used = try proxy.process.processorNs {
                for _ in 0..<100 {
                    for client in served {
                        let response = try client.get("/")
                        #expect(response.status == 200)
                    }
                    usleep(5000)
                }
            }
            let quiet = try proxy.process.processorNs { usleep(500_000) }
            #expect(quiet < 250_000_000)
            #expect(used < (cl_monotonic_ns() - started) / 2)
            #expect(waiting.allSatisfy { !$0.hasEnded() && $0.unread.isEmpty })
            // Tried again all the time, and said once by each worker.
            #expect(proxy.log.split(separator: "\n").count { $0.contains("accepting pauses") } <= 2)
            try limit(bed, proxy, descriptors: 1000)
            for client in waiting { #expect(try client.response().text == upstream.hello) }
            try waitUntil("it is said") { proxy.log.contains("accepting goes on") }
        }
    }

    /// What the whole machine has is used up (ENFILE), or there is no memory for another one. No test may bring its machine
    /// there: debug builds say so themselves for as long as a file exists.
    @Test(arguments: ["ENFILE", "ENOBUFS", "ENOMEM"])
    func theMachineHasNoneLeft(_ code: String) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let file = bed.path("shortage")
            let proxy = try bed.startProxy(
                Configuration(upstream.port).text, concurrency: 1, environment: ["ENVOYD_TEST_SHORTAGE=\(code):\(file)"]
            )
            try bed.waitUntilServing(proxy)
            let (port, adminPort) = (try proxy.port, try proxy.adminPort)
            let served = try Client(port: port)
            #expect(try served.get("/").status == 200)

            try Files.write(file, "")
            let waiting = try (0..<5).map { _ in try Client(port: port) }
            for client in waiting { try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n") }
            try waitUntil("accepting pauses") { proxy.log.contains("accepting pauses") }
            let admin = try Client(port: adminPort)
            try admin.send("GET /ready HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntil("the admin listener pauses") { proxy.log.contains("admin: cannot accept") }
            // Who is there is served, on connections that are there.
            #expect(try served.get("/").status == 200)
            #expect(try proxy.process.processorNs { usleep(500_000) } < 250_000_000)
            #expect(waiting.allSatisfy { !$0.hasEnded() && $0.unread.isEmpty } && !admin.hasEnded())
            #expect(proxy.log.split(separator: "\n").count { $0.contains("accepting pauses") } == 1)
            #expect(proxy.log.split(separator: "\n").count { $0.contains("admin: cannot accept") } == 1)

            unlink(file)
            for client in waiting { #expect(try client.response().text == upstream.hello) }
            #expect(try admin.response().text == "LIVE\n")
            try waitUntil("it is said") { proxy.log.contains("accepting goes on") }
        }
    }

    /// The same for a connection to an upstream.
    @Test func theMachineHasNoneLeftForUpstreams() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let file = bed.path("shortage")
            let proxy = try bed.startProxy(
                Configuration(upstream.port).text, concurrency: 1, environment: ["ENVOYD_TEST_SHORTAGE=ENFILE:\(file)"])
            try bed.waitUntilServing(proxy)
            let client = try proxy.client()
            try client.send("GET")
            try waitUntil("it is accepted") { try bed.statdump()["http.ingress_http.downstream_cx_active"] == 1 }
            try Files.write(file, "")
            try client.send(" / HTTP/1.1\r\nhost: test\r\n\r\n")
            let refused = try client.response()
            #expect(refused.status == 503)
            #expect(refused.text.hasSuffix("reset reason: local connection failure"))
            unlink(file)
            #expect(try client.get("/").text == upstream.hello)
            #expect(try bed.statdump()["cluster.service.upstream_cx_connect_fail"] == 1)
        }
    }

    /// A connection to an upstream needs a descriptor too.
    @Test func upstreamConnectionsFailAndGoOn() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let client = try proxy.client()
            try client.send("GET")
            try waitUntil("it is accepted") { try bed.statdump()["http.ingress_http.downstream_cx_active"] == 1 }
            try waitUntil("nothing else is open") {
                let before = openDescriptors(proxy)
                usleep(20_000)
                return openDescriptors(proxy) == before
            }
            try exhaust(bed, proxy)
            try client.send(" / HTTP/1.1\r\nhost: test\r\n\r\n")
            let refused = try client.response()
            #expect(refused.status == 503)
            #expect(refused.text.hasSuffix("reset reason: local connection failure"))
            #expect(try client.get("/").status == 503)
            try limit(bed, proxy, descriptors: 1000)
            #expect(try client.get("/").text == upstream.hello)
        }
    }

    @Test func theAdminListenerGoesOn() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let port = try proxy.adminPort
            try waitUntil("nothing else is open") {
                let before = openDescriptors(proxy)
                usleep(20_000)
                return openDescriptors(proxy) == before
            }
            try exhaust(bed, proxy)
            let admin = try Client(port: port)
            try admin.send("GET /ready HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntil("it cannot be accepted") { proxy.log.contains("admin: cannot accept") }
            #expect(try proxy.process.processorNs { usleep(500_000) } < 250_000_000)
            #expect(!admin.hasEnded() && admin.unread.isEmpty)
            #expect(proxy.log.split(separator: "\n").count { $0.contains("admin: cannot accept") } == 1)
            try limit(bed, proxy, descriptors: 1000)
            #expect(try admin.response().text == "LIVE\n")
        }
    }
}
