import Testing

/// Restarts without a pause: one process serves in the end, one stands by for it, and nothing piles up.
/// `tools/soak rapid` does it a hundred times.
@Suite(.serialized) struct RapidRestartTests {
    @Test func oneAfterTheOther() throws {
        try withBed { bed in
            let scene = try Rapid(bed)
            try scene.restart(1, times: 1)
            let first = try scene.settledDescriptors()
            try scene.restart(1, times: 10)
            try scene.expectTwoProcesses()
            #expect(try scene.settledDescriptors() == first)
            try scene.expectPeaceAndEnd(restarts: 11)
        }
    }

    @Test(arguments: [2, 5])
    func severalAtOnce(_ count: Int) throws {
        try withBed { bed in
            let scene = try Rapid(bed)
            try scene.restart(1, times: 1)
            let first = try scene.settledDescriptors()
            try scene.restart(count, times: 3)
            try scene.expectTwoProcesses()
            // Who waited in the queue has no pidfd of its parent: the socket knows whom it connected to.
            let last = try scene.settledDescriptors()
            #expect(last == first || last == first - 1)
            try scene.expectPeaceAndEnd(restarts: 1 + 3 * count)
        }
    }
}

/// A proxy with clients, and all that came after it.
private final class Rapid {
    let bed: Bed
    let configuration: Configuration
    let flags: [String]
    let upstream: Upstream
    private var proxies: [Proxy]
    private let held: [Client]
    private let port: UInt16
    private var requests = 0

    init(_ bed: Bed) throws {
        self.bed = bed
        upstream = try bed.upstream()
        var configuration = Configuration(upstream.port)
        configuration.listeners[0].port = try Listener().port
        self.configuration = configuration
        port = configuration.listeners[0].port
        flags = ["--hot-restart-file", bed.path("restart.sock")]
        proxies = [try bed.proxy(configuration, flags)]
        let port = port
        held = try (0..<5).map { _ in try Client(port: port) }
        try askAll()
    }

    private func askAll() throws {
        for client in held { #expect(try client.get("/").text == upstream.hello) }
        requests += held.count
    }

    /// The load goes on all the while.
    func restart(_ count: Int, times: Int) throws {
        let load = Load(port: port, connections: 4)
        for _ in 0..<times {
            let young = try (0..<count).map { _ in try bed.startProxy(configuration.text, flags) }
            // It may be replaced, and gone, before anybody looks.
            for proxy in young { try waitUntil("\(proxy.process) has served") { proxy.log.contains(" serves ") } }
            proxies += young
        }
        let tally = load.stop()
        #expect(tally.errors == [])
        #expect(tally.responses == [200: tally.total])
        requests += tally.total
    }

    /// All others have ended, and without an error.
    func expectTwoProcesses() throws {
        try waitUntil("two are left") { proxies.count { $0.process.isRunning } == 2 }
        for proxy in proxies where !proxy.process.isRunning { #expect(proxy.process.ending == .exit(0)) }
        let list = try bed.output("statdump", ["--list"]).output
        let line = try #require(list.split(separator: "\n").first { $0.hasPrefix("\(bed.baseID)\t") })
        #expect(line.split(separator: " serving", omittingEmptySubsequences: false).count == 2, "\(line)")
        #expect(line.split(separator: " standby", omittingEmptySubsequences: false).count == 2, "\(line)")
    }

    /// How many descriptors the serving process has, once nothing is on its way.
    func settledDescriptors() throws -> Int {
        var serving: Proxy?
        try waitUntil("the load's connections are gone") {
            try bed.statdump()["http.ingress_http.downstream_cx_active"] == UInt64(held.count)
        }
        // Upstream connections at rest are as many as the load had left: they are not what is counted.
        let resting = try bed.statdump()["cluster.service.upstream_cx_active"] ?? 0
        let pid = try servingPID()
        serving = proxies.first { $0.process.pid == pid }
        try waitUntil("its connection to the one before it is settled") {
            serving?.log.contains("connections moved") == true
        }
        return Files.names(in: "/proc/\(pid)/fd").count - Int(resting)
    }

    private func servingPID() throws -> Int32 {
        let list = try bed.output("statdump", ["--list"]).output
        let line = try #require(list.split(separator: "\n").first { $0.hasPrefix("\(bed.baseID)\t") })
        let words = line.split { " \t,;()".contains($0) }
        let index = try #require(words.firstIndex(of: "serving"), "\(line)")
        let pid = try #require(words[..<index].lastIndex(of: "pid"), "\(line)")
        return try #require(Int32(words[pid + 1]))
    }

    func expectPeaceAndEnd(restarts: Int) throws {
        try askAll()
        let stats = try bed.statdump()
        let counted = stats["http.ingress_http.downstream_rq_total"]
        #expect(counted == UInt64(requests))
        #expect(stats["hot_restart.completed"] == UInt64(restarts))
        let pid = try servingPID()
        proxies.first { $0.process.pid == pid }?.process.signal(15)
        for client in held { client.close() }
        for proxy in proxies { #expect(try proxy.process.waitForEnd() == .exit(0)) }
        #expect(Client.isRefused(port: port))
        #expect(!Files.exists(bed.path("restart.sock")))
        let region = "envoyd-\(bed.baseID)"
        let files = Files.names(in: "/dev/shm").filter { $0 == region || $0.hasPrefix(region + ".") }
        #expect(files.sorted() == [region, region + ".anchor"])
    }
}
