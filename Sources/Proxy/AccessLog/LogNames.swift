import ProxyConfig

/// The texts that the lines of a listener need, while its formats are compiled: each has a position.
struct LogNames {
    /// What a name is one of. The raw values travel in hand-over records, so none is ever given a second meaning.
    enum Kind: UInt8, BitwiseCopyable {
        /// A header of the request as it goes upstream; several of one name: the first.
        case request = 1
        /// A header of the response as it goes downstream.
        case response = 2
        /// The route's name.
        case route = 3
        /// The cluster's name.
        case cluster = 4
        /// The virtual cluster's name.
        case virtualCluster = 5
    }
    struct Name: Hashable {
        var kind: Kind
        var text: String
    }
    /// Where filters get numbers that the runtime may change.
    let shares: RuntimeShares
    private(set) var names: [Name] = []
    private(set) var needs: ListenerLogs.Needs = []

    init(_ shares: RuntimeShares) { self.shares = shares }

    mutating func position(_ kind: Kind, _ text: String) -> Int32 {
        // HTTP/1's name of it.
        let name = Name(kind: kind, text: kind == .request && text == "host" ? ":authority" : text)
        if let known = names.firstIndex(of: name) { return Int32(known) }
        names.append(name)
        return Int32(names.count - 1)
    }

    /// What costs a system call is only asked for when a line has it.
    mutating func need(_ field: LogField) {
        switch field {
        case .downstreamLocalAddress, .downstreamLocalAddressWithoutPort, .downstreamLocalPort: needs.insert(.local)
        case .upstreamLocalAddress, .upstreamLocalAddressWithoutPort, .upstreamLocalPort: needs.insert(.upstreamLocal)
        default: break
        }
    }
}

/// The access logs of a listener as the workers see them: plain data that lives as long as the process.
struct ListenerLogs: BitwiseCopyable {
    struct Needs: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let local = Needs(rawValue: 1 << 0)
        static let upstreamLocal = Needs(rawValue: 1 << 1)
    }
    struct Name: BitwiseCopyable {
        var kind: LogNames.Kind
        /// In lower case.
        var text: Bytes
    }
    /// Of the filter chain.
    let programs: UnsafeMutablePointer<LogProgram>
    let programCount: Int
    /// Of the listener: of connections.
    let connectionPrograms: UnsafeMutablePointer<LogProgram>
    let connectionProgramCount: Int
    let names: UnsafeMutablePointer<Name>
    let nameCount: Int
    let needs: Needs
    /// Lengths of header names as bits: most lines of a head are told apart by them.
    let requestLengths: UInt64
    let responseLengths: UInt64
    /// Positions, -1: not needed.
    let route: Int32
    let cluster: Int32
    let virtualCluster: Int32
    /// Lines beside those at the end.
    let logsStart: Bool
    let logsConnected: Bool
    /// Nanoseconds between lines of what goes on; 0: there are none.
    let periodNs: UInt64
    /// Nil: answers of our own go out as they are.
    let replies: UnsafePointer<CompiledReplies>?

    /// - Parameters:
    ///   - replies: need entries as lines do.
    ///   - sinks: position of each logger's sink.
    init?(
        _ logs: [AccessLog], connections: [AccessLog] = [], moments: LogMoments = LogMoments(),
        replies: LocalReplyConfig? = nil,
        sinks: [LogSink: Int], shares: RuntimeShares
    ) {
        if logs.isEmpty, replies == nil, connections.isEmpty { return nil }
        var table = LogNames(shares)
        let compiled = logs.map { LogProgram($0, sink: sinks[$0.sink] ?? 0, names: &table) }
        let own = connections.map { LogProgram($0, sink: sinks[$0.sink] ?? 0, names: &table) }
        connectionPrograms = .kept(capacity: max(own.count, 1))
        connectionPrograms.initialize(from: own, count: own.count)
        connectionProgramCount = own.count
        self.replies = replies.map { replies in
            let memory = UnsafeMutablePointer<CompiledReplies>.kept(capacity: 1)
            memory.initialize(to: CompiledReplies(replies, names: &table))
            return UnsafePointer(memory)
        }
        programs = .kept(capacity: max(compiled.count, 1))
        programs.initialize(from: compiled, count: compiled.count)
        programCount = compiled.count
        names = .kept(capacity: max(table.names.count, 1))
        nameCount = table.names.count
        var lengths: (request: UInt64, response: UInt64) = (0, 0)
        for (i, name) in table.names.enumerated() {
            let bytes = Bytes(keeping: name.text)
            (names + i).initialize(to: Name(kind: name.kind, text: bytes))
            switch name.kind {
            case .request: lengths.request |= Self.bit(bytes.count)
            case .response: lengths.response |= Self.bit(bytes.count)
            case .route, .cluster, .virtualCluster: break
            }
        }
        needs = table.needs
        logsStart = !logs.isEmpty && moments.start
        logsConnected = !logs.isEmpty && moments.connected
        periodNs = logs.isEmpty ? 0 : moments.intervalMs &* 1_000_000
        requestLengths = lengths.request
        responseLengths = lengths.response
        route = Int32(table.names.firstIndex { $0.kind == .route } ?? -1)
        cluster = Int32(table.names.firstIndex { $0.kind == .cluster } ?? -1)
        virtualCluster = Int32(table.names.firstIndex { $0.kind == .virtualCluster } ?? -1)
    }

    /// Whether requests have entries, and not only connections.
    var logsRequests: Bool { programCount > 0 || replies != nil }

    @inline(__always) static func bit(_ length: Int) -> UInt64 { 1 << UInt64(length & 63) }

    /// Position of a name that came from another process, -1: no line here needs it.
    func position(_ kind: UInt8, _ text: UnsafeBufferPointer<UInt8>) -> Int {
        for i in 0..<nameCount
        where names[i].kind.rawValue == kind
            && UnsafeBufferPointer(start: names[i].text.start, count: names[i].text.count).elementsEqual(text)
        {
            return i
        }
        return -1
    }
}
