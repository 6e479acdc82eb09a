extension Decoder {
    mutating func listeners(_ messages: [Message], isDiscovered: Bool = false) -> [Listener] {
        isDiscovering = isDiscovered
        defer { isDiscovering = false }
        var result: [Listener] = []
        for message in messages {
            let address = message.require("address").flatMap { self.address($0, .ipLiteral) }
            let given = message["name"].flatMap { value in value.string().map { (value, $0) } }
            if let (value, name) = given, !name.isEmpty {
                if let first = listenerNames[name] {
                    value.error("duplicate listener name \(quoted(name)), already in \(Self.place(first, value))")
                } else {
                    listenerNames[name] = value.location
                }
            }
            if let address, let value = message["address"] {
                checkUnique(address.address, value, &listenerAddresses)
            }
            // A listener with errors is read to its end all the same; the placeholder goes nowhere.
            var listener = Listener(
                name: given.map(\.1) ?? "", address: address?.address ?? .pipe(path: ""), location: message.location)
            filterChains(message, &listener)
            if listener.name.isEmpty {
                listener.name = Self.text(listener.address)
                if isDiscovered, address != nil { checkUnnamed(listener, message) }
            }
            listener.ipv4Compat = address?.ipv4Compat ?? false
            fill(&listener, from: message)
            if isDiscovered {
                listener.isDiscovered = true
                listener.digest = message.value.node.digest
                listener.ownDigest = message.value.node.digest(without: ["filter_chains", "default_filter_chain"])
            }
            result.append(listener)
        }
        return result
    }

    /// A listener that there is already.
    mutating func know(_ listener: Listener) {
        listenerNames[listener.name] = listener.location
        if case .socket(_, port: 0) = listener.address { return }
        listenerAddresses[listener.address] = listener.location
    }

    private func fill(_ listener: inout Listener, from message: Message) {
        if let prefix = message["stat_prefix"]?.string(), !prefix.isEmpty { listener.statPrefix = prefix }
        if let reuse = message["enable_reuse_port"]?.bool() { listener.reusePort = reuse }
        // listen() takes an int.
        if let backlog = message["tcp_backlog_size"]?.number(0...UInt32(Int32.max)) { listener.backlog = backlog }
        if let limit = bufferLimit(message["per_connection_buffer_limit_bytes"]) { listener.bufferLimit = limit }
        listener.accessLogs = accessLogs(message["access_log"])
        listener.bindsToPort = message["bind_to_port"]?.bool() ?? true
        listener.socketOptions = listenerOptions(message, listener.address)
        listenerFilters(message, &listener)
    }

    /// Listeners of a file are known by their names when it changes.
    private mutating func checkUnnamed(_ listener: Listener, _ message: Message) {
        if listenerNames[listener.name] != nil, case .socket(_, port: 0) = listener.address {
            message.error("needs a name, since there is another one for \(listener.name)")
        }
        listenerNames[listener.name] = listener.location
    }

    /// Port 0 asks for any free port, so that two of them do not meet.
    private func checkUnique(_ address: Address, _ value: Value, _ known: inout [Address: SourceLocation]) {
        if case .socket(_, port: 0) = address { return }
        if let first = known[address] {
            value.error("duplicate listener address \(Self.text(address)), already in \(Self.place(first, value))")
        } else {
            known[address] = value.location
        }
    }

    mutating func tcpProxy(_ message: Message) -> TCPProxy? {
        let prefix = message.require("stat_prefix")?.nonEmptyString()
        let place = message.requireOne(of: ["cluster", "weighted_clusters"])
        var result = TCPProxy(
            statPrefix: prefix ?? "", cluster: "", clusterLocation: place?.location ?? message.location)
        if message["cluster"] != nil {
            result.cluster = clusterName(place) ?? ""
        } else {
            result.weights = place?.message(.tunnelClusters).map { tunnelWeights($0) } ?? []
        }
        if let timeout = message["idle_timeout"]?.duration() { result.idleTimeoutMs = timeout }
        if let attempts = message["max_connect_attempts"]?.number(1...UInt32.max) {
            result.maxConnectAttempts = attempts
        }
        if let duration = message["max_downstream_connection_duration"]?.positiveDuration() {
            result.maxConnectionDurationMs = duration
        }
        result.accessLogs = accessLogs(message["access_log"])
        result.logMoments = logMoments(
            message, .tunnelLogOptions, start: ("flush_access_log_on_start", ""),
            connected: ("flush_access_log_on_connected", "flush_access_log_on_connected"))
        result.hashesSource = hashesSource(message["hash_policy"])
        return result
    }

    private mutating func tunnelWeights(_ message: Message) -> [TCPProxy.Weight] {
        guard let list = message.require("clusters") else { return [] }
        var all: [TCPProxy.Weight] = []
        for one in list.messages(.tunnelClusterWeight) {
            let name = clusterName(one.require("name"))
            let weight = one.require("weight")?.number(1...UInt32.max)
            if let name, let weight { all.append(TCPProxy.Weight(cluster: name, weight: weight)) }
        }
        if list.list().isEmpty { list.error("at least one cluster is required") }
        return all
    }

    private mutating func clusterName(_ value: Value?) -> String? {
        guard let value, let name = value.nonEmptyString() else { return nil }
        // As in Envoy; where there is no file that could bring it, it is a slip.
        clustersAreOptional = mayHaveMoreClusters
        refer(to: name, at: value)
        clustersAreOptional = false
        return name
    }

    /// `line 3`, with the file's name when it is another one.
    static func place(_ first: SourceLocation, _ value: Value) -> String {
        first.file == value.location.file ? "line \(first.line)" : "\(first.file) line \(first.line)"
    }

    static func text(_ address: Address) -> String {
        switch address {
        case .socket(let host, let port): return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .pipe(let path): return path
        }
    }
}
