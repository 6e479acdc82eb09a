/// Holds what the region says against what clients know.
enum Counters {
    typealias Pairs = [(name: String, expected: Int, found: Int)]

    /// All must be equal, as long as nobody was killed.
    static func pairs(_ stats: [String: Int], _ ledger: (Door) -> Tally) -> Pairs {
        var pairs: Pairs = []
        func add(_ name: String, _ expected: Int) { pairs.append((name, expected, stats[name] ?? -1)) }
        for door in [Door.exact, .rough] {
            let tally = ledger(door)
            let prefix = "http.\(door.rawValue)."
            add(prefix + "downstream_rq_total", tally.requests)
            for digit in 1...5 { add(prefix + "downstream_rq_\(digit)xx", tally.answers[digit]) }
            add(prefix + "downstream_cx_total", tally.connections)
            add(prefix + "downstream_cx_destroy", tally.connections)
        }
        let (exact, stream) = (ledger(.exact), ledger(.stream))
        add("http.exact.downstream_cx_rx_bytes_total", exact.sent)
        add("http.exact.downstream_cx_tx_bytes_total", exact.received)
        add("tcp.stream.downstream_cx_total", stream.connections)
        add("tcp.stream.downstream_cx_rx_bytes_total", stream.sent)
        add("tcp.stream.downstream_cx_tx_bytes_total", stream.received)
        return pairs
    }

    /// What must be so after kills: what was answered is counted, and nothing that was not sent.
    static func bounds(_ stats: [String: Int], _ ledger: (Door) -> Tally)
        -> [(name: String, least: Int, most: Int, found: Int)]
    {
        var bounds: [(name: String, least: Int, most: Int, found: Int)] = []
        for door in [Door.exact, .rough] {
            let tally = ledger(door)
            let prefix = "http.\(door.rawValue)."
            let answered = tally.answers.reduce(0, +)
            let unanswered = max(tally.requests - answered - tally.abandoned, 0)
            func add(_ name: String, _ least: Int, _ most: Int) {
                bounds.append((prefix + name, least, most, stats[prefix + name] ?? -1))
            }
            add("downstream_rq_total", answered, tally.requests)
            for digit in [2, 3, 4] {
                add("downstream_rq_\(digit)xx", tally.answers[digit], tally.answers[digit] + unanswered)
            }
        }
        return bounds
    }

    private static let restful = [
        "downstream_cx_active", "downstream_rq_active", "downstream_cx_upgrades_active", "downstream_cx_http1_active",
        "upstream_rq_active", "upstream_rq_pending_active",
    ]

    /// Gauges that are not as they must be when no client is there, and no listener but those that always are.
    static func restless(_ stats: [String: Int]) -> [String] {
        let traffic = stats.filter { name, value in value != 0 && restful.contains { name.hasSuffix("." + $0) } }
            .map { "\($0.key) \($0.value)" }.sorted()
        let states = [("active", Door.allCases.count), ("draining", 0), ("warming", 0)]
        let listeners = states.compactMap { name, expected in
            let name = "listener_manager.total_listeners_\(name)"
            return stats[name] == expected ? nil : "\(name) \(stats[name] ?? -1), not \(expected)"
        }
        let chains = "listener_manager.total_filter_chains_draining"
        return traffic + listeners + (stats[chains] == 0 ? [] : ["\(chains) \(stats[chains] ?? -1)"])
    }

    /// Connections to hosts, as the region says.
    static func upstreamConnections(_ stats: [String: Int]) -> Int {
        stats.reduce(0) { sum, stat in
            stat.key.hasPrefix("cluster.") && stat.key.hasSuffix(".upstream_cx_active") ? sum + stat.value : sum
        }
    }
}
