/// What two processes say to each other during and after a hot restart. Plain data; `MessageCodec` is its wire form.
public enum Message: Hashable, Sendable {
    /// Child: who I am and what I want.
    case hello(Hello)
    /// Parent: who runs here.
    case welcome(Welcome)
    /// Parent: no, and why. The parent goes on serving.
    case refuse(reason: String)
    /// Child: send me what I asked for.
    case request(RequestedParts)
    /// Parent: listening sockets; the descriptors travel in the same datagram, in the order of the records.
    case listeners(ListenersPart)
    /// Parent: records that this library does not look into.
    case state(StatePart)
    /// Child: everything is built and I could serve, but I do not accept yet.
    case ready
    /// Parent: descriptors of connections that it still serves, so that the freeze need not pass them. The bytes say which
    /// they are; this library does not look into them.
    case ahead(bytes: [UInt8])
    /// Parent: records of live connections, which stand still on its side; any descriptors may travel with them.
    case connections(ConnectionsPart)
    /// Child: what I made of all of them; I could go on with each.
    case prepared(PreparedPart)
    /// Parent: I have stopped accepting; it is yours once you have recorded it.
    case commit
    /// Child: recorded; I serve.
    case committed
    /// Parent: what moved and what did not.
    case done(HandOverReport)
    /// Whoever sends it goes on purpose. From the child it asks the standby to give up all listeners first.
    case bye
    /// Child: close your duplicates of these listeners; no names means all of them.
    case release(names: [String])
    /// Parent: they are closed.
    case released
    /// Child: exit.
    case terminate
    /// Either, before COMMIT: nothing has happened, and why.
    case abort(reason: String)
    /// Child: close the admin listener, so that I can open mine at its address.
    case adminRelease
    /// Parent: the admin listener is closed.
    case adminReleased
    /// A message of a newer peer that may be skipped.
    case ignored(type: MessageType)

    /// Its number on the wire.
    public var type: MessageType {
        switch self {
        case .hello: .hello
        case .welcome: .welcome
        case .refuse: .refuse
        case .request: .request
        case .listeners: .listeners
        case .state: .state
        case .ready: .ready
        case .ahead: .ahead
        case .connections: .connections
        case .prepared: .prepared
        case .commit: .commit
        case .committed: .committed
        case .done: .done
        case .bye: .bye
        case .release: .release
        case .released: .released
        case .terminate: .terminate
        case .abort: .abort
        case .adminRelease: .adminRelease
        case .adminReleased: .adminReleased
        case .ignored(let type): type
        }
    }
}

/// What a process can do beyond the base protocol. Unknown bits are kept and mean nothing to this version.
public struct Capabilities: OptionSet, Hashable, Sendable {
    /// As on the wire.
    public var rawValue: UInt64
    /// From the wire.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// Live connections can be moved. They are when both sides say so.
    public static let connections = Capabilities(rawValue: 1)
    /// Their descriptors can be passed before they stand still.
    public static let ahead = Capabilities(rawValue: 2)
    /// Records can go with them, and hold unless another one follows while they stand still.
    public static let recordsAhead = Capabilities(rawValue: 4)
}

/// Which parts of the parent a child asks for. Unknown bits are ignored.
public struct RequestedParts: OptionSet, Hashable, Sendable {
    /// As on the wire.
    public var rawValue: UInt64
    /// From the wire.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// The listening sockets.
    public static let listeners = RequestedParts(rawValue: 1)
    /// The records of state.
    public static let state = RequestedParts(rawValue: 2)
}

/// The child's introduction.
public struct Hello: Hashable, Sendable {
    /// Product version, as people read it.
    public var version: String
    /// The epoch the child was told to be, nil for "whatever comes next".
    public var epochWanted: UInt64?
    /// In the child's own PID namespace: for messages only, never for signals.
    public var pid: UInt64
    /// RLIMIT_NOFILE minus the descriptors open now; `DescriptorBudget.free()` counts it.
    public var freeDescriptors: UInt64
    /// What the child can do beyond the base protocol.
    public var capabilities: Capabilities
    /// Which service it belongs to; another one's parent refuses it.
    public var baseID: UInt64
    /// The generation of the shared state the child found; carried, not compared, by this library.
    public var generation: UInt64

    /// An introduction; `freeDescriptors` decides whether all listeners can come.
    public init(
        version: String, epochWanted: UInt64? = nil, pid: UInt64, freeDescriptors: UInt64,
        capabilities: Capabilities = [], baseID: UInt64, generation: UInt64 = 0
    ) {
        self.version = version
        self.epochWanted = epochWanted
        self.pid = pid
        self.freeDescriptors = freeDescriptors
        self.capabilities = capabilities
        self.baseID = baseID
        self.generation = generation
    }
}

/// The parent's introduction.
public struct Welcome: Hashable, Sendable {
    /// The parent's epoch; the child is the next one.
    public var epoch: UInt64
    /// In the parent's own PID namespace; see `RestartChannel.peerProcess(claimed:)`.
    public var pid: UInt64
    /// Product version, as people read it.
    public var version: String
    /// Envoy's `server.hot_restart_generation`: how many processes served before.
    public var hotRestartGeneration: UInt64
    /// CLOCK_REALTIME nanoseconds at which the first process of the chain, or the parent, started: the owner's choice.
    public var startTimeNs: UInt64
    /// What the parent can do beyond the base protocol.
    public var capabilities: Capabilities

    /// An introduction.
    public init(
        epoch: UInt64, pid: UInt64, version: String, hotRestartGeneration: UInt64, startTimeNs: UInt64,
        capabilities: Capabilities = []
    ) {
        self.epoch = epoch
        self.pid = pid
        self.version = version
        self.hotRestartGeneration = hotRestartGeneration
        self.startTimeNs = startTimeNs
        self.capabilities = capabilities
    }
}

/// One listening socket that is passed.
public struct ListenerRecord: Hashable, Sendable {
    /// What the socket is for. A kind this version does not know is kept as its number; its descriptor is best closed.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        /// As on the wire.
        public var rawValue: UInt16
        /// From the wire.
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// Serves clients.
        public static let listener = Kind(rawValue: 0)
        /// The socket on which processes ask for a hot restart; only the active one accepts from it.
        public static let restartSocket = Kind(rawValue: 1)
        /// Serves the people who run the server.
        public static let admin = Kind(rawValue: 2)
    }

    /// What it is for.
    public var kind: Kind
    /// The owner's name for it, by which RELEASE names it.
    public var name: String
    /// The bound address as text, in the owner's notation.
    public var address: String
    /// The worker that accepts from it alone (`reuse_port`), nil for a socket that all share.
    public var worker: UInt32?
    /// The owner's own bits.
    public var flags: UInt32

    /// A record for one descriptor.
    public init(kind: Kind = .listener, name: String, address: String, worker: UInt32? = nil, flags: UInt32 = 0) {
        self.kind = kind
        self.name = name
        self.address = address
        self.worker = worker
        self.flags = flags
    }
}

/// One datagram's worth of a list of listeners.
public struct ListenersPart: Hashable, Sendable {
    /// One for each descriptor of the datagram, in their order.
    public var records: [ListenerRecord]
    /// No further part follows.
    public var isLast: Bool

    /// As many records as descriptors travel with them.
    public init(records: [ListenerRecord], isLast: Bool) {
        self.records = records
        self.isLast = isLast
    }
}

/// A named piece of state that this library carries without looking into it.
public struct StateRecord: Hashable, Sendable {
    /// By which the owner knows it again.
    public var name: String
    /// Anything.
    public var bytes: [UInt8]

    /// A record; one that is larger than a datagram travels in pieces.
    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// One datagram's worth of a list of state records.
public struct StatePart: Hashable, Sendable {
    /// A record, or a piece of one that is larger than a datagram.
    public struct Piece: Hashable, Sendable {
        /// The record's.
        public var name: String
        /// All of the record, or the next of it.
        public var bytes: [UInt8]
        /// The next piece belongs to the same record.
        public var continues: Bool

        /// A piece of a record.
        public init(name: String, bytes: [UInt8], continues: Bool) {
            self.name = name
            self.bytes = bytes
            self.continues = continues
        }
    }

    /// In the order in which they make up records.
    public var pieces: [Piece]
    /// No further part follows.
    public var isLast: Bool

    /// What goes into one datagram.
    public init(pieces: [Piece], isLast: Bool) {
        self.pieces = pieces
        self.isLast = isLast
    }
}

/// What became of the parent's connections.
public struct HandOverReport: Hashable, Sendable {
    /// Connections that are the child's now.
    public var moved: UInt64
    /// Stay with the parent, which drains them.
    public var kept: UInt64
    /// Of those that moved: with a request in flight, or a tunnel.
    public var busy: UInt64 = 0
    /// Connections to hosts that moved.
    public var upstream: UInt64 = 0
    /// How long connections stood still, and how long it all took, in nanoseconds.
    public var stallNs: UInt64 = 0
    /// From the child's first word to COMMITTED, in nanoseconds.
    public var durationNs: UInt64 = 0
    /// What moved, what stays and why, for people; may be empty.
    public var text: String

    /// A report; the other numbers are 0 until set.
    public init(moved: UInt64, kept: UInt64, text: String = "") {
        self.moved = moved
        self.kept = kept
        self.text = text
    }
}
