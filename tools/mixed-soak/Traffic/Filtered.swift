import CLinux

/// Requests through HTTP filters: kept until they are whole, delayed, limited; answers that are changed.
final class Filtered: OneClient, Traffic {
    func step() throws {
        let (seed, count) = (lane.random.below(1 << 30), lane.random.size(0...5000))
        switch lane.random.below(4) {
        case 0: try whole(seed)
        case 1:
            let began = cl_monotonic_ns()
            let delay = lane.random.within(1...1500)
            var ask = Ask("/late?n=\(count)&s=\(seed)")
            ask.fields = "x-envoy-fault-delay-request: \(delay)\r\n"
            try client.exchange(ask, seed: seed).expect(200, body: count)
            let ms = (cl_monotonic_ns() - began) / 1_000_000
            guard ms + 1 >= delay, ms < delay + 10_000 else { throw Trouble.wrong("\(ms) ms passed, not \(delay)") }
        case 2:
            var ask = Ask("/changed?n=\(count)&s=\(seed)")
            ask.fields = "x-soak-value: \(seed)\r\n"
            let answer = try client.exchange(ask, seed: seed)
            try answer.expect(200, body: count)
            guard answer.head["x-soak-changed"] == "\(seed)" else { throw Trouble.wrong("x-soak-changed is lost") }
        default:
            let answer = try client.exchange(Ask("/limited?n=\(count)&s=\(seed)", tries: 0...1), seed: seed)
            if answer.status == 429 { return try answer.expect(429, text: "local_rate_limited") }
            try answer.expect(200, body: count)
        }
    }

    /// Large enough that restarts find some of them half.
    private func whole(_ seed: Int) throws {
        let count = lane.random.size(1000...2_000_000)
        var ask = Ask("/whole?s=\(seed)", method: "POST")
        ask.seed = seed
        ask.body = lane.random.chance(50) ? .length(count) : .chunked(count, most: lane.random.within(1000...100_000))
        try client.exchange(ask).expect(200, text: "took \(count)")
    }
}
