import ProxyConfig

/// `preconnect_policy` as workers see it. Ratios are of single precision, as Envoy's are, so that both come to the same counts.
struct CompiledPreconnect: BitwiseCopyable {
    /// Connections are made ahead.
    private(set) var isOn = false
    /// Also at hosts that are next.
    private(set) var isPredictive = false
    private(set) var perUpstream: Float = 1
    private(set) var predictive: Float = 0

    init() {}

    init(_ policy: PreconnectPolicy?) {
        guard let policy else { return }
        isOn = policy.isOn
        isPredictive = policy.predictive > 1
        perUpstream = Float(policy.perUpstream)
        predictive = Float(policy.predictive)
    }

    /// As many as Envoy makes at most for one request.
    static let most = 3

    /// Whether there are to be more connections.
    ///
    /// - Parameters:
    ///   - streams: requests that have a connection, or wait for one.
    ///   - connections: all that there are, those included that rest or are being made; each carries one request.
    static func wantsMore(streams: UInt64, connections: UInt64, ratio: Float) -> Bool {
        Float(streams) * ratio > Float(connections)
    }
}

/// Hosts that were chosen before there is a request for them, in the order of their turns. Plain memory of one worker's.
struct HostsAhead: BitwiseCopyable {
    private var slots: UnsafeMutablePointer<Int32>?
    private var capacity = 0
    private var first = 0
    private(set) var count = 0

    /// Never any.
    init() {}

    /// - Parameter capacity: as many as there are healthy hosts, as in Envoy.
    init(capacity: Int) {
        guard capacity > 0 else { return }
        slots = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    /// Whether one more may be foreseen.
    var hasRoom: Bool { count < capacity }

    /// Notes the last of them. There must be room.
    mutating func add(_ host: Int32) {
        guard let slots, hasRoom else { return }
        slots[(first &+ count) % capacity] = host
        count &+= 1
    }

    /// The next; -1: nothing was foreseen.
    @inline(__always)
    mutating func take() -> Int32 {
        guard count > 0, let slots else { return -1 }
        let host = slots[first]
        first = (first &+ 1) % capacity
        count &-= 1
        return host
    }

    /// Gives the memory back.
    mutating func free() {
        slots?.deallocate()
        self = HostsAhead()
    }
}
