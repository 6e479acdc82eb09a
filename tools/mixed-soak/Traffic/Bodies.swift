/// Uploads, of a length or in chunks; the upstream compares them.
final class Uploads: OneClient, Traffic {
    func step() throws {
        let count = lane.random.size(1000...4_000_000)
        var ask = Ask("/take?", method: "POST")
        ask.seed = lane.random.below(1 << 30)
        ask.target += "s=\(ask.seed)"
        ask.body = lane.random.chance(50) ? .length(count) : .chunked(count, most: lane.random.within(1000...100_000))
        try client.exchange(ask).expect(200, text: "took \(count)")
    }
}

/// Downloads, of a length or in chunks.
final class Downloads: OneClient, Traffic {
    func step() throws {
        let seed = lane.random.below(1 << 30)
        let count = lane.random.size(1000...4_000_000)
        let chunk = lane.random.chance(50) ? lane.random.within(1000...100_000) : 0
        try client.exchange(Ask("/content?n=\(count)&s=\(seed)&chunk=\(chunk)"), seed: seed).expect(200, body: count)
    }
}

/// Chunks both ways: each goes out when the one before has come back.
final class Echoes: OneClient, Traffic {
    func step() throws {
        let wire = try client.connected()
        let seed = lane.random.below(1 << 30)
        let content = Content(seed: seed)
        var ask = Ask("/echo", method: "POST")
        ask.fields = "transfer-encoding: chunked\r\n"
        let (id, text) = client.head(ask)
        try wire.send(text)
        client.asked(id, ask)
        let head = try client.answerHead()
        let count = lane.random.size(1000...200_000)
        var sent = 0
        // Only what went out can come back: the next chunk goes when all has.
        func sendMore() throws {
            let size = min(lane.random.size(1...32_000), count - sent)
            guard size > 0 else { return try wire.send("0\r\n\r\n") }
            try wire.send(String(size, radix: 16) + "\r\n")
            try wire.send(content, sent..<(sent + size))
            try wire.send("\r\n")
            sent += size
        }
        try sendMore()
        let answer = try client.finish(head, seed: seed) { end in
            if end == sent { try sendMore() }
        }
        try answer.expect(200, body: count)
    }
}
