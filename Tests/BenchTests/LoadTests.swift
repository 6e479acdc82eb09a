import Testing
import ToolSupport

@testable import proxy_bench

/// What clients write is read whole, and errors are never figures.
@Suite struct LoadTests {
    private static let good =
        "result requests=100 bytes_in=1300 seconds=2.5 errors=0 connect=0 p50_us=10 p90_us=11 p99_us=12.5 p999_us=0 max_us=20"

    @Test func aLine() throws {
        let load = try Load(Self.good)
        #expect(load.requests == 100)
        #expect(load.bytesIn == 1300)
        #expect(load.bytesOut == 0)
        #expect(load.seconds == 2.5)
        #expect(load.p50 == 10)
        #expect(load.p99 == 12.5)
        #expect(load.p999.isNaN, "0 is no latency")
        #expect(load.planned.isNaN)
    }

    @Test(arguments: [
        good.replacing("errors=0", with: "errors=1"), good.replacing("requests=100", with: "requests=0"),
        good.replacing("seconds=2.5", with: "seconds=x"), good.replacing(" errors=0", with: ""), "",
    ])
    func noFigure(line: String) {
        #expect(throws: Failure.self) { try Load(line) }
    }

    private static func h2load(_ end: String) -> String {
        """
        Main benchmark duration is started for thread #0.

        finished in 2.00s, 33770.50 req/s, 4.57MB/s
        requests: 67541 total, 67605 started, 67541 done, 67541 succeeded, \(end)
        status codes: 67541 2xx, 0 3xx, 0 4xx, 0 5xx
        """
    }

    @Test func h2load() throws {
        let load = try Load(h2load: Self.h2load("0 failed, 0 errored, 0 timeout"))
        #expect(load.requests == 67541)
        #expect(load.seconds == 2)
        #expect(load.p50.isNaN)
    }

    @Test(arguments: [
        "1 failed, 0 errored, 0 timeout", "0 failed, 2 errored, 0 timeout", "0 failed, 0 errored, 3 timeout",
    ])
    func h2loadWithErrors(end: String) {
        #expect(throws: Failure.self) { try Load(h2load: Self.h2load(end)) }
        #expect(throws: Failure.self) { try Load(h2load: "") }
    }
}
