/// What tests of health do with an `upstream`.
extension Upstream {
    /// How `/health` is answered from now on: a status, 0 for never, 1 for something that is not HTTP,
    /// 2 for 200 with `x-envoy-degraded`.
    func setHealth(_ status: Int) throws { _ = try Client(port: port).get("/set/health/\(status)") }

    /// How ordinary requests are answered from now on.
    func setStatus(_ status: Int) throws { _ = try Client(port: port).get("/set/status/\(status)") }

    /// Health checks that reached it.
    var checks: Int {
        get throws {
            let response = try Client(port: port).get("/checks")
            guard let count = Int(response.text.dropLast()) else { throw Failure("\(name): checks \(response.text)") }
            return count
        }
    }
}

extension Proxy {
    /// What `/clusters` says of a host of `service`.
    func health(of port: UInt16) throws -> String {
        let prefix = "service::127.0.0.1:\(port)::health_flags::"
        let text = try admin("/clusters").text
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }) else {
            throw Failure("/clusters says nothing of \(port): \(text)")
        }
        return String(line.dropFirst(prefix.count))
    }

    func waitForHealth(of upstream: Upstream, _ health: String) throws {
        try waitUntil("\(upstream.name) is \(health)") { try self.health(of: upstream.port) == health }
    }

    /// The workers learn of a change a moment after it is shown.
    func waitUntilOnly(_ upstreams: Upstream...) throws {
        let expected = Set(upstreams.map { "200 \($0.hello)" })
        try waitUntil("\(upstreams.map(\.name)) alone are asked") {
            try Set(ask(2 * upstreams.count + 2).keys) == expected
        }
    }

    /// Each on a connection of its own, so that all workers serve some; returns how often each answer came.
    func ask(_ times: Int, _ path: String = "/") throws -> [String: Int] {
        var answers: [String: Int] = [:]
        for _ in 0..<times {
            let response = try client().get(path)
            answers["\(response.status) \(response.text)", default: 0] += 1
        }
        return answers
    }
}

extension Configuration {
    /// One check of `/health` after the other, without a pause that a test would notice.
    static func httpCheck(
        unhealthy: Int = 2, healthy: Int = 2, timeout: String = "5s", interval: String = "0.02s", _ more: String = ""
    ) -> String {
        "health_checks: [{ timeout: \(timeout), interval: \(interval), no_traffic_interval: \(interval), "
            + "unhealthy_threshold: \(unhealthy), healthy_threshold: \(healthy), "
            + "http_health_check: { path: /health \(more) } }]"
    }

    static func tcpCheck(timeout: String = "5s", _ check: String) -> String {
        "health_checks: [{ timeout: \(timeout), interval: 0.02s, no_traffic_interval: 0.02s, unhealthy_threshold: 2, "
            + "healthy_threshold: 1, tcp_health_check: \(check) }]"
    }

    /// Success rates play no part, so that nobody is taken out for what a test did not mean.
    static func outliers(_ fields: String) -> String {
        "outlier_detection: { enforcing_success_rate: 0, enforcing_local_origin_success_rate: 0, \(fields) }"
    }
}
