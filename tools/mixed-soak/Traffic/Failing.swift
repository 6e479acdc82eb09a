import CLinux

/// Requests that fail at first: the retries of their route answer them in the end.
final class Flaky: OneClient, Traffic {
    func step() throws {
        let (seed, count) = (lane.random.below(1 << 30), lane.random.size(0...5000))
        let failures = lane.random.within(0...3)
        // 0: 503, 1: reset, 2: the connection just ends.
        let way = lane.random.below(3)
        var ask = Ask("/flaky?k=\(failures)&m=\(way)&n=\(count)&s=\(seed)", tries: (failures + 1)...(failures + 1))
        if lane.random.chance(30) {
            ask.method = "POST"
            ask.body = .length(lane.random.size(1...20_000))
        }
        let answer = try client.exchange(ask, seed: seed)
        try answer.expect(200, body: count)
        guard answer.head["x-envoy-attempt-count"] == "\(failures + 1)" else {
            throw Trouble.wrong("\(answer.head["x-envoy-attempt-count"] ?? "no count of") tries, not \(failures + 1)")
        }
    }
}

/// An upstream that says nothing: 504 when the route's time is over.
final class Stalled: OneClient, Traffic {
    func step() throws {
        let began = cl_monotonic_ns()
        try client.exchange(Ask("/stall")).expect(504, text: "upstream request timeout")
        let ms = (cl_monotonic_ns() - began) / 1_000_000
        guard (390...10_000).contains(ms) else { throw Trouble.wrong("504 after \(ms) ms, not 400") }
    }
}

/// Asks a cluster whose only host goes away and comes back. While it is there, all is well.
final class Dying: OneClient, Traffic {
    override class var door: Door { .rough }

    func step() throws {
        let (seed, count) = (lane.random.below(1 << 30), lane.random.size(0...300_000))
        let ask = Ask("/dying/content?n=\(count)&s=\(seed)", tries: 0...1)
        let began = cl_monotonic_ns()
        try client.send(ask)
        do {
            let answer = try client.answer(seed: seed)
            if answer.status == 503, lane.scene.wasDown(since: began) { return }
            try answer.expect(200, body: count)
        } catch let trouble as Trouble where trouble.isBrokenConnection && client.isAnswering {
            // Cut off in the middle, which it may be then only.
            guard lane.scene.wasDown(since: began) else { throw trouble }
            try client.abandon(reset: false)
        }
    }
}

/// Asks a cluster of which one host fails its checks now and then: it is not asked then, a while later.
final class Checked: OneClient, Traffic {
    func step() throws { try askHost(lane, client, "/checked", withinMs: 2000) }
}

/// Asks clusters whose names resolve to other hosts now and then.
final class Named: OneClient, Traffic {
    func step() throws { try askHost(lane, client, lane.random.chance(50) ? "/strict" : "/logical", withinMs: 3000) }
}

/// One request, which no host may answer that has been out of use for so long.
private func askHost(_ lane: Lane, _ client: Client, _ prefix: String, withinMs limit: UInt64) throws {
    let (seed, count) = (lane.random.below(1 << 30), lane.random.size(0...5000))
    let began = cl_monotonic_ns()
    let answer = try client.exchange(Ask("\(prefix)/content?n=\(count)&s=\(seed)"), seed: seed)
    try answer.expect(200, body: count)
    guard let host = answer.head["x-host"] else { throw Trouble.wrong("no host is named") }
    let ms = lane.scene.retiredForNs(host, at: began) / 1_000_000
    guard ms <= limit else { throw Trouble.wrong("host \(host) answered, \(ms) ms after it was taken out of use") }
}
