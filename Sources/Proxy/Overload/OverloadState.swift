import ProxyConfig

/// What a worker knows of the overload manager: one word, 0 while there is nothing to do.
struct OverloadState: BitwiseCopyable, Equatable, Sendable {
    /// Where the share of an action stands in the word: sixteen bits each, of which all ones mean "always".
    enum Part: UInt64, CaseIterable {
        case connections = 0, rejects = 16, requests = 32, keepalive = 48
    }

    private(set) var word: UInt64 = 0
    static let full: UInt64 = 0xFFFF

    init(word: UInt64 = 0) { self.word = word }

    /// Whether any action is in force, fully or in part.
    @inline(__always) var isAny: Bool { word != 0 }

    func share(_ part: Part) -> UInt64 { word >> part.rawValue & Self.full }

    /// - Parameter share: 0 to 1.
    mutating func set(_ part: Part, _ share: Double) {
        let bits = share >= 1 ? Self.full : UInt64(max(share, 0) * Double(Self.full - 1))
        word = word & ~(Self.full << part.rawValue) | bits << part.rawValue
    }

    /// No listener is accepted from.
    var stopsAccepting: Bool { share(.connections) == Self.full }

    /// Whether the dice fall so that the action is taken.
    func hits(_ part: Part, _ random: UInt64) -> Bool {
        let share = share(part)
        return share == Self.full || random >> 48 < share
    }
}

extension OverloadState.Part {
    /// nil: no business of workers.
    init?(_ kind: OverloadAction.Kind) {
        switch kind {
        case .stopAcceptingConnections: self = .connections
        case .rejectIncomingConnections: self = .rejects
        case .stopAcceptingRequests: self = .requests
        case .disableHTTPKeepalive: self = .keepalive
        case .shrinkHeap: return nil
        }
    }
}

extension OverloadAction {
    /// How far the action is in force, 0 to 1, in Envoy's arithmetic.
    func share(pressure: Double) -> Double {
        switch trigger {
        case .threshold(let at): pressure >= at ? 1 : 0
        case .scaled(let from, let to):
            pressure <= from ? 0 : pressure >= to ? 1 : (pressure - from) / (to - from)
        }
    }
}
