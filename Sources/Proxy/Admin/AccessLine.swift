import CLinux

/// What the admin listener's access logs are told of a request.
struct AccessLine {
    /// CLOCK_REALTIME when the head of the request was there.
    var startNs: UInt64
    /// nil: what came was no request.
    var request: AdminRequest?
    var status: UInt16
    var bytesReceived: Int
    var bytesSent: Int
    var durationMs: UInt64
    /// Fields of the answer, names in lower case.
    var fields: [AdminRequest.Field] = []
    var remote = PeerAddress()
    var local = cl_address()
    /// Its number among the admin listener's connections.
    var connectionID: UInt64 = 0
}
