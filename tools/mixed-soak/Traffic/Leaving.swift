/// Clients that leave in the middle, politely or not.
final class Leaving: OneClient, Traffic {
    override class var door: Door { .rough }

    func step() throws {
        var isReset = lane.random.chance(50)
        let wire = try client.connected()
        switch lane.random.below(4) {
        case 0:
            // While it waits.
            try client.send(Ask("/hold"))
            try client.waitUntilSeen()
        case 1:
            // In the middle of a download.
            let (seed, count) = (lane.random.below(1 << 30), 8_000_000)
            try client.send(Ask("/content?n=\(count)&s=\(seed)"))
            let framing = try client.answerHead().responseFraming(toHead: false)
            guard framing == .length(count) else { throw Trouble.wrong("not \(count) bytes but \(framing)") }
            let some = lane.random.within(1...500_000)
            let content = Content(seed: seed)
            _ = try wire.body(.length(some)) { bytes, offset in
                if let at = content.firstDifference(bytes, at: offset) {
                    throw Trouble.wrong("byte \(at) is another one")
                }
            }
        case 2:
            // In the middle of an upload.
            var ask = Ask("/take?s=0", method: "POST")
            ask.body = .length(1_000_000)
            let (id, text) = client.head(ask)
            try wire.send(text)
            client.asked(id, ask)
            try wire.send(Content(seed: 0), 0..<lane.random.within(1...500_000))
            try client.waitUntilSeen()
        default:
            // In the middle of a head: that is no request, but must be read.
            isReset = false
            lane.scene.ledger.count(.rough) { $0.halves += 1 }
            lane.doing = "half of a head"
            try wire.send("GET /content?n=1&s=1 HTTP/1.1\r\nhost: soa")
        }
        try client.abandon(reset: isReset)
    }
}
