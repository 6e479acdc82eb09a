import ProxyConfig

/// A retry policy as workers see it, and as a request carries it: plain data, so that it leaves the process with the
/// request and goes on there whatever the configuration is.
struct CompiledRetry: BitwiseCopyable {
    var conditions: RetryPolicy.Conditions = []
    var retries: UInt32 = 0
    /// Nanoseconds; 0: none.
    var perTryNs: UInt64 = 0
    /// The same without a byte of the host; also for its response.
    var perTryIdleNs: UInt64 = 0
    var baseNs: UInt64 = 25_000_000
    var maxNs: UInt64 = 250_000_000
    /// Whether one try has a limit of its own.
    var limitsTries: Bool { perTryNs | perTryIdleNs != 0 }
    /// How often a host is chosen, until it is none of those that are avoided.
    var hostAttempts: UInt32 = 1
    var codes = StatusSet()
    /// Of responses that are asked for again; nil: none, or another process had them.
    var responseHeaders: UnsafePointer<HeaderTests>?
    /// Only such requests are sent again; nil: all.
    var requestHeaders: UnsafePointer<HeaderTests>?
    /// What is to be written anew for each try.
    var marks = AttemptMarks()
    /// Hosts that are avoided.
    var avoids: HostAvoidance = []
    /// The same by what is said of them; nil: none, or another process had them.
    var avoidedLabels: UnsafePointer<LabelTests>?
    /// After so many tries each time their priorities are excluded; 0: never.
    var priorityFrequency: UInt32 = 0
    /// Headers that say when to try again; nil: none, or another process had them.
    var resets: UnsafePointer<ResetHeaders>?
    /// The request has named headers of responses that are asked for again (`RetryState.headerNames`).
    var hasNames = false

    init() {}

    init(_ policy: RetryPolicy) {
        conditions = policy.conditions
        retries = policy.retries
        perTryNs = policy.perTryTimeoutMs &* 1_000_000
        perTryIdleNs = policy.perTryIdleTimeoutMs &* 1_000_000
        baseNs = policy.baseMs &* 1_000_000
        maxNs = policy.maxMs &* 1_000_000
        hostAttempts = policy.hostAttempts
        for code in policy.statusCodes { codes.insert(code) }
        responseHeaders = HeaderTests(policy.responseHeaders).map { keepForever($0) }
        requestHeaders = HeaderTests(policy.requestHeaders).map { keepForever($0) }
        if policy.avoided.previous { avoids.insert(.previous) }
        if policy.avoided.canaries { avoids.insert(.canaries) }
        avoidedLabels = LabelTests(policy.avoided.labels).map { keepForever($0) }
        priorityFrequency = policy.priorityFrequency
        resets = policy.rateLimited.map { keepForever(ResetHeaders($0)) }
    }

    /// A try that may take longer than all of them together has no limit of its own, as in Envoy.
    mutating func boundTries(by timeoutNs: UInt64) {
        if timeoutNs > 0, perTryNs >= timeoutNs { perTryNs = 0 }
    }

    /// Whether a response with this status is one to be asked for again.
    func retries(status: UInt16, isRateLimited: Bool, hasHeader: Bool = false) -> Bool {
        if conditions.contains(.headers), hasHeader { return true }
        if conditions.contains(.fiveXX), status >= 500, status < 600 { return true }
        if conditions.contains(.gatewayError), status >= 502, status <= 504 { return true }
        if conditions.contains(.retriable4xx), status == 409 { return true }
        if conditions.contains(.rateLimited), isRateLimited { return true }
        return conditions.contains(.statusCodes) && codes.contains(status)
    }

    /// Whether a request that got no response is sent again.
    ///
    /// - Parameters:
    ///   - isConnecting: there never was a connection.
    ///   - wasSent: something of it went to the host.
    func retriesReset(isConnecting: Bool, wasSent: Bool) -> Bool {
        if isConnecting, conditions.contains(.connectFailure) { return true }
        if conditions.contains(.resetBeforeRequest), !wasSent { return true }
        // Envoy counts a reset as the 5xx that it would become.
        return !conditions.isDisjoint(with: [.reset, .fiveXX, .gatewayError])
    }
}

/// What a try tells of itself; the bits travel in a hand-over.
struct AttemptMarks: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// `x-envoy-attempt-count` in the request.
    static let request = AttemptMarks(rawValue: 1 << 0)
    /// The same in the response.
    static let response = AttemptMarks(rawValue: 1 << 1)
    /// The host is the name of the one that is chosen.
    static let hostname = AttemptMarks(rawValue: 1 << 2)
    /// How long it is still waited for.
    static let expected = AttemptMarks(rawValue: 1 << 3)
    static let known: UInt8 = 15
}

/// Conditions of which one is enough. Plain data that lives as long as the process.
struct HeaderTests: BitwiseCopyable {
    private let tests: UnsafeMutablePointer<RouteConditions>
    private let count: Int

    /// Nil when there are none.
    init?(_ conditions: [HeaderCondition]) {
        let all = conditions.compactMap { RouteConditions(headers: [$0]) }
        if all.isEmpty { return nil }
        count = all.count
        tests = .kept(capacity: count)
        tests.initialize(from: all, count: count)
    }

    func anyHolds(_ message: RoutedRequest) -> Bool { (0..<count).contains { tests[$0].hold(message) } }
}

/// Statuses from 0 to 639 as bits.
struct StatusSet: BitwiseCopyable, Equatable {
    static let words = 10
    private var bits: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    subscript(word: Int) -> UInt64 {
        get { withUnsafeBytes(of: bits) { $0.load(fromByteOffset: 8 * (word % Self.words), as: UInt64.self) } }
        set {
            withUnsafeMutableBytes(of: &bits) {
                $0.storeBytes(of: newValue, toByteOffset: 8 * (word % Self.words), as: UInt64.self)
            }
        }
    }

    func contains(_ status: UInt16) -> Bool {
        status < 640 && self[Int(status / 64)] & 1 << UInt64(status % 64) != 0
    }

    mutating func insert(_ status: UInt16) {
        if status < 640 { self[Int(status / 64)] |= 1 << UInt64(status % 64) }
    }

    static func == (a: StatusSet, b: StatusSet) -> Bool { (0..<words).allSatisfy { a[$0] == b[$0] } }
}

/// What a request that may be sent again carries, in the worker's slab for such. Most requests have none.
struct RetryState: BitwiseCopyable {
    var policy = CompiledRetry()
    /// Times that it was sent again.
    var attempts: UInt32 = 0
    /// CLOCK_MONOTONIC, nanoseconds: when it is sent again; 0: it is under way, or answered.
    var againNs: UInt64 = 0
    /// When the current try began, and the request was complete; 0: it is not.
    var tryNs: UInt64 = 0
    /// Takes one of its cluster's `max_retries`.
    var countsRetry = false
    /// Something of the current try went to the host.
    var wasSent = false
    /// Bytes of its body that may be kept; with more it is not sent again.
    var bodyLimit: UInt64 = 1 << 20
    /// Bytes of its body that have come, without their framing.
    var bodyBytes: UInt64 = 0
    /// What chose its host, and chooses the next.
    var key = HashKey()
    /// Where it has been.
    var attempted = AttemptedHosts()
    var tried = TriedPriorities()
    /// Tries for which the host had said when.
    var limitedTries: UInt32 = 0
    /// Names of headers of responses that are asked for again, as the request has them: a list with commas. Its own memory.
    var headerNames = ByteBuffer()

    /// How long to wait before the next try: at random up to an interval that doubles with each, as Envoy does it.
    func backOff(_ random: UInt64) -> UInt64 {
        var interval = max(policy.baseNs, 1)
        for _ in 1..<max(min(attempts &- min(limitedTries, attempts), 40), 1) {
            if interval >= policy.maxNs / 2 {
                interval = max(policy.maxNs, 1)
                break
            }
            interval &*= 2
        }
        return random % interval
    }
}
