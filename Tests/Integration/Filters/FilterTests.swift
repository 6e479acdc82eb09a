import Glibc
import Testing
import ThreadTesting

/// HTTP filters in front of the router, where Tests/EnvoyCases cannot look: time, restarts, several workers, the runtime.
@Suite struct FilterTests {
    private static func get(_ fields: String = "") -> String { "GET / HTTP/1.1\r\nhost: test\r\n\(fields)\r\n" }

    /// Longer than any test.
    private static let long = "x-envoy-fault-delay-request: 3600000\r\n"

    @Test func aDelayedRequestMovesToTheNewProcess() throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let configuration = FilterScene.configuration(upstream.port, [FilterScene.faults])
            var proxy = try bed.proxy(configuration, flags)
            let client = try proxy.client()
            try client.send(Self.get(Self.long))
            try waitUntil("it is delayed") { try bed.statdump()["http.ingress_http.fault.delays_injected"] == 1 }
            for _ in 0..<2 {
                let old = proxy
                proxy = try bed.proxy(configuration, flags)
                old.process.signal(SIGTERM)
                #expect(try old.process.waitForEnd(within: 10) == .exit(0))
                let stats = try bed.statdump()
                #expect(stats["http.ingress_http.fault.active_faults"] == 1)
                #expect(stats["http.ingress_http.downstream_rq_active"] == 1)
                #expect(!client.hasEnded())
            }
            client.close()
            try waitUntil("the fault is over") { try bed.statdump()["http.ingress_http.fault.active_faults"] == 0 }
            #expect(try bed.statdump()["http.ingress_http.fault.delays_injected"] == 1)
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    /// The new configuration has other filters, or none: a request that waits goes on behind all that it has passed.
    @Test(arguments: [[], [FilterScene.filter("other", "header_mutation.v3.HeaderMutation", mutation)]])
    func aDelayedRequestMovesToAnotherConfiguration(_ filters: [String]) throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let old = try bed.proxy(FilterScene.configuration(upstream.port, [FilterScene.faults]), flags)
            let client = try old.client()
            try client.send(Self.get("x-envoy-fault-delay-request: 1000\r\nx-mine: a\r\n"))
            try waitUntil("it is delayed") { try bed.statdump()["http.ingress_http.fault.delays_injected"] == 1 }
            let new = try bed.proxy(FilterScene.configuration(upstream.port, filters), flags)
            let request = try upstream.accept().request()
            #expect(request["x-mine"] == "a" && request["x-added"] == nil)
            #expect(new.process.isRunning)
        }
    }

    private static let mutation =
        "mutations: { request_mutations: [{ append: { header: { key: x-added, value: b } } }] }"

    @Test func aClientThatLeavesEndsItsFault() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(FilterScene.configuration(upstream.port, [FilterScene.faults]))
            let client = try proxy.client()
            try client.send(Self.get(Self.long))
            try waitUntil("it is delayed") { try proxy.stats()["http.ingress_http.fault.active_faults"] == 1 }
            client.close()
            try waitUntil("it is over") { try proxy.stats()["http.ingress_http.fault.active_faults"] == 0 }
            let stats = try proxy.stats()
            #expect(stats["http.ingress_http.downstream_rq_rx_reset"] == 1)
            #expect(stats["cluster.service.upstream_rq_total"] == 0)
        }
    }

    /// The limits of a stream hold for one that waits.
    @Test func aDelayedRequestMayTakeTooLong() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = FilterScene.configuration(upstream.port, [FilterScene.faults])
            configuration.manager = ["stream_idle_timeout: 0.05s"]
            let client = try bed.proxy(configuration).client()
            try client.send(Self.get(Self.long))
            let response = try client.response()
            #expect(response.status == 504 && response.text == "stream timeout")
        }
    }

    @Test func theRuntimeBreaksRequests() throws {
        try withBed { bed in
            let log = bed.path("access.log")
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(FilterScene.configuration(upstream.port, [FilterScene.faults], log: log))
            let client = try proxy.client()
            func ask(_ fields: String = "") throws -> Response {
                try client.send(Self.get(fields))
                return try client.response()
            }
            #expect(try ask().status == 200)
            _ = try proxy.admin("/runtime_modify?fault.http.abort.abort_percent=100", method: "POST")
            let broken = try ask("x-envoy-fault-delay-request: 1\r\n")
            #expect(broken.status == 503 && broken.text == "fault filter abort")
            _ = try proxy.admin("/runtime_modify?fault.http.abort.http_status=418", method: "POST")
            #expect(try ask().status == 418)
            _ = try proxy.admin("/runtime_modify?fault.http.max_active_faults=0", method: "POST")
            #expect(try ask().status == 200)
            #expect(try proxy.stats()["http.ingress_http.fault.faults_overflow"] == 1)
            #expect(try proxy.process.terminate() == .exit(0))
            let lines = (Files.read(log) ?? "").split(separator: "\n").map(String.init)
            #expect(
                lines == [
                    "200 - via_upstream", "503 DI,FI fault_filter_abort", "418 FI fault_filter_abort",
                    "200 - via_upstream",
                ])
        }
    }

    @Test func allWorkersTakeFromOneBucket() throws {
        try withBed { bed in
            let log = bed.path("access.log")
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(
                FilterScene.configuration(upstream.port, [FilterScene.limit("shared", most: 10)], log: log),
                concurrency: 3)
            var statuses: [Int: Int] = [:]
            for _ in 0..<20 {
                let client = try proxy.client()
                try client.send(Self.get())
                statuses[try client.response().status, default: 0] += 1
            }
            #expect(statuses == [200: 10, 429: 10])
            let stats = try proxy.stats()
            #expect(stats["shared.http_local_rate_limit.ok"] == 10)
            #expect(stats["shared.http_local_rate_limit.enforced"] == 10)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect((Files.read(log) ?? "").split(separator: "\n").contains("429 RL local_rate_limited"))
        }
    }

    @Test func tokensThatAreLeftMoveToTheNewProcess() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let configuration = FilterScene.configuration(upstream.port, [FilterScene.limit("shared", most: 3)])
            func status(_ proxy: Proxy) throws -> Int {
                let client = try proxy.client()
                try client.send(Self.get())
                return try client.response().status
            }
            var proxy = try bed.proxy(configuration, flags)
            #expect(try status(proxy) == 200)
            for expected in [[200], [200, 429]] {
                proxy = try bed.proxy(configuration, flags)
                for one in expected { #expect(try status(proxy) == one) }
            }
        }
    }

    /// A delayed request whose body is larger than what is read ahead.
    @Test func aLargeBodyWaits() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(FilterScene.configuration(upstream.port, [FilterScene.faults]))
            let client = try proxy.client()
            let body = [UInt8](repeating: 7, count: 1 << 20)
            let head =
                "POST / HTTP/1.1\r\nhost: test\r\nx-envoy-fault-delay-request: 50\r\ncontent-length: \(body.count)\r\n\r\n"
            nonisolated(unsafe) let sending = client
            let sender = Thread { try? sending.send(Array(head.utf8) + body) }
            let served = try upstream.accept()
            try served.skipHead()
            #expect(try served.receive(count: body.count) == body)
            sender.join()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            #expect(try client.response().text == "ok")
        }
    }
}
