/// `envoy.config.core.v3.SocketOption`: one option as setsockopt(2) takes it. What Envoy has fields of its own for (keepalive,
/// `freebind`, …) becomes such too.
public struct SocketOption: Sendable, Equatable {
    /// When it is set. Connections to hosts know only the first.
    public enum State: Sendable { case prebind, bound, listening }
    public var level: Int32
    public var name: Int32
    /// As the kernel reads it; an `int` in this machine's order of bytes.
    public var value: [UInt8]
    public var state: State
    public init(level: Int32, name: Int32, value: [UInt8], state: State = .prebind) {
        self.level = level
        self.name = name
        self.value = value
        self.state = state
    }
    public init(level: Int32, name: Int32, int: Int32, state: State = .prebind) {
        self.init(level: level, name: name, value: withUnsafeBytes(of: int) { Array($0) }, state: state)
    }
}

/// `envoy.config.core.v3.BindConfig`: where connections to hosts come from.
public struct BindConfig: Sendable, Equatable {
    /// `source_address`; nil: the kernel chooses.
    public var source: Address?
    /// `socket_options` and `freebind`.
    public var options: [SocketOption] = []
    public init() {}
}
