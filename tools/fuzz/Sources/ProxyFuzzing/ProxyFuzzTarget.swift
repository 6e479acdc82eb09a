import FuzzTargets
import Glibc

/// What a fuzzer's input is done to, of the proxy. The fuzzer runs one of them (`FUZZ_TARGET`), the tests replay the corpus
/// of each. A rule that does not hold is a trap.
public enum ProxyFuzzTarget: String, CaseIterable, Sendable {
    /// A client's message: its head is parsed, cut and whole, and written as it goes upstream.
    case httpRequest = "http-request"
    /// An upstream's, as it goes downstream.
    case httpResponse = "http-response"
    /// A body, whole and in pieces.
    case chunked
    /// A configuration, and one that is merged over it.
    case config
    /// A message of the restart socket, or one record of what is in them.
    case handOver = "hand-over"
    /// All that a parent sends of its live connections.
    case adoption
    /// The format of an access log, and the lines that it makes.
    case accessLog = "access-log"
    /// What a resolver answers, and addresses.
    case dns
    /// What a connection begins with before it is one.
    case proxyProtocol = "proxy-protocol"
}

/// A target with what it needs.
public final class ProxyFuzzScene {
    private let step: (UnsafeBufferPointer<UInt8>) throws -> String

    /// Everything is made here that does not depend on an input.
    public init(_ target: ProxyFuzzTarget) throws {
        switch target {
        case .httpRequest: step = try HeadFuzzing(.request).run
        case .httpResponse: step = try HeadFuzzing(.response).run
        case .chunked: step = BodyFuzzing.run
        case .config: step = ConfigFuzzing.run
        case .handOver: step = try RecordFuzzing().run
        case .adoption: step = try AdoptionFuzzing().run
        case .accessLog: step = AccessLogFuzzing.run
        case .dns: step = AddressFuzzing.run
        case .proxyProtocol: step = ProxyHeaderFuzzing.run
        }
    }

    /// Returns what came of it: the same for inputs that were refused for the same reason.
    public func run(_ input: UnsafeBufferPointer<UInt8>) -> String {
        do { return try step(input) } catch { return "\(error)" }
    }
}

/// Bytes in memory of just their size, so that AddressSanitizer sees who reads or writes beyond them.
struct ExactCopy: ~Copyable {
    let bytes: UnsafeMutablePointer<UInt8>
    let count: Int

    init(_ content: UnsafeBufferPointer<UInt8>) {
        count = content.count
        bytes = .allocate(capacity: count)
        if let base = content.baseAddress { bytes.initialize(from: base, count: count) }
    }

    deinit { bytes.deallocate() }
}

/// Takes what decides about an input from its front.
struct InputReader {
    private var rest: Slice<UnsafeBufferPointer<UInt8>>

    init(_ input: UnsafeBufferPointer<UInt8>) { rest = input[...] }

    /// 0 where nothing is left.
    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func number(_ bytes: Int) -> Int { (0..<bytes).reduce(0) { $0 | Int(byte()) << (8 * $1) } }

    mutating func bytes(_ count: Int) -> UnsafeBufferPointer<UInt8> {
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return UnsafeBufferPointer(rebasing: taken)
    }

    mutating func all() -> UnsafeBufferPointer<UInt8> { bytes(rest.count) }

    var isEmpty: Bool { rest.isEmpty }
}
