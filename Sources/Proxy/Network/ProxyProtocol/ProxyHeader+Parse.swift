import Glibc

/// Reading: pure, from the first bytes of a connection, however they were cut.
///
/// What a longer piece would be refused for is refused as soon as it is seen, so that nobody waits for the rest of it.
extension ProxyHeader {
    /// - Parameter bytes: all that has come so far.
    static func parse(_ bytes: UnsafePointer<UInt8>, _ count: Int, rules: Rules) -> Outcome {
        if count <= 0 { return .needMore }
        let isLine = begins(bytes, count, lineSignature)
        let isBinary = begins(bytes, count, binarySignature)
        if rules.contains(.optional) {
            // Envoy looks for those signatures only that it takes; any other bytes are the connection's.
            guard isLine && rules.contains(.v1) || isBinary && rules.contains(.v2) else { return .absent }
        }
        if isLine {
            if count < lineSignature.utf8CodeUnitCount { return .needMore }
            return rules.contains(.v1) ? parseLine(bytes, count) : .failed(.disallowed(.v1))
        }
        if isBinary {
            if count < binarySignature.utf8CodeUnitCount { return .needMore }
            return rules.contains(.v2) ? parseBinary(bytes, count) : .failed(.disallowed(.v2))
        }
        return .failed(.notFound)
    }

    static let lineSignature: StaticString = "PROXY "
    static let binarySignature: StaticString = "\r\n\r\n\0\r\nQUIT\n"

    private static func begins(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ signature: StaticString) -> Bool {
        memcmp(bytes, signature.utf8Start, min(count, signature.utf8CodeUnitCount)) == 0
    }
}

extension PeerAddress {
    /// Whether a connection can have such an end: Envoy refuses a header with another.
    var isUnicast: Bool {
        if family == UInt16(AF_INET) {
            let first = UInt8(truncatingIfNeeded: low)
            return low != 0 && UInt32(truncatingIfNeeded: low) != .max && first & 0xF0 != 0xE0
        }
        return family == UInt16(AF_INET6) && (high | low) != 0 && UInt8(truncatingIfNeeded: high) != 0xFF
    }
}
