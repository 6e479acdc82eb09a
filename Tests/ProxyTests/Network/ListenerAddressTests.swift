import CLinux
import ProxyConfig
import Testing

@testable import Proxy

/// Which listener a connection is handed to.
@Suite struct ListenerAddressTests {
    private static func address(_ host: String, _ port: UInt16) -> PeerAddress {
        var made = cl_address()
        _ = cl_address_ip(&made, host, port)
        return PeerAddress(&made)
    }

    private static func table(_ addresses: [Address], handsOff: Bool = true) -> ListenerAddresses {
        ListenerAddresses(
            addresses.enumerated().map { position, address in
                var listener = Listener(
                    name: "l", address: address, location: SourceLocation(file: "f", line: 1, column: 1))
                listener.handsOff = handsOff
                return (position, listener)
            })
    }

    @Test func theExactAddressIsFirstAndThenAllOfItsFamily() {
        let table = Self.table([
            .socket(host: "0.0.0.0", port: 80), .socket(host: "10.0.0.1", port: 80), .pipe(path: "/x"),
            .socket(host: "::", port: 80), .socket(host: "::1", port: 81),
        ])
        #expect(table.find(Self.address("10.0.0.1", 80)) == 1)
        #expect(table.find(Self.address("10.0.0.2", 80)) == 0)
        #expect(table.find(Self.address("10.0.0.1", 81)) == -1)
        #expect(table.find(Self.address("2001:db8::1", 80)) == 3)
        #expect(table.find(Self.address("::1", 81)) == 4)
        #expect(table.find(Self.address("::2", 81)) == -1)
    }

    @Test func whereNobodyHandsOverThereIsNothingToFind() {
        #expect(
            Self.table([.socket(host: "10.0.0.1", port: 80)], handsOff: false).find(Self.address("10.0.0.1", 80)) == -1)
    }
}
