import Glibc

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` and CRLF.
extension ProxyHeader {
    static func parseLine(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        // The line ends with the first CR or LF, which must be a CRLF.
        var end = lineSignature.utf8CodeUnitCount
        let limit = min(count, longestLine - 1)
        while end < limit, bytes[end] != ASCII.cr, bytes[end] != ASCII.lf { end += 1 }
        if end == limit { return limit < longestLine - 1 ? .needMore : .failed(.malformed(.v1)) }
        guard bytes[end] == ASCII.cr else { return .failed(.malformed(.v1)) }
        if end + 1 == count { return .needMore }
        guard bytes[end + 1] == ASCII.lf else { return .failed(.malformed(.v1)) }
        var fields = Fields(bytes: bytes, next: lineSignature.utf8CodeUnitCount, end: end)
        var header = ProxyHeader(version: .v1, length: end + 2)
        guard let transport = fields.take() else { return .failed(.malformed(.v1)) }
        // Whatever stands behind it says nothing.
        if equals(transport, "UNKNOWN") { return .header(header) }
        let family: UInt16
        if equals(transport, "TCP4") {
            family = UInt16(AF_INET)
        } else if equals(transport, "TCP6") {
            family = UInt16(AF_INET6)
        } else {
            return .failed(.malformed(.v1))
        }
        guard let source = fields.take(), let destination = fields.take(), let sourcePort = fields.take(),
            let destinationPort = fields.take(), fields.isAtEnd,
            var from = PeerAddress(literal: source, family: family),
            var to = PeerAddress(literal: destination, family: family),
            let fromPort = port(sourcePort), let toPort = port(destinationPort), from.isUnicast, to.isUnicast
        else { return .failed(.malformed(.v1)) }
        from.port = fromPort
        to.port = toPort
        header.hasAddresses = true
        header.source = from
        header.destination = to
        return .header(header)
    }

    /// The fields of a line, with exactly one blank between two.
    private struct Fields {
        let bytes: UnsafePointer<UInt8>
        var next: Int
        let end: Int
        /// The last field has been taken.
        var isAtEnd: Bool { next > end }

        /// The next field, nil: there is none. It may be empty.
        mutating func take() -> UnsafeBufferPointer<UInt8>? {
            if next > end { return nil }
            var stop = next
            while stop < end, bytes[stop] != ASCII.space { stop += 1 }
            defer { next = stop + 1 }
            return UnsafeBufferPointer(start: bytes + next, count: stop - next)
        }
    }

    private static func equals(_ field: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
        guard field.count == text.utf8CodeUnitCount, let start = field.baseAddress else { return false }
        return memcmp(start, text.utf8Start, field.count) == 0
    }

    /// 0 to 65535 in decimal, without sign or leading zeros.
    private static func port(_ field: UnsafeBufferPointer<UInt8>) -> UInt16? {
        guard 1...5 ~= field.count, field.count == 1 || field[0] != UInt8(ascii: "0") else { return nil }
        var value: UInt32 = 0
        for byte in field {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = 10 * value + UInt32(byte - UInt8(ascii: "0"))
        }
        return UInt16(exactly: value)
    }
}

extension PeerAddress {
    /// An IP literal of that family, without zone; nil: it is none.
    init?(literal: UnsafeBufferPointer<UInt8>, family: UInt16) {
        // With the NUL that it needs; none may stand within.
        guard let start = literal.baseAddress, literal.count < Int(INET6_ADDRSTRLEN),
            memchr(start, 0, literal.count) == nil
        else { return nil }
        self.init()
        self.family = family
        let isValid = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text -> Bool in
            guard let base = text.baseAddress else { return false }
            memcpy(base, start, literal.count)
            base[literal.count] = 0
            if family == UInt16(AF_INET) {
                var address = in_addr()
                guard inet_pton(AF_INET, base, &address) == 1 else { return false }
                low = UInt64(address.s_addr)
                return true
            }
            var address = in6_addr()
            guard inet_pton(AF_INET6, base, &address) == 1 else { return false }
            withUnsafeBytes(of: &address) { raw in
                high = raw.loadUnaligned(as: UInt64.self)
                low = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            }
            return true
        }
        if !isValid { return nil }
    }
}
