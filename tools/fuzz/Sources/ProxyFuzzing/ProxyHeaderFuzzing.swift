@testable import Proxy

/// The first bytes of a connection to a listener with the PROXY protocol filter: they are read, whole and in pieces, and what
/// they name is written and read again.
enum ProxyHeaderFuzzing {
    static func run(_ input: UnsafeBufferPointer<UInt8>) -> String {
        var reader = InputReader(input)
        let choice = reader.byte()
        let rules = ProxyHeader.Rules(rawValue: choice & 7)
        let cut = reader.number(2)
        let bytes = reader.all()
        let whole = parse(bytes, bytes.count, rules)
        check(whole, bytes, rules)
        // Any beginning says the same, or that it is none yet.
        var lengths = [0, min(cut, bytes.count)]
        if bytes.count < 300 { lengths += Array(1..<max(bytes.count, 1)) }
        for length in lengths where length < bytes.count {
            let piece = parse(bytes, length, rules)
            if case .needMore = piece { continue }
            precondition(text(piece) == text(whole), "\(text(piece)) of \(length) bytes, \(text(whole)) of all")
            if case (.header(let a), .header(let b)) = (piece, whole) { precondition(same(a, b), "another header") }
        }
        return text(whole)
    }

    /// AddressSanitizer sees who reads beyond it.
    private static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>, _ count: Int, _ rules: ProxyHeader.Rules
    ) -> ProxyHeader.Outcome {
        let copy = ExactCopy(UnsafeBufferPointer(rebasing: bytes.prefix(count)))
        return ProxyHeader.parse(copy.bytes, copy.count, rules: rules)
    }

    private static func check(
        _ outcome: ProxyHeader.Outcome, _ bytes: UnsafeBufferPointer<UInt8>, _ rules: ProxyHeader.Rules
    ) {
        switch outcome {
        case .needMore: precondition(bytes.count < ProxyHeader.longest, "more than any header may have")
        case .absent: precondition(rules.contains(.optional), "there must be one")
        case .failed(let failure):
            if case .disallowed(let version) = failure { precondition(!takes(version, rules)) }
            if case .malformed(let version) = failure { precondition(takes(version, rules)) }
        case .header(let header):
            precondition(takes(header.version, rules), "a version that is not taken")
            precondition(
                header.length > 0 && header.length <= bytes.count, "a header that is longer than what there is")
            precondition(header.length <= (header.version == .v1 ? ProxyHeader.longestLine : ProxyHeader.longest))
            if header.version == .v1 { precondition(bytes[header.length - 1] == 10 && bytes[header.length - 2] == 13) }
            // Nothing behind it matters.
            guard case .header(let alone) = parse(bytes, header.length, rules), same(alone, header) else {
                preconditionFailure("what stands behind it changes it")
            }
            if header.hasAddresses { writeAgain(header) }
        }
    }

    private static func writeAgain(_ header: ProxyHeader) {
        for version in [ProxyHeader.Version.v1, .v2] {
            let written = [UInt8](unsafeUninitializedCapacity: ProxyHeader.longestWritten + 1) { buffer, count in
                guard let base = buffer.baseAddress else { return }
                count = ProxyHeader.write(version, source: header.source, destination: header.destination, to: base)
            }
            precondition(written.count <= ProxyHeader.longestWritten, "\(written.count) bytes are written")
            written.withUnsafeBufferPointer {
                guard case .header(let again) = parse($0, $0.count, [.v1, .v2]), again.version == version,
                    again.length == written.count, again.hasAddresses, again.source.isSame(header.source),
                    again.destination.isSame(header.destination)
                else { preconditionFailure("what is written is another header") }
            }
        }
    }

    private static func takes(_ version: ProxyHeader.Version, _ rules: ProxyHeader.Rules) -> Bool {
        rules.contains(version == .v1 ? .v1 : .v2)
    }

    private static func same(_ a: ProxyHeader, _ b: ProxyHeader) -> Bool {
        a.version == b.version && a.length == b.length && a.hasAddresses == b.hasAddresses
            && a.source.isSame(b.source) && a.destination.isSame(b.destination)
    }

    private static func text(_ outcome: ProxyHeader.Outcome) -> String {
        switch outcome {
        case .needMore: "more"
        case .absent: "absent"
        case .failed(.notFound): "not found"
        case .failed(.disallowed): "disallowed"
        case .failed(.malformed(let version)): "malformed v\(version.rawValue)"
        case .header(let header): "v\(header.version.rawValue) \(header.hasAddresses ? "addresses" : "nobody")"
        }
    }
}
