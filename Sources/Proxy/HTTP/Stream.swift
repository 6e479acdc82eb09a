/// A request and its response on their way through the proxy. Plain data in the worker's stream slab.
struct Stream: BitwiseCopyable {
    /// The bits up to 19, from 21 to 24, 27 and 28 travel in a hand-over (docs/hand-over.md), so none is ever given a second meaning.
    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt32
        /// Those that travel.
        static let known: UInt32 = 1 << 20 - 1 | 15 << 21 | 3 << 27
        /// The whole request has come from downstream.
        static let requestEnded = Flags(rawValue: 1 << 0)
        /// The final response head went downstream.
        static let responseStarted = Flags(rawValue: 1 << 1)
        /// The response is complete.
        static let responseEnded = Flags(rawValue: 1 << 2)
        /// The request body is sent upstream in chunks.
        static let requestChunked = Flags(rawValue: 1 << 3)
        /// The response body is sent downstream in chunks.
        static let responseChunked = Flags(rawValue: 1 << 4)
        /// The response's end is the end of the downstream connection.
        static let responseUntilClose = Flags(rawValue: 1 << 5)
        /// The client speaks HTTP/1.0.
        static let http10 = Flags(rawValue: 1 << 6)
        /// The client asked for an upgrade that the configuration allows.
        static let upgrade = Flags(rawValue: 1 << 7)
        /// `Connection: close` goes to the client with this response.
        static let closeDownstream = Flags(rawValue: 1 << 8)
        /// The upstream connection cannot be used again.
        static let closeUpstream = Flags(rawValue: 1 << 9)
        /// Waits in the pending list of its host.
        static let pending = Flags(rawValue: 1 << 10)
        /// The client waits for a 100 before it sends the body.
        static let expectContinue = Flags(rawValue: 1 << 11)
        /// Trailers may be passed on.
        static let trailers = Flags(rawValue: 1 << 12)
        /// A byte of the response has come from upstream.
        static let responseSeen = Flags(rawValue: 1 << 13)
        /// The last chunk went upstream, its trailers follow.
        static let requestTrailers = Flags(rawValue: 1 << 14)
        /// The last chunk went downstream, its trailers follow.
        static let responseTrailers = Flags(rawValue: 1 << 15)
        /// Takes a place of its cluster's `max_requests`.
        static let countsRequest = Flags(rawValue: 1 << 16)
        /// An `upgrade` by CONNECT, which the host gets: a 2xx makes the tunnel.
        static let connect = Flags(rawValue: 1 << 17)
        /// An `upgrade` by CONNECT that ends here: the connection to the host makes the tunnel.
        static let connectTerminates = Flags(rawValue: 1 << 18)
        /// `buffer` keeps all of the request, so that it can be sent again.
        static let retains = Flags(rawValue: 1 << 19)
        /// The client has said that this is its last request: nothing more is to be read from it.
        static let clientCloses = Flags(rawValue: 1 << 20)
        /// `changes` has what is to be done to the response's headers.
        static let changesResponse = Flags(rawValue: 1 << 21)
        /// A filter has something of it: it waits, or a fault is in force (`FilterState`).
        static let filtered = Flags(rawValue: 1 << 22)
        /// It waits, and behind its head `buffer` has what has come of its body (`FilterState.bodyStart`).
        static let gathered = Flags(rawValue: 1 << 23)
        /// Somebody checks whether this proxy is healthy (the filter `health_check`): it does not count.
        static let healthCheck = Flags(rawValue: 1 << 24)
        /// A copy of a request for another cluster. Never leaves the process.
        static let mirror = Flags(rawValue: 1 << 25)
        /// Copies of it wait for its body. Does not travel: they stay.
        static let mirrored = Flags(rawValue: 1 << 26)
        /// Answers that send it elsewhere are followed (`RedirectState`).
        static let redirects = Flags(rawValue: 1 << 27)
        /// An interim response of its host has come: there is no other for its client.
        static let interim = Flags(rawValue: 1 << 28)
        /// It is counted for a virtual cluster or its route, too. Does not travel: it follows from the names that do.
        static let classified = Flags(rawValue: 1 << 29)
        /// Of those that keep something that most do not.
        static let haveMore: Flags = [.changesResponse, .filtered, .mirrored, .mirror, .redirects]
    }

    var flags: Flags = []
    var method = Method.other
    /// The status sent downstream, 0: none yet.
    var status: UInt16 = 0
    var downstream: Int32 = -1
    var upstream: Int32 = -1
    var cluster: Int32 = -1
    /// The host chosen (worker's host slab).
    var host: Int32 = -1
    var pendingNext: Int32 = -1
    var pendingPrevious: Int32 = -1
    /// CLOCK_MONOTONIC, nanoseconds: when the head was complete.
    var startNs: UInt64 = 0
    /// When the request was complete: `upstream_rq_time`, the route's timeout and `x-envoy-upstream-service-time` count from here.
    var requestEndNs: UInt64 = 0
    /// The route's timeout, 0: none.
    var timeoutNs: UInt64 = 0
    /// The stream's idle timeout, 0: none.
    var idleTimeoutNs: UInt64 = 0
    var lastActivityNs: UInt64 = 0
    /// When it has taken too long, whatever it does; 0: never.
    var endNs: UInt64 = 0
    /// The same of its upstream side, as it is now.
    var upstreamEndNs: UInt64 = 0
    /// What its access log lines will say (worker's log slab), -1: there are none.
    var log: Int32 = -1
    /// Of a route that retries (worker's retry slab), -1: none.
    var retry: Int32 = -1
    /// What its answer gives the client for cookies (worker's slab), -1: nothing.
    var cookies: Int32 = -1
    /// What it keeps of filters (worker's slab), -1: nothing; see `Flags.filtered`.
    var filter: Int32 = -1
    /// Of one whose answers are followed (worker's slab), -1: none; see `Flags.redirects`.
    var redirect: Int32 = -1
    /// The copies that its body goes to as well, or of a copy its own place among them (worker's slab), -1: none.
    var mirror: Int32 = -1
    /// Positions in `RequestClassTable`, -1: none; see `Flags.classified`.
    var virtualCluster: Int32 = -1
    var routeClass: Int32 = -1
    /// The request as it goes upstream, until there is a connection that takes it; or until it is not sent again any more. Of one
    /// that waits for a filter: its head.
    var buffer = ByteBuffer()
    /// What is done to the response's headers (`KeptChanges`), see `Flags.changesResponse`.
    var changes = ByteBuffer()
}
