import ProxyConfig
import Testing

@testable import Proxy

/// Who is trusted (`internal_address_config`).
@Suite struct InternalAddressTests {
    private static func trusted(_ ranges: [(String, UInt32)], unixSockets: Bool = false) -> CompiledInternalAddresses {
        var config = InternalAddresses()
        config.ranges = ranges.compactMap { AddressRange($0.0, length: $0.1) }
        config.unixSockets = unixSockets
        return CompiledInternalAddresses(config)
    }

    @Test(arguments: [
        ("10.1.2.3", true), ("10.2.0.0", false), ("192.168.0.1", true), ("192.168.0.2", false), ("fd00::1", true),
        ("fe80::1", false), ("::ffff:10.1.2.3", true),
    ]) func rangesDecide(address: String, isTrusted: Bool) {
        let trusted = Self.trusted([("10.1.0.0", 16), ("192.168.0.1", 32), ("fd00::", 8)])
        #expect(trusted.contains(PeerAddress(literal: Bytes(keeping: address))) == isTrusted)
    }

    @Test func unixSocketsAreAMatterOfTheirOwn() {
        #expect(!Self.trusted([("0.0.0.0", 0), ("::", 0)]).contains(PeerAddress()))
        #expect(Self.trusted([], unixSockets: true).contains(PeerAddress()))
        #expect(!Self.trusted([], unixSockets: true).contains(PeerAddress(literal: Bytes("10.0.0.1"))))
    }
}
