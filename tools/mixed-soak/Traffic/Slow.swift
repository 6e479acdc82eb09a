import Glibc

/// A head, and sometimes a body, that comes byte by byte.
final class SlowRequests: OneClient, Traffic {
    func step() throws {
        let count = lane.random.chance(50) ? lane.random.within(1...50) : 0
        var ask = Ask("/take?", method: "POST")
        ask.seed = lane.random.below(1 << 30)
        ask.target += "s=\(ask.seed)"
        ask.body = .length(count)
        let (id, text) = client.head(ask)
        let wire = try client.connected()
        for character in text.unicodeScalars {
            try wire.send(String(character))
            usleep(UInt32(lane.random.within(1000...15_000)))
        }
        client.asked(id, ask)
        let content = Content(seed: ask.seed)
        for place in 0..<count {
            try wire.send(content, place..<(place + 1))
            usleep(UInt32(lane.random.within(1000...15_000)))
        }
        try client.answer().expect(200, text: "took \(count)")
    }
}

/// Asks for much and does not read it for a while: no byte may be missing then.
final class SlowReaders: OneClient, Traffic {
    required init(_ lane: Lane) {
        super.init(lane)
        client.receiveBuffer = 8192
    }

    func step() throws {
        let (seed, count) = (lane.random.below(1 << 30), lane.random.within(1_000_000...8_000_000))
        let chunk = lane.random.chance(50) ? lane.random.within(1000...100_000) : 0
        try client.send(Ask("/content?n=\(count)&s=\(seed)&chunk=\(chunk)"))
        usleep(UInt32(lane.random.within(200_000...3_000_000)))
        try client.answer(seed: seed).expect(200, body: count)
    }
}
