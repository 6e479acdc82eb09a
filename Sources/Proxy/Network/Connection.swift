import CLinux
import Glibc

/// A live connection, downstream or upstream: integers and bytes only, so that it can leave the process and no event
/// costs a reference count. One worker owns it. `BitwiseCopyable` makes the compiler refuse a reference in here.
struct Connection: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case free
        /// A client of an HTTP connection manager.
        case downstreamHTTP
        /// A host of a cluster, speaking HTTP/1.1.
        case upstreamHTTP
        /// Both ends of a TCP proxy pair, and of an upgraded HTTP connection: bytes are passed on as they come.
        case tunnelDownstream
        case tunnelUpstream
        /// A client whose PROXY header has not come yet.
        case awaitingHeader
        /// A client whose bytes are sent back to it.
        case echo
        /// A client that gets nothing more than what is in `output`: it is closed then, or when its time is over. Never leaves
        /// the process.
        case leaving
        /// Stands for the client of a request that is a copy: it has no descriptor, and what is written to it is thrown away.
        /// Never leaves the process.
        case mirror
    }

    /// The bits travel in a hand-over (docs/hand-over.md), so none is ever given a second meaning.
    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt32
        /// All bits that travel.
        static let known: UInt32 = (1 << 18 - 1) | 1 << 24
        /// The handshake is not finished (upstream).
        static let connecting = Flags(rawValue: 1 << 0)
        /// Not read, since the other side cannot take more.
        static let readPaused = Flags(rawValue: 1 << 1)
        /// There may be bytes in the socket that no event will announce again (edge-triggered).
        static let readPending = Flags(rawValue: 1 << 2)
        /// The peer has sent FIN; seen by epoll, maybe not read yet.
        static let peerClosing = Flags(rawValue: 1 << 3)
        /// The peer's FIN has been read: nothing more comes.
        static let readEnded = Flags(rawValue: 1 << 4)
        /// We have sent FIN.
        static let writeEnded = Flags(rawValue: 1 << 5)
        /// Send FIN when the output is flushed.
        static let finishWriting = Flags(rawValue: 1 << 6)
        /// Close (downstream: with lingering) when the output is flushed.
        static let closeAfterFlush = Flags(rawValue: 1 << 7)
        /// FIN is sent and what still comes is thrown away until the peer closes or the time is over.
        static let lingering = Flags(rawValue: 1 << 8)
        /// On the worker's ready list.
        static let onReadyList = Flags(rawValue: 1 << 9)
        /// In the idle list of its host's pool.
        static let pooled = Flags(rawValue: 1 << 10)
        /// A request was served on it before (upstream: it is reused).
        static let used = Flags(rawValue: 1 << 11)
        /// The body of the current request is being received.
        static let inBody = Flags(rawValue: 1 << 12)
        /// A part of a request head has come.
        static let headStarted = Flags(rawValue: 1 << 13)
        /// Being drained: the next response carries `Connection: close`.
        static let draining = Flags(rawValue: 1 << 14)
        /// A 101 turned it into a tunnel.
        static let upgraded = Flags(rawValue: 1 << 15)
        /// Counted as a destroy by the remote side.
        static let remoteClosed = Flags(rawValue: 1 << 16)
        /// The connection's response head was sent and its body has begun.
        static let responseBody = Flags(rawValue: 1 << 17)
        /// A child has a copy of the descriptor already. Does not travel.
        static let passedAhead = Flags(rawValue: 1 << 18)
        /// It has the record too, as it was then. Does not travel.
        static let recordAhead = Flags(rawValue: 1 << 19)
        /// Registered without output (`Epoll.adopted`). Does not travel.
        static let inputOnly = Flags(rawValue: 1 << 20)
        /// Not registered yet: it came over at rest. Does not travel.
        static let unregistered = Flags(rawValue: 1 << 21)
        /// A message of it waits for the end of the turn (`Outbox`). Does not travel.
        static let inOutbox = Flags(rawValue: 1 << 22)
        /// What was last read of it was long: it is not read ahead. Never leaves the process.
        static let bulk = Flags(rawValue: 1 << 23)
        /// It begins with the addresses of a client and serves nobody else (upstream).
        static let proxied = Flags(rawValue: 1 << 24)
        /// One that its filter chain does not take. Never leaves the process.
        static let overLimit = Flags(rawValue: 1 << 25)
        /// The same: there was no token for it. Never leaves the process.
        static let rateLimited = Flags(rawValue: 1 << 26)
        /// To a host of a TCP proxy, made ahead: nobody has it yet (`HostPool.spareHead`). Never leaves the process.
        static let spare = Flags(rawValue: 1 << 27)
    }

    var fd: Int32 = -1
    var generation: UInt32 = 0
    var kind = Kind.free
    var flags: Flags = []
    /// The other end: of a tunnel, or of the request in flight. -1: none.
    var peer: Int32 = -1
    /// The request in flight (worker's stream slab), -1: none.
    var stream: Int32 = -1
    /// Position in `Snapshot.listeners` (downstream): of its listener with its filter chain; of a `mirror` one behind all.
    var listener: Int32 = -1
    /// The pool it belongs to (upstream).
    var host: Int32 = -1
    /// Neighbours in the idle list of the pool.
    var poolNext: Int32 = -1
    var poolPrevious: Int32 = -1
    var timer = TimerWheel.Link()
    /// Received and not used yet: part of a head, pipelined requests.
    var input = ByteBuffer()
    /// To be sent.
    var output = ByteBuffer()
    /// Where the incoming body stands: of the request (downstream), of the response (upstream).
    var decoder = BodyDecoder()
    /// CLOCK_MONOTONIC, nanoseconds.
    var createdNs: UInt64 = 0
    var lastActivityNs: UInt64 = 0
    /// What the timer is to do next besides activity timeouts: connect timeout, linger, grace, head timeout. 0: none.
    var deadlineNs: UInt64 = 0
    /// Requests begun on it.
    var requests: UInt32 = 0
    /// Of a TCP proxy: what its access log lines will say (worker's log slab), -1: there are none.
    var log: Int32 = -1
    /// Its number among the clients' connections of this base id (downstream).
    var id: UInt64 = 0
    /// Of the client. Of a host's connection that is `proxied`: of the client that it is for.
    var remote = PeerAddress()
    /// What else is known of these addresses (worker's slab), -1: nothing.
    var addresses: Int32 = -1
    /// The tokens of its own limit (worker's slab), -1: it has none.
    var bucket: Int32 = -1
    /// Bytes of `output` over its limit: the other side is paused.
    var bufferLimit: UInt32 = 1 << 20
    /// Bytes of `input` that were parsed and are a part of a head (`PartialHead`): only while `input` is one. Does not travel,
    /// a process that takes over parses once more.
    var headParsed: UInt32 = 0
}

/// An IP address and port in 20 bytes.
struct PeerAddress: BitwiseCopyable {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var port: UInt16 = 0
    /// AF_INET, AF_INET6, or 0 for anything else.
    var family: UInt16 = 0

    init() {}

    init(_ address: inout cl_address) {
        family = UInt16(truncatingIfNeeded: cl_family(&address))
        port = cl_address_port(&address)
        withUnsafeBytes(of: &address.words) { raw in
            if family == UInt16(AF_INET) {
                low = UInt64(raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            } else if family == UInt16(AF_INET6) {
                high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                low = raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            } else {
                family = 0
            }
        }
    }

    /// 127.0.0.1 and no other, as in Envoy, `::1`, or no IP at all (a Unix socket).
    var isLoopback: Bool {
        if family == UInt16(AF_INET) { return low == 0x0100_007F }
        if family == UInt16(AF_INET6) { return high == 0 && low == UInt64(1) << 56 }
        return true
    }

    /// Writes the literal without port; returns its length (46 bytes are enough).
    func write(_ out: UnsafeMutablePointer<UInt8>) -> Int {
        var address = socketAddress
        return out.withMemoryRebound(to: CChar.self, capacity: 64) { Int(cl_address_text(&address, $0, 64)) }
    }
}
