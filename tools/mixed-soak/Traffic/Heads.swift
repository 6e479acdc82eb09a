/// Up to a hundred fields each way, all of them compared.
final class ManyFields: OneClient, Traffic {
    func step() throws {
        // With Host and the id these are a hundred, and in the answer with two others.
        let (seed, count) = (lane.random.below(1 << 30), lane.random.chance(30) ? 98 : lane.random.within(1...98))
        var ask = Ask("/fields?n=\(count)&s=\(seed)")
        for number in 0..<count { ask.fields += "x-f-\(number): \(Host.value(seed, number))\r\n" }
        let answer = try client.exchange(ask)
        try answer.expect(200, body: 0)
        for number in 0..<count where answer.head["x-g-\(number)"] != Host.value(seed + 1, number) {
            throw Trouble.wrong("field x-g-\(number) is \(answer.head["x-g-\(number)"] ?? "not there")")
        }
    }
}

/// Answers without a body, between others on the same connection.
final class Bodiless: OneClient, Traffic {
    func step() throws {
        let (seed, count) = (lane.random.below(1 << 30), lane.random.size(0...10_000))
        switch lane.random.below(4) {
        case 0:
            let answer = try client.exchange(Ask("/content?n=\(count)&s=\(seed)", method: "HEAD"))
            try answer.expect(200, body: 0)
            guard answer.head["content-length"] == "\(count)" else { throw Trouble.wrong("the length of HEAD is lost") }
        case 1: try client.exchange(Ask("/status?c=204")).expect(204, body: 0)
        case 2: try client.exchange(Ask("/status?c=304")).expect(304, body: 0)
        default: try client.exchange(Ask("/content?n=\(count)&s=\(seed)"), seed: seed).expect(200, body: count)
        }
    }
}

/// What the proxy answers itself.
final class LocalAnswers: OneClient, Traffic {
    func step() throws {
        func ask(_ target: String) throws -> Answer { try client.exchange(Ask(target, tries: 0...0)) }
        switch lane.random.below(4) {
        case 0: try ask("/direct").expect(200, text: "direct")
        case 1: try ask("/gone").expect(410, body: 0)
        case 2: try ask("/old/\(lane.random.below(100))").expect(302, body: 0)
        default: try ask("/nowhere").expect(404, body: 0)
        }
    }
}

/// Routes that ask for more than a prefix, and paths that are written anew.
final class Routed: OneClient, Traffic {
    func step() throws {
        let (seed, count) = (lane.random.below(1 << 30), lane.random.size(0...5000))
        let query = "n=\(count)&s=\(seed)"
        func content(_ target: String, _ fields: String = "") throws {
            var ask = Ask("\(target)?\(query)")
            ask.fields = fields
            try client.exchange(ask, seed: seed).expect(200, body: count)
        }
        switch lane.random.below(4) {
        case 0: try content("/routed/content", "x-soak-route: content\r\n")
        case 1: try content("/\(lane.random.below(1000))/content")
        case 2: try content("/nowhere/.././%63ontent")
        default:
            let answer = try client.exchange(Ask("/elsewhere?\(query)&to=there", tries: 0...0))
            try answer.expect(302, body: 0)
            guard answer.head["location"] == "http://soak/content?\(query)&to=there" else {
                throw Trouble.wrong("sent to \(answer.head["location"] ?? "nowhere")")
            }
        }
    }
}

/// Heads that are none: refused with 400, and the connection ends.
final class Malformed: OneClient, Traffic {
    override class var door: Door { .rough }

    private static let heads = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    ]

    func step() throws {
        let head = Self.heads[lane.random.below(Self.heads.count)]
        lane.doing = String(head.prefix(100)).split(separator: "\r\n").joined(separator: " | ")
        let wire = try client.connected()
        try wire.send(head)
        lane.scene.ledger.count(.rough) {
            $0.requests += 1
            $0.nameless += 1
        }
        let answer = try client.answerHead()
        guard answer.status == 400, answer.closes else {
            throw Trouble.wrong("\(answer.start) came instead of a 400 that closes")
        }
        _ = try wire.body(answer.responseFraming(toHead: false)) { _, _ in }
        try wire.expectEnd(withinMs: 10_000)
        client.close()
    }
}
