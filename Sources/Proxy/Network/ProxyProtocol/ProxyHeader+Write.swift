import Glibc

/// Writing: what stands before the first byte of a connection to a host.
extension ProxyHeader {
    /// Writes a header for a connection between these two; returns its length (`longestWritten` bytes are enough). Without
    /// two addresses of one family it speaks for nobody.
    static func write(
        _ version: Version, source: PeerAddress, destination: PeerAddress, to out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let isKnown = source.family != 0 && source.family == destination.family
        switch version {
        case .v1: return isKnown ? writeLine(source, destination, to: out) : append("PROXY UNKNOWN\r\n", 0, out)
        case .v2: return writeBinary(isKnown ? source : nil, destination, to: out)
        }
    }

    /// The header of a connection that is the proxy's own, such as that of a health check. Version 1 has no word for it: as
    /// in Envoy it then names the connection's own two ends.
    static func writeOwn(
        _ version: Version, local: PeerAddress, peer: PeerAddress, to out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        switch version {
        case .v1: return write(.v1, source: local, destination: peer, to: out)
        case .v2: return writeBinary(nil, peer, to: out)
        }
    }

    private static func writeLine(
        _ source: PeerAddress, _ destination: PeerAddress, to out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var count = append(source.family == UInt16(AF_INET) ? "PROXY TCP4 " : "PROXY TCP6 ", 0, out)
        count += source.write(out + count)
        count = append(" ", count, out)
        count += destination.write(out + count)
        count = append(" ", count, out)
        count = append(source.port, count, out)
        count = append(" ", count, out)
        count = append(destination.port, count, out)
        return append("\r\n", count, out)
    }

    /// - Parameter source: nil: it speaks for nobody.
    private static func writeBinary(
        _ source: PeerAddress?, _ destination: PeerAddress, to out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        _ = append(binarySignature, 0, out)
        guard let source else {
            // Version 2, LOCAL, no family, no bytes.
            out[12] = 0x20
            out[13] = 0
            out[14] = 0
            out[15] = 0
            return fixedLength
        }
        let raw = UnsafeMutableRawPointer(out)
        let isIPv4 = source.family == UInt16(AF_INET)
        let length = isIPv4 ? 12 : 36
        out[12] = 0x21
        out[13] = isIPv4 ? 0x11 : 0x21
        out[14] = 0
        out[15] = UInt8(length)
        if isIPv4 {
            raw.storeBytes(of: UInt32(truncatingIfNeeded: source.low), toByteOffset: 16, as: UInt32.self)
            raw.storeBytes(of: UInt32(truncatingIfNeeded: destination.low), toByteOffset: 20, as: UInt32.self)
        } else {
            raw.storeBytes(of: source.high, toByteOffset: 16, as: UInt64.self)
            raw.storeBytes(of: source.low, toByteOffset: 24, as: UInt64.self)
            raw.storeBytes(of: destination.high, toByteOffset: 32, as: UInt64.self)
            raw.storeBytes(of: destination.low, toByteOffset: 40, as: UInt64.self)
        }
        let ports = fixedLength + length - 4
        raw.storeBytes(of: source.port.bigEndian, toByteOffset: ports, as: UInt16.self)
        raw.storeBytes(of: destination.port.bigEndian, toByteOffset: ports + 2, as: UInt16.self)
        return fixedLength + length
    }

    private static func append(_ text: StaticString, _ count: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int {
        memcpy(out + count, text.utf8Start, text.utf8CodeUnitCount)
        return count + text.utf8CodeUnitCount
    }

    private static func append(_ port: UInt16, _ count: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int {
        var digits = 1
        var next = 10
        while Int(port) >= next {
            digits += 1
            next *= 10
        }
        var rest = port
        for i in (0..<digits).reversed() {
            out[count + i] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        return count + digits
    }
}
