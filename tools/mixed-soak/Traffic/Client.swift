import CLinux
import Glibc

/// A request to be made.
struct Ask {
    enum Body { case none, length(Int), chunked(Int, most: Int) }

    var method = "GET"
    var target: String
    var fields = ""
    var body = Body.none
    /// Of the body.
    var seed = 0
    /// How often it may reach an upstream.
    var tries = 1...1

    init(_ target: String, method: String = "GET", tries: ClosedRange<Int> = 1...1) {
        (self.target, self.method, self.tries) = (target, method, tries)
    }
}

/// What came back.
struct Answer {
    var head: Head
    var body = 0
    var text = ""
    var status: Int { head.status }
}

/// A client of one connection at a time, which counts what it does.
final class Client {
    let lane: Lane
    let door: Door
    private(set) var wire: Wire?
    var receiveBuffer: Int32?
    /// Answers that are still to come, in order.
    private var waiting: [(id: UInt64, ask: Ask)] = []
    /// The head of the first of them has come.
    private(set) var isAnswering = false

    init(_ lane: Lane, _ door: Door = .exact) {
        self.lane = lane
        self.door = door
    }

    /// The connection, which is made if there is none.
    @discardableResult
    func connected() throws -> Wire {
        if let wire { return wire }
        let made = try Wire(to: lane.scene.doors[door]!, receiveBuffer: receiveBuffer)
        lane.scene.ledger.count(door) { $0.connections += 1 }
        wire = made
        return made
    }

    func close() {
        waiting = []
        isAnswering = false
        guard let wire else { return }
        lane.scene.ledger.count(door) {
            $0.sent += wire.sent
            $0.received += wire.received
        }
        self.wire = nil
    }

    // MARK: Requests

    /// The head of a request, and the id that it bears.
    func head(_ ask: Ask) -> (id: UInt64, text: String) {
        let id = lane.newID()
        lane.doing = "\(ask.method) \(ask.target)"
        var text = "\(ask.method) \(ask.target) HTTP/1.1\r\nhost: soak\r\nx-soak-id: \(id)\r\n\(ask.fields)"
        switch ask.body {
        case .none: break
        case .length(let length): text += "content-length: \(length)\r\n"
        case .chunked: text += "transfer-encoding: chunked\r\n"
        }
        return (id, text + "\r\n")
    }

    /// A head went out as a whole.
    func asked(_ id: UInt64, _ ask: Ask) {
        waiting.append((id, ask))
        lane.scene.ledger.count(door) { $0.requests += 1 }
    }

    func send(_ ask: Ask) throws {
        let wire = try connected()
        let (id, text) = head(ask)
        try wire.send(text)
        asked(id, ask)
        let content = Content(seed: ask.seed)
        switch ask.body {
        case .none: break
        case .length(let length): try wire.send(content, 0..<length)
        case .chunked(let length, let most): try wire.sendChunks(content, length, most: most)
        }
    }

    // MARK: Answers

    /// The head of the next answer that is not interim.
    func answerHead() throws -> Head {
        let wire = try connected()
        while true {
            let head = try wire.head()
            if head.status < 200, head.status != 101 { continue }
            guard (100..<600).contains(head.status) else { throw Trouble.wrong("the answer begins with \(head.start)") }
            lane.scene.ledger.count(door) { $0.answers[head.status / 100] += 1 }
            isAnswering = true
            return head
        }
    }

    /// The rest of an answer whose body is content `seed`, or a text.
    /// - Parameter reached: called with the end of each piece.
    func finish(_ head: Head, seed: Int? = nil, _ reached: (Int) throws -> Void = { _ in }) throws -> Answer {
        guard let first = waiting.first else { throw Trouble.wrong("an answer to nothing: \(head.start)") }
        var answer = Answer(head: head)
        let content = seed.map { Content(seed: $0) }
        let framing = head.responseFraming(toHead: first.ask.method == "HEAD")
        answer.body = try connected().body(framing) { bytes, offset in
            if let content, head.status == 200 {
                if let at = content.firstDifference(bytes, at: offset) {
                    throw Trouble.wrong("byte \(at) of the answer is not what was sent")
                }
            } else {
                answer.text += String(decoding: bytes.prefix(200), as: UTF8.self)
            }
            try reached(offset + bytes.count)
        }
        waiting.removeFirst()
        isAnswering = false
        try checkTries(first.id, first.ask.tries, head.status)
        if head.closes { close() }
        return answer
    }

    func answer(seed: Int? = nil) throws -> Answer { try finish(answerHead(), seed: seed) }

    func exchange(_ ask: Ask, seed: Int? = nil) throws -> Answer {
        try send(ask)
        return try answer(seed: seed)
    }

    private func checkTries(_ id: UInt64, _ tries: ClosedRange<Int>, _ status: Int? = nil) throws {
        let count = lane.scene.sightings.take(id)
        guard tries.contains(count) else {
            let outcome = status.map { "answered with \($0)" } ?? "not answered"
            throw Trouble.wrong(
                "\(outcome), it reached an upstream \(count) times, not \(tries.lowerBound) to \(tries.upperBound)")
        }
    }

    /// Waits until an upstream has the request that was sent last.
    func waitUntilSeen() throws {
        guard let id = waiting.last?.id else { return }
        let began = cl_monotonic_ns()
        while lane.scene.sightings.count(id) == 0 {
            guard cl_monotonic_ns() < began + 10_000_000_000 else {
                let kind = lane.scene.wasKilled(since: began) ? Trouble.Kind.ended : .late
                throw Trouble(kind, "it did not reach an upstream")
            }
            usleep(500)
        }
    }

    /// Leaves while answers are still to come, of which one has reached an upstream.
    func abandon(reset: Bool) throws {
        for (id, ask) in waiting { try checkTries(id, ask.tries) }
        lane.scene.ledger.count(door) { $0.abandoned += waiting.count - (isAnswering ? 1 : 0) }
        if reset { wire?.resetAtEnd() }
        close()
    }
}

extension Answer {
    /// Throws unless the status is one of these.
    func expect(_ statuses: Int..., body: Int? = nil, text: String? = nil) throws {
        guard statuses.contains(status) else {
            throw Trouble.wrong("status \(status) (\(self.text)) came instead of \(statuses)")
        }
        if let body, body != self.body { throw Trouble.wrong("\(self.body) bytes came instead of \(body)") }
        if let text, text != self.text { throw Trouble.wrong("'\(self.text)' came instead of '\(text)'") }
    }
}
