import Glibc

extension OutputScratch {
    /// Appends an address as Envoy writes it: with its port an IPv6 one stands in brackets. What is no IP has no port.
    func append(_ address: PeerAddress, withPort: Bool) {
        let isBracketed = withPort && address.family == UInt16(AF_INET6)
        if isBracketed { append(byte: UInt8(ascii: "[")) }
        reserve(64)
        advance(address.write(bytes + count))
        if isBracketed { append(byte: UInt8(ascii: "]")) }
        guard withPort, address.family != 0 else { return }
        append(byte: UInt8(ascii: ":"))
        append(decimal: UInt64(address.port))
    }
}
