import CLinux
import ProxyConfig

/// The filter `fault` as workers see it.
struct CompiledFault: BitwiseCopyable {
    struct Percentage: BitwiseCopyable {
        let numerator: UInt32
        let denominator: UInt32
        /// What the runtime says instead.
        let other: RuntimeShare
    }
    struct Delay: BitwiseCopyable {
        /// 0: the request's header says how long.
        let fixedMs: UInt64
        let percentage: Percentage
        /// `.max`: the runtime says nothing.
        let otherMs: RuntimeNumber
    }
    struct Abort: BitwiseCopyable {
        /// 0: the request's header says it.
        let status: UInt16
        let percentage: Percentage
        /// `.max`: the runtime says nothing.
        let otherStatus: RuntimeNumber
    }
    var delay: Delay?
    var abort: Abort?
    /// Requests of one cluster only: its position; `noCluster` is none's.
    var cluster: Int32?
    var headers: UnsafePointer<RouteConditions>?
    let maxActive: RuntimeNumber
    /// In force now, in all workers.
    let active: UnsafeMutablePointer<UInt64>

    /// nil: it does nothing.
    init?(_ fault: HTTPFault, _ context: FilterContext) {
        if fault.delay == nil, fault.abort == nil { return nil }
        let shares = context.shares
        func percentage(_ percent: FractionalPercent, _ key: String) -> Percentage {
            Percentage(
                numerator: percent.numerator, denominator: percent.denominator, other: shares.makeOther(key: key))
        }
        delay = fault.delay.map { delay in
            Delay(
                fixedMs: delay.fixedMs ?? 0, percentage: percentage(delay.percentage, fault.keys.delayPercent),
                otherMs: shares.makeNumber(.max, key: fault.keys.delayMs))
        }
        abort = fault.abort.map { abort in
            Abort(
                status: abort.status ?? 0, percentage: percentage(abort.percentage, fault.keys.abortPercent),
                otherStatus: shares.makeNumber(.max, key: fault.keys.abortStatus))
        }
        if !fault.upstreamCluster.isEmpty { cluster = context.clusters.position(of: fault.upstreamCluster) }
        headers = RouteConditions(headers: fault.headers).map { keepForever($0) }
        maxActive = shares.makeNumber(
            fault.maxActiveFaults.map { UInt64($0) } ?? .max, key: fault.keys.maxActiveFaults)
        active = context.activeFaults
    }

    /// How long the request waits, in nanoseconds; nil: not at all.
    func delayNs(_ request: RoutedRequest, random: UInt64) -> UInt64? {
        guard let delay, Self.hits(delay.percentage, request, Bytes("x-envoy-fault-delay-request-percentage"), random)
        else { return nil }
        var milliseconds = delay.fixedMs
        if milliseconds == 0 {
            guard let told = Self.number(request, Bytes("x-envoy-fault-delay-request")) else { return nil }
            milliseconds = told
        }
        let other = delay.otherMs.value
        if other != .max { milliseconds = other }
        return milliseconds == 0 ? nil : min(milliseconds, Self.mostMilliseconds) &* 1_000_000
    }

    /// A century: a time so far off does not overflow.
    private static let mostMilliseconds: UInt64 = 3_155_760_000_000

    /// What the request is answered with; nil: it is not.
    func abortStatus(_ request: RoutedRequest, random: UInt64) -> UInt16? {
        guard let abort, Self.hits(abort.percentage, request, Bytes("x-envoy-fault-abort-request-percentage"), random)
        else { return nil }
        var status = UInt64(abort.status)
        if status == 0 {
            guard let told = Self.number(request, Bytes("x-envoy-fault-abort-request")), 200..<600 ~= told else {
                return nil
            }
            status = told
        }
        let other = abort.otherStatus.value
        if 200..<600 ~= other { status = other }
        return UInt16(status)
    }

    /// A header can make the share smaller; the runtime says it whatever the header does.
    private static func hits(
        _ percentage: Percentage, _ request: RoutedRequest, _ header: Bytes, _ random: UInt64
    ) -> Bool {
        if let other = percentage.other.other { return random % other.denominator < other.numerator }
        var numerator = UInt64(percentage.numerator)
        if let told = number(request, header), told <= UInt64(UInt32.max) { numerator = min(numerator, told) }
        return random % UInt64(percentage.denominator) < numerator
    }

    /// Of the first header with this name; nil: there is none, or it is no number.
    private static func number(_ request: RoutedRequest, _ name: Bytes) -> UInt64? {
        guard let field = request.field(name) else { return nil }
        let text = request.value(field)
        guard text.count > 0, text.count <= 20 else { return nil }
        var number: UInt64 = 0
        for i in 0..<text.count {
            let digit = text.start[i] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (next, isTooLargeNow) = tens.addingReportingOverflow(UInt64(digit))
            if isTooLarge || isTooLargeNow { return nil }
            number = next
        }
        return number
    }

    /// Counts one more; false: there are as many as there may be.
    func begin() -> Bool {
        // As in Envoy two workers at once may make it one too many.
        if cl_load_relaxed(active) >= maxActive.value { return false }
        _ = cl_fetch_add(active, 1)
        return true
    }
}
