import ToolSupport

/// What envoyd is to reach, beside what it has reached.
struct Goal: Sendable {
    let title: String
    let limit: Double
    /// At least the limit, instead of at most.
    var isFloor = false
    var unit = "×"
    var decimals = 2
    let value: @Sendable (Results) -> Double?

    func isMet(_ value: Double) -> Bool { isFloor ? value >= limit : value <= limit }
    var limitText: String {
        "\(isFloor ? "≥" : "≤") \(limit == limit.rounded() ? fixed(limit, 0) : fixed(limit, 2)) \(unit)"
    }

    private static let rivals = ["nginx", "HAProxy", "Envoy"]
    private static let mine = "envoyd"

    private static func ratio(_ row: String, to peer: String, _ limit: Double, _ title: String) -> Goal {
        Goal(title: "\(title), to \(peer)", limit: limit) { $0.ratio(row, mine, to: peer) }
    }

    /// The cost beside that of the cheapest of the three.
    private static func best(_ row: String, _ limit: Double, _ title: String) -> Goal {
        Goal(title: "\(title), to the best of the three", limit: limit) { results in
            rivals.compactMap { results.ratio(row, mine, to: $0) }.max()
        }
    }

    private static func growth(_ many: String) -> Goal {
        Goal(title: "a request with 10 000 \(many), to one with 1", limit: 1.1) {
            $0.ratio("many-\(many)-10000", mine, to: mine, row: "many-\(many)-1")
        }
    }

    static let all: [Goal] = [
        ratio("keepalive-64", to: "relay", 1.05, "keep-alive, 64 connections"),
        ratio("keepalive-64", to: "nginx", 0.80, "keep-alive, 64 connections"),
        ratio("keepalive-64", to: "HAProxy", 0.75, "keep-alive, 64 connections"),
        ratio("keepalive-64", to: "Envoy", 0.38, "keep-alive, 64 connections"),
        Goal(title: "keep-alive, 64 connections, in user space", limit: 1, unit: "µs") {
            $0.userMicroseconds("keepalive-64", mine)
        },
        best("new-connection", 0.9, "a new connection for each request"),
        best("get-1m", 1, "1 MB response, CPU a byte"),
        best("get-100m", 1, "100 MB response, CPU a byte"),
        best("put-1m", 1, "1 MB upload, CPU a byte"),
        best("put-100m", 1, "100 MB upload, CPU a byte"),
        ratio("tcp-64", to: "relay", 1.05, "TCP proxy, 64 connections"),
        ratio("tcp-1m", to: "relay", 1.05, "TCP proxy, 1 MB response"),
        Goal(title: "an idle connection", limit: 512, unit: "bytes", decimals: 0) { $0.number("idle", mine, "bytes") },
        Goal(title: "p99 at 70 % of nginx's throughput or what it keeps up with, to nginx", limit: 1) { results in
            guard let mine = results.cells("paced", mine), let theirs = results.cells("paced", "nginx") else {
                return nil
            }
            return median(zip(mine, theirs).map { $0.load.p99 / $1.load.p99 })
        },
        Goal(title: "2 workers, requests for the same CPU twice, to 1", limit: 1.9, isFloor: true) {
            $0.ratio("workers-2", mine, to: mine, row: "workers-1").map { 2 / $0 }
        },
        Goal(title: "start with 10 000 clusters of one host", limit: 500, unit: "ms", decimals: 0) {
            $0.number("many-clusters-10000", mine, "start")
        },
        growth("routes"), growth("paths"), growth("clusters"), growth("listeners"),
    ]
}
