import Glibc

/// Version 2: the signature, version and command, family and transport, a length, and as many bytes: addresses, then
/// entries of type, length and value, which say nothing here.
extension ProxyHeader {
    private enum Command {
        /// The sender speaks for itself, a health check as a rule.
        static let local: UInt8 = 0
        static let proxy: UInt8 = 1
    }

    private enum Bytes4 {
        static let addresses = 12, destination = 4, ports = 8
    }
    private enum Bytes6 {
        static let addresses = 36, destination = 16, ports = 32
    }

    static func parseBinary(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        if count <= 12 { return .needMore }
        let command = bytes[12] & 0x0F
        guard bytes[12] >> 4 == 2, command <= Command.proxy else { return .failed(.malformed(.v2)) }
        var addressLength = 0
        if command == Command.proxy {
            if count <= 13 { return .needMore }
            // Streams and datagrams alike, as in Envoy; it takes no Unix sockets and no unspecified family.
            guard 1...2 ~= bytes[13] & 0x0F else { return .failed(.malformed(.v2)) }
            switch bytes[13] >> 4 {
            case 1: addressLength = Bytes4.addresses
            case 2: addressLength = Bytes6.addresses
            default: return .failed(.malformed(.v2))
            }
        }
        if count < fixedLength { return .needMore }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard length >= addressLength else { return .failed(.malformed(.v2)) }
        let whole = fixedLength + length
        var header = ProxyHeader(version: .v2, length: whole)
        if command == Command.local { return count < whole ? .needMore : .header(header) }
        if count < fixedLength + addressLength { return .needMore }
        readAddresses(bytes + fixedLength, isIPv4: addressLength == Bytes4.addresses, into: &header)
        guard header.source.isUnicast, header.destination.isUnicast else { return .failed(.malformed(.v2)) }
        if count < whole { return .needMore }
        guard areEntries(bytes + fixedLength + addressLength, length - addressLength) else {
            return .failed(.malformed(.v2))
        }
        header.hasAddresses = true
        return .header(header)
    }

    private static func readAddresses(_ bytes: UnsafePointer<UInt8>, isIPv4: Bool, into header: inout ProxyHeader) {
        let raw = UnsafeRawPointer(bytes)
        if isIPv4 {
            header.source.family = UInt16(AF_INET)
            header.source.low = UInt64(raw.loadUnaligned(as: UInt32.self))
            header.destination.low = UInt64(raw.loadUnaligned(fromByteOffset: Bytes4.destination, as: UInt32.self))
        } else {
            header.source.family = UInt16(AF_INET6)
            header.source.high = raw.loadUnaligned(as: UInt64.self)
            header.source.low = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            header.destination.high = raw.loadUnaligned(fromByteOffset: Bytes6.destination, as: UInt64.self)
            header.destination.low = raw.loadUnaligned(fromByteOffset: Bytes6.destination + 8, as: UInt64.self)
        }
        header.destination.family = header.source.family
        let ports = isIPv4 ? Bytes4.ports : Bytes6.ports
        header.source.port = UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: ports, as: UInt16.self))
        header.destination.port = UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: ports + 2, as: UInt16.self))
    }

    /// Whether the entries fill their space exactly. What they say is not looked at, their checksum included, as in Envoy.
    private static func areEntries(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var next = 0
        while next < count {
            guard count - next >= 3 else { return false }
            next += 3 + (Int(bytes[next + 1]) << 8 | Int(bytes[next + 2]))
        }
        return next == count
    }
}
