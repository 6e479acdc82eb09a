import CLinux
import Glibc
import ProxyConfig

/// `internal_address_config` as workers see it. Plain data that lives as long as the process.
struct CompiledInternalAddresses: BitwiseCopyable {
    let unixSockets: Bool
    private let ranges: UnsafeMutablePointer<AddressRange>
    private let count: Int

    init(_ config: InternalAddresses) {
        unixSockets = config.unixSockets
        count = config.ranges.count
        ranges = .allocate(capacity: max(count, 1))
        ranges.initialize(from: config.ranges, count: count)
    }

    func contains(_ address: PeerAddress) -> Bool {
        let address = MatchedAddress(address)
        if address.isNone { return unixSockets }
        return (0..<count).contains { ranges[$0].contains(address) }
    }
}

extension AddressRange {
    func contains(_ address: MatchedAddress) -> Bool {
        let length = UInt32(self.length)
        return isIPv6 == address.isIPv6 && address.high & Self.mask(length) == high
            && address.low & Self.mask(length > 64 ? length - 64 : 0) == low
    }
}

extension Worker {
    /// Whether a request is internal (Envoy's documentation of `x-envoy-internal`): it comes from one of these addresses, and nobody
    /// stands in between.
    @inline(never)
    func isInternal(
        _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>, _ trusted: CompiledInternalAddresses
    ) -> Bool {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        if listener.pointee.useRemoteAddress {
            return !head.pointee.present.contains(.xForwardedFor) && trusted.contains(c.pointee.remote)
        }
        guard listener.pointee.trustedHops == 0, let only = onlyForwarded(head) else { return false }
        let told = PeerAddress(literal: only)
        return told.family != 0 && trusted.contains(told)
    }

    /// The one address of `x-forwarded-for`; nil: there is none, or several.
    private func onlyForwarded(_ head: UnsafeMutablePointer<MessageHead>) -> Bytes? {
        guard head.pointee.present.contains(.xForwardedFor) else { return nil }
        var found: Bytes?
        for i in 0..<head.pointee.count where head.pointee.fields[i].id == .xForwardedFor {
            let field = head.pointee.fields[i]
            let value = Bytes(head.pointee.base + Int(field.value), Int(field.valueLength))
            guard found == nil, memchr(value.start, Int32(UInt8(ascii: ",")), value.count) == nil else { return nil }
            found = value.trimmed
        }
        return found
    }
}
