/// Upstreams that lie: a client is told what is true, or that it is not.
final class LiedTo: OneClient, Traffic {
    override class var door: Door { .rough }

    func step() throws {
        let lie = Host.Lie.allCases[lane.random.below(Host.Lie.allCases.count)]
        let (seed, count) = (lane.random.below(1 << 30), lane.random.within(1...8000))
        let ask = Ask("/lie/\(lie.rawValue)?n=\(count)&s=\(seed)")
        switch lie {
        case .garbage, .both: try client.exchange(ask).expect(502)
        case .silent: try client.exchange(ask).expect(503)
        case .interim, .short, .twice: try client.exchange(ask, seed: seed).expect(200, body: count)
        case .early: try early(ask, seed, count)
        case .long, .reset: try cutOff(ask, seed, count, orStatus: lie == .reset ? 503 : nil)
        // The fault may have come with the head.
        case .chunk: try cutOff(ask, seed, count, orStatus: 502)
        }
    }

    /// Half of the request is out when the answer comes.
    private func early(_ ask: Ask, _ seed: Int, _ count: Int) throws {
        var ask = ask
        ask.method = "POST"
        ask.body = .length(200_000)
        let (id, text) = client.head(ask)
        let wire = try client.connected()
        try wire.send(text)
        client.asked(id, ask)
        try wire.send(Content(seed: 0), 0..<1000)
        try client.answer(seed: seed).expect(200, body: count)
        client.close()
    }

    /// Some of the content comes, and then the connection ends before the response does.
    private func cutOff(_ ask: Ask, _ seed: Int, _ count: Int, orStatus status: Int?) throws {
        try client.send(ask)
        let head = try client.answerHead()
        if head.status != 200 {
            let answer = try client.finish(head)
            guard answer.status == status else { return try answer.expect(200) }
            return
        }
        var came = 0
        do {
            _ = try client.finish(head, seed: seed) { came = $0 }
        } catch let trouble as Trouble where trouble.kind == .ended || trouble.kind == .reset {
            guard came <= count else { throw Trouble.wrong("\(came) bytes came of \(count)") }
            return try client.abandon(reset: false)
        }
        throw Trouble.wrong("a response that was cut off after \(count) bytes came as a whole one")
    }
}

/// Believes a lie, on purpose: the verdict must be bad.
final class Trusting: OneClient, Traffic {
    override class var door: Door { .rough }

    func step() throws { try client.exchange(Ask("/lie/long?n=1000&s=1"), seed: 1).expect(200, body: 2000) }
}
