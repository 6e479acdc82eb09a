import Glibc
import SharedMemory
import Stats
import Testing

/// The service counts, dies by `kill -9`, and goes on where it was.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ServiceTests {
    @Test func countsGoOnAfterAKill() throws {
        let baseID = UInt32.random(in: 1_000_000_000...4_000_000_000)
        defer {
            for file in ["", ".anchor"] { unlink(RegionName.path(baseID: baseID) + file) }
        }
        let route = ";http.request.method=GET;http.response.status_code=200;http.route=/"
        for life in 1...3 {
            let service = try RunningService(baseID: baseID)
            for _ in 0..<50 { #expect(try service.get("/").hasSuffix("hello\n")) }
            for _ in 0..<2 { #expect(try service.get("/slow").hasSuffix("hello, at last\n")) }
            #expect(try service.get("/nowhere").hasPrefix("HTTP/1.1 404"))
            // Hummingbird counts a request after its response.
            try wait { try snapshot(baseID).value("hb.requests\(route)") == UInt64(50 * life) }
            service.kill()

            // Read while nobody lives.
            let dead = try snapshot(baseID)
            #expect(dead.value("greetings") == UInt64(52 * life))
            let time = dead.stats.first { $0.name == "greeting.time_us" }?.histogram
            #expect(time?.count == UInt64(52 * life))
            #expect((time?.sum ?? 0) >= UInt64(2 * 20_000 * life), "two a life took 20 ms")
            #expect(dead.value("http.server.active_requests;http.request.method=GET") == 0, "nobody is served")
            #expect(dead.value("stats.overflow") == 0)
        }
        if let text = try RunningService.output(of: "statdump", ["--base-id", String(baseID), "'^greetings$'"]) {
            #expect(text == "greetings: 156\n")
        }
    }

    private func snapshot(_ baseID: UInt32) throws -> StatsSnapshot { StatsSnapshot(try RegionReader(baseID: baseID)) }

    private func wait(_ isTrue: () throws -> Bool) throws {
        for _ in 0..<500 {
            if try isTrue() { return }
            usleep(10_000)
        }
        Issue.record("waited for 5 s")
    }
}
