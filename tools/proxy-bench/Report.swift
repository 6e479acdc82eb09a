import ToolSupport

/// The tables, in Markdown, as docs/performance.md shows them.
struct Report {
    let results: Results
    let options: Options
    let peers: [String]

    func print() {
        loads()
        for many in ["routes", "paths", "clusters", "listeners"] { scale(many) }
        workers()
        paced()
        idle()
        say("")
        notes()
        goals()
    }

    private func table(_ title: String, _ columns: [String], _ rows: [[String]]) {
        guard !rows.isEmpty else { return }
        say("\n### \(title)\n")
        say("| " + columns.joined(separator: " | ") + " |")
        say("|" + String(repeating: "---|", count: columns.count))
        for row in rows { say("| " + row.joined(separator: " | ") + " |") }
    }

    /// A figure, or why there is none.
    private func cell(_ row: String, _ peer: String, _ figure: () -> String?) -> String {
        if results.refusals[.init(row: row, peer: peer)] != nil { return "cannot" }
        for outcome in results.outcomes(row, peer) { if case .failed = outcome { return "**FAILED**" } }
        return figure() ?? "–"
    }

    private func ratio(_ row: String, _ peer: String) -> String {
        guard peer != "relay", let ratio = results.ratio(row, peer, to: "relay") else { return "" }
        return ", \(fixed(ratio, 2)) ×"
    }

    /// A line of a table: its title, then a figure of each peer.
    private func line(
        _ title: String, _ row: String, _ peers: [String], _ figure: (String) -> String?
    ) -> [String] {
        [title] + peers.map { peer in cell(row, peer) { figure(peer) } }
    }

    private func loads() {
        let wanted = Scenario.all.filter { options.wants($0.name, isQuick: $0.isQuick) }
        table(
            "CPU a request, one worker: µs (of it in user space), ratio to the relay", ["load"] + peers,
            wanted.map { scenario in
                let name = scenario.name
                return line(scenario.title, name, peers) { peer in
                    guard let all = results.median(of: \.cpuPerRequest, name, peer) else { return nil }
                    let digits = all > 1000 ? 0 : all > 100 ? 1 : 2
                    let user = results.userMicroseconds(name, peer).map { " (\(fixed($0, digits)))" } ?? ""
                    return fixed(all, digits) + user + ratio(name, peer)
                }
            })
        table(
            "Bytes: GB a second that a core would carry", ["load"] + peers,
            wanted.filter { $0.unit == .byte }.map { scenario in
                line(scenario.title, scenario.name, peers) { peer in
                    results.median(of: \.gigabytesPerCore, scenario.name, peer).map { fixed($0, 2) }
                }
            })
        table(
            "Throughput and latency: requests a second; p50, p99 in ms", ["load"] + peers,
            wanted.map { scenario in
                let name = scenario.name
                return line(scenario.title, name, peers) { peer in
                    guard let rate = results.median(of: \.requestsPerSecond, name, peer),
                        let p50 = results.median(of: { $0.load.p50 }, name, peer),
                        let p99 = results.median(of: { $0.load.p99 }, name, peer)
                    else { return nil }
                    return "\(fixed(rate, rate < 100 ? 1 : 0)); \(fixed(p50 / 1000, 2)), \(fixed(p99 / 1000, 2))"
                }
            })
    }

    private func scale(_ many: String) {
        guard options.wants("many-\(many)", isQuick: many == "routes" || many == "clusters") else { return }
        let counts = [1, 1_000, 10_000].filter { !(options.isQuick && $0 == 1_000) }
        let able = peers.filter { !$0.hasPrefix("relay") }
        table(
            "Many \(many): ms to the first answer; MB at rest; µs of CPU a request to the last one", [many] + able,
            counts.map { count in
                let row = "many-\(many)-\(count)"
                return line("\(count)", row, able) { peer in
                    guard let start = results.number(row, peer, "start"),
                        let bytes = results.number(row, peer, "memory"),
                        let all = results.median(of: \.cpuPerRequest, row, peer)
                    else { return nil }
                    return "\(fixed(start, 0)); \(fixed(bytes / 1_048_576, 1)); \(fixed(all, 2))"
                }
            })
    }

    private func workers() {
        guard options.wants("workers", isQuick: false) else { return }
        table(
            "Workers: µs of CPU a request; requests a second", ["workers"] + peers,
            [1, 2].map { count in
                let row = "workers-\(count)"
                return line("\(count)", row, peers) { peer in
                    guard let all = results.median(of: \.cpuPerRequest, row, peer),
                        let rate = results.median(of: \.requestsPerSecond, row, peer)
                    else { return nil }
                    return "\(fixed(all, 2)); \(fixed(rate, 0))"
                }
            })
    }

    private func paced() {
        guard options.wants("paced", isQuick: true), let rate = results.number("paced", "nginx", "rate"),
            let share = results.number("paced", "nginx", "share")
        else { return }
        func milliseconds(_ title: String, _ value: @escaping (Load) -> Double) -> [String] {
            line(title, "paced", peers) { peer in
                results.median(of: { value($0.load) }, "paced", peer).map { fixed($0 / 1000, 2) }
            }
        }
        table(
            "Latency in ms from the planned time, \(fixed(rate, 0)) requests a second: \(fixed(share * 100, 0)) % of nginx's throughput",
            [""] + peers,
            [
                milliseconds("p50") { $0.p50 }, milliseconds("p99") { $0.p99 }, milliseconds("p99.9") { $0.p999 },
                milliseconds("longest") { $0.max },
                line("answered, of those planned", "paced", peers) { peer in
                    results.median(of: { $0.load.requests / $0.load.planned }, "paced", peer)
                        .map { fixed($0 * 100, 1) + " %" }
                },
                line("µs of CPU a request", "paced", peers) { peer in
                    results.median(of: \.cpuPerRequest, "paced", peer).map { fixed($0, 2) }
                },
            ])
    }

    private func idle() {
        guard options.wants("idle", isQuick: true) else { return }
        let count = peers.compactMap { results.number("idle", $0, "connections") }.first ?? 0
        table(
            "Memory of an idle connection in bytes, \(fixed(count, 0)) of them after one request each", [""] + peers,
            [line("bytes", "idle", peers) { peer in results.number("idle", peer, "bytes").map { fixed($0, 0) } }])
    }

    private func notes() {
        for (key, reason) in results.refusals.sorted(by: { ($0.key.peer, $0.key.row) < ($1.key.peer, $1.key.row) }) {
            guard !key.row.hasPrefix("many") else { continue }
            say("- cannot: \(key.peer), \(key.row): \(reason)")
        }
        for failure in results.failures { say("- **FAILED** \(failure)") }
    }

    private func goals() {
        let rows = Goal.all.compactMap { goal -> [String]? in
            guard let value = goal.value(results), value.isFinite else { return nil }
            return [goal.title, goal.limitText, fixed(value, goal.decimals), goal.isMet(value) ? "pass" : "**miss**"]
        }
        table("Goals", ["goal", "limit", "measured", ""], rows)
    }
}
