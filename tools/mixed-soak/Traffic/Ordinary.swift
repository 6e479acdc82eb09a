/// Requests with answers of some bytes, one after the other on a connection that lasts.
final class KeepAlive: OneClient, Traffic {
    func step() throws {
        let seed = lane.random.below(1 << 30)
        let count = lane.random.size(0...20_000)
        let chunk = lane.random.chance(30) ? lane.random.within(1...5000) : 0
        try client.exchange(Ask("/content?n=\(count)&s=\(seed)&chunk=\(chunk)"), seed: seed).expect(200, body: count)
    }
}

/// As these, but each on a connection of its own, which one of the two sides ends.
final class OncePerConnection: OneClient, Traffic {
    func step() throws {
        let seed = lane.random.below(1 << 30)
        let count = lane.random.size(0...5000)
        var ask = Ask("/content?n=\(count)&s=\(seed)")
        let asksToClose = lane.random.chance(50)
        if asksToClose { ask.fields = "connection: close\r\n" }
        let answer = try client.exchange(ask, seed: seed)
        try answer.expect(200, body: count)
        guard answer.head.closes == asksToClose else {
            throw Trouble.wrong(asksToClose ? "the answer does not close" : "the answer closes")
        }
        client.close()
    }
}

/// Several requests at once, whose answers come in order.
final class Pipelined: OneClient, Traffic {
    func step() throws {
        var batch = ""
        var asks: [(ask: Ask, id: UInt64, seed: Int, count: Int)] = []
        for _ in 0..<lane.random.within(2...16) {
            let (seed, count) = (lane.random.below(1 << 30), lane.random.size(0...3000))
            let ask = Ask("/content?n=\(count)&s=\(seed)")
            let (id, text) = client.head(ask)
            batch += text
            asks.append((ask, id, seed, count))
        }
        try client.connected().send(batch)
        for entry in asks { client.asked(entry.id, entry.ask) }
        for entry in asks { try client.answer(seed: entry.seed).expect(200, body: entry.count) }
    }
}

/// A connection that rests for long: it must be there when it is asked again.
final class Resting: OneClient, Traffic {
    func step() throws {
        let seed = lane.random.below(1 << 30)
        try client.exchange(Ask("/content?n=100&s=\(seed)"), seed: seed).expect(200, body: 100)
    }
}
