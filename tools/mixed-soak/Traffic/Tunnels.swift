/// Bytes through a tunnel and back, many times; each tunnel lives through several restarts.
class Tunnel: Traffic {
    let client: Client
    let lane: Lane
    private var content = Content(seed: 0)
    private var sent = 0
    private var rounds = 0

    /// Makes the tunnel on a new connection.
    func open() throws {}

    required init(_ lane: Lane) {
        self.lane = lane
        client = Client(lane)
    }

    init(_ lane: Lane, _ door: Door) {
        self.lane = lane
        client = Client(lane, door)
    }

    func leave() {
        client.close()
        rounds = 0
    }

    func step() throws {
        if rounds == 0 {
            client.close()
            rounds = lane.random.within(20...400)
            content = Content(seed: lane.random.below(1 << 30))
            sent = 0
            lane.doing = "a tunnel's beginning"
            try open()
        }
        rounds -= 1
        let wire = try client.connected()
        let count = lane.random.size(1...60_000)
        lane.doing = "\(count) bytes through a tunnel from \(sent) on"
        try wire.send(content, sent..<(sent + count))
        _ = try wire.body(.length(count)) { bytes, offset in
            if let at = content.firstDifference(bytes, at: sent + offset) {
                throw Trouble.wrong("byte \(at) came back as another one")
            }
        }
        sent += count
    }
}

/// A TCP proxy's.
final class Streams: Tunnel {
    required init(_ lane: Lane) { super.init(lane, .stream) }
}

/// One that an HTTP upgrade makes.
final class Upgrades: Tunnel {
    required init(_ lane: Lane) { super.init(lane, .exact) }

    override func open() throws {
        var ask = Ask("/upgrade")
        ask.fields = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        try client.exchange(ask).expect(101)
    }
}
