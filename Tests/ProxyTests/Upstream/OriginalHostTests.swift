import Testing

@testable import Proxy

/// Addresses as clients write them.
@Suite struct OriginalHostTests {
    private static func read(_ text: String) -> String? {
        let address = PeerAddress(hostAndPort: Bytes(keeping: text))
        return address.family == 0 ? nil : SocketAddress.text(address.socketAddress)
    }

    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1:80"), ("[::1]:8080", "[::1]:8080"), ("10.0.0.1: 9", "10.0.0.1:9"),
        ("10.0.0.1:0", "10.0.0.1:0"), ("10.0.0.1:00080 ", "10.0.0.1:80"),
        ("255.255.255.255:65535", "255.255.255.255:65535"),
    ])
    func areRead(text: String, address: String) { #expect(Self.read(text) == address) }

    @Test(arguments: [
        "", ":", ":80", "[", "[]:80", "[::1]", "[::1]80", "::1:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
        "127.0.0.1:65536", "127.0.0.1:-1", "[127.0.0.1]:80", "name:80", "127.0.0.1:80:90", "[::1:80", "127.0.0.1:1 2",
        "127.0.0.1:99999999999999999999999999",
    ])
    func areNone(text: String) { #expect(Self.read(text) == nil) }
}
