import Glibc
import Testing

/// What a request that is sent again says anew: which try it is, whom it asks, and how long it is waited for.
@Suite struct LaterTryTests {
    private static func configuration(_ ports: [UInt16]) -> Configuration {
        var configuration = Configuration(ports[0])
        let endpoints = ports.enumerated().map { i, port in
            "{ endpoint: { hostname: host\(i), address: { socket_address: { address: 127.0.0.1, port_value: \(port) } } } }"
        }
        configuration.moreClusters = [
            "{ name: named, type: STATIC, load_assignment: { cluster_name: named, endpoints: [{ lb_endpoints: "
                + "[\(endpoints.joined(separator: ", "))] }] } }"
        ]
        configuration.hosts = [
            "{ name: tries, domains: [tries], include_request_attempt_count: true, "
                + "include_attempt_count_in_response: true, routes: [{ match: { prefix: / }, route: { cluster: named, "
                + "auto_host_rewrite: true, retry_policy: { retry_on: 5xx, num_retries: 1, "
                + "host_selection_retry_max_attempts: 5, retry_host_predicate: [{ name: other, typed_config: { "
                + "\"@type\": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate } }], "
                + "retry_back_off: { base_interval: 0.001s } } } }] }"
        ]
        return configuration
    }

    private static let bad = "HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"
    private static let good = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    /// The second try is one of the process that has taken over.
    @Test(arguments: [false, true]) func theNextHostIsCalledByItsName(restarts: Bool) throws {
        try withBed { bed in
            let upstreams = [try Listener(), try Listener()]
            let configuration = Self.configuration(upstreams.map(\.port))
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let proxy = try bed.proxy(configuration, flags)
            let client = try proxy.client()
            try client.send("POST /a HTTP/1.1\r\nhost: tries\r\ncontent-length: 4\r\n\r\nbody")
            try waitUntil("one is asked") { upstreams.contains(where: \.hasWaitingConnection) }
            let first = upstreams[0].hasWaitingConnection ? 0 : 1
            let served = try upstreams[first].accept()
            let request = try served.request()
            #expect(request["host"] == "host\(first)" && request["x-envoy-original-host"] == "tries")
            #expect(request["x-envoy-attempt-count"] == "1" && request["x-envoy-expected-rq-timeout-ms"] == "15000")
            if restarts {
                _ = try bed.proxy(configuration, flags)
                proxy.process.signal(SIGTERM)
                #expect(try proxy.process.waitForEnd(within: 10) == .exit(0))
            }
            try served.send(Self.bad)
            let again = try upstreams[1 - first].accept()
            let second = try again.request()
            #expect(second["host"] == "host\(1 - first)" && second["x-envoy-original-host"] == "tries")
            #expect(second["x-envoy-attempt-count"] == "2" && second.text == "body")
            let expected = try #require(second["x-envoy-expected-rq-timeout-ms"].flatMap { Int($0) })
            #expect(expected <= 15000 && expected > 0)
            try again.send(Self.good)
            let response = try client.response()
            #expect(response.status == 200 && response["x-envoy-attempt-count"] == "2")
        }
    }
}
