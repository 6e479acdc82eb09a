import Glibc

extension Decoder {
    /// `socket_options`, `freebind`, `transparent`, `tcp_keepalive` and `tcp_fast_open_queue_length`, in the order in which Envoy
    /// sets them.
    func listenerOptions(_ message: Message, _ address: Address) -> [SocketOption] {
        let isTransparent = message["transparent"]?.bool() ?? false
        var options: [SocketOption] = []
        if isTransparent { options.append(Self.ipOption(address, IP_TRANSPARENT, IPV6_TRANSPARENT)) }
        if message["freebind"]?.bool() ?? false {
            options.append(Self.ipOption(address, IP_FREEBIND, IPV6_FREEBIND))
        }
        options += keepalive(message["tcp_keepalive"])
        options += socketOptions(message["socket_options"])
        if isTransparent { options.append(Self.ipOption(address, IP_TRANSPARENT, IPV6_TRANSPARENT, .bound)) }
        if let length = message["tcp_fast_open_queue_length"]?.number(0...UInt32(Int32.max)) {
            options.append(
                SocketOption(level: Int32(IPPROTO_TCP), name: TCP_FASTOPEN, int: Int32(length), state: .listening))
        }
        return options
    }

    /// `upstream_connection_options` and `upstream_bind_config` of a cluster.
    func upstreamSockets(_ message: Message, _ cluster: inout Cluster) {
        let connection = message["upstream_connection_options"]?.message(.upstreamConnectionOptions)
        cluster.keepalive = keepalive(connection?["tcp_keepalive"])
        if let value = message["upstream_bind_config"] { cluster.bind = bindConfig(value) }
    }

    /// What clusters have that say nothing of their own.
    func clusterManager(_ message: Message, _ bootstrap: inout Bootstrap) {
        guard let bind = message["upstream_bind_config"].map(bindConfig) else { return }
        bootstrap.clusterSource?.bind = bind
        for i in bootstrap.clusters.indices where bootstrap.clusters[i].bind == nil {
            bootstrap.clusters[i].bind = bind
        }
    }

    /// `upstream_bind_config`, of a cluster or of all that have none.
    func bindConfig(_ value: Value) -> BindConfig {
        var result = BindConfig()
        guard let message = value.message(.bindConfig) else { return result }
        if let value = message["source_address"] { result.source = socketAddress(value, .ipLiteral)?.address }
        if message["freebind"]?.bool() ?? false, let source = result.source {
            result.options.append(Self.ipOption(source, IP_FREEBIND, IPV6_FREEBIND))
        }
        for value in message["socket_options"]?.list() ?? [] {
            guard let option = value.message(.socketOption).flatMap(socketOption) else { continue }
            result.options.append(option)
            if option.state != .prebind {
                value.warn("never set: a connection to a host has only options of STATE_PREBIND, as in Envoy")
            }
        }
        return result
    }

    private func socketOptions(_ value: Value?) -> [SocketOption] {
        value?.messages(.socketOption).compactMap(socketOption) ?? []
    }

    private func socketOption(_ message: Message) -> SocketOption? {
        let level = message["level"].map { int($0) } ?? 0
        let name = message["name"].map { int($0) } ?? 0
        let value: [UInt8]?
        if let given = message["buf_value"] {
            let text = given.string()
            value = text.flatMap(Payload.base64)
            if let text, value == nil { given.error("\(quoted(text)) is not base64") }
        } else {
            value = message.requireOne(of: ["int_value", "buf_value"]).flatMap(int).map { number in
                withUnsafeBytes(of: number) { Array($0) }
            }
        }
        let state =
            message["state"]?.choice([
                ("STATE_PREBIND", 0, SocketOption.State.prebind), ("STATE_BOUND", 1, .bound),
                ("STATE_LISTENING", 2, .listening),
            ]) ?? .prebind
        guard let level, let name, let value else { return nil }
        return SocketOption(level: level, name: name, value: value, state: state)
    }

    /// Of int64 fields that the kernel takes as an `int`.
    private func int(_ value: Value) -> Int32? {
        guard let number = value.wholeNumber() else { return nil }
        if let number = Int32(exactly: number) { return number }
        value.error("\(number) does not fit into the 32 bits that the kernel takes")
        return nil
    }

    /// A 0 in any field means that there are no probes, as in Envoy.
    private func keepalive(_ value: Value?) -> [SocketOption] {
        guard let message = value?.message(.tcpKeepalive) else { return [] }
        let fields = [
            ("keepalive_probes", TCP_KEEPCNT), ("keepalive_interval", TCP_KEEPINTVL), ("keepalive_time", TCP_KEEPIDLE),
        ]
        var options = [SocketOption(level: SOL_SOCKET, name: SO_KEEPALIVE, int: 1)]
        var isOff = false
        for (field, name) in fields {
            guard let number = message[field]?.number(0...UInt32(Int32.max)) else { continue }
            isOff = isOff || number == 0
            options.append(SocketOption(level: Int32(IPPROTO_TCP), name: name, int: Int32(number)))
        }
        return isOff ? [] : options
    }

    private static func ipOption(
        _ address: Address, _ name: Int32, _ nameOf6: Int32, _ state: SocketOption.State = .prebind
    ) -> SocketOption {
        if case .socket(let host, _) = address, host.contains(":") {
            return SocketOption(level: Int32(IPPROTO_IPV6), name: nameOf6, int: 1, state: state)
        }
        return SocketOption(level: Int32(IPPROTO_IP), name: name, int: 1, state: state)
    }
}
