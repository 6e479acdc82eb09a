import Testing

/// A state in which a live connection may be when its process is replaced.
struct LiveKind: Sendable {
    let name: String
    var isTCP = false
    /// Of the upstream's listening socket.
    var backlog: Int32 = 16
    /// Brings a client into the state.
    let start: @Sendable (Lane) throws -> LiveClient

    static let all = quick + connecting

    /// Those that wait for nothing but the proxy. The last of them fill all buffers, so that the others come first.
    static let quick = idle + requests + responses + changed + retried + filtered + streams + connects + stalled

    /// Those that every build knows, see `LaneConfiguration.isPlain`.
    static let plain = idle + requests + responses + streams
}

extension LiveKind: CustomTestStringConvertible {
    var testDescription: String { name }
}

/// A client in such a state.
struct LiveClient {
    /// Requests that the proxy is busy with.
    var active = 0
    /// Whether the state is reached; asked until it is.
    var isReady: () throws -> Bool = { true }
    /// What happens between two restarts.
    var step: () throws -> Void = {}
    /// Goes on to the end and compares every byte.
    var finish: () throws -> Void
}
