import CLinux
import Glibc
import MessageCases
import Testing

@testable import Proxy

/// The table of headers (Tests/MessageCases/ProxyHeaderCase.swift) against the codec, without I/O: the same verdict however
/// they are cut, and never a byte of what stands behind.
@Suite struct ProxyHeaderCaseTests {
    /// What a client sends behind its header.
    private static let rest = Array("GET / HTTP/1.1\r\nhost: a\r\n\r\n".utf8)

    private static func rules(_ rules: ProxyHeaderCase.Rules) -> ProxyHeader.Rules {
        switch rules {
        case .all: [.v1, .v2]
        case .allowsNone: [.v1, .v2, .optional]
        case .v1Only: [.v1]
        case .v2Only: [.v2]
        case .v2OrNone: [.v2, .optional]
        }
    }

    /// A copy of just that size, so that a sanitizer sees who reads beyond it.
    private static func parse(_ bytes: ArraySlice<UInt8>, _ rules: ProxyHeader.Rules) -> ProxyHeader.Outcome {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
        defer { copy.deallocate() }
        for (i, byte) in bytes.enumerated() { copy[i] = byte }
        return ProxyHeader.parse(copy, bytes.count, rules: rules)
    }

    private static func text(_ outcome: ProxyHeader.Outcome) -> String {
        switch outcome {
        case .needMore: return "more"
        case .absent: return "absent"
        case .failed(.notFound): return "not found"
        case .failed(.disallowed(let version)): return "disallowed v\(version.rawValue)"
        case .failed(.malformed(let version)): return "malformed v\(version.rawValue)"
        case .header(let header):
            guard header.hasAddresses else { return "v\(header.version.rawValue) nobody" }
            let ends = [header.source, header.destination].map { SocketAddress.text($0.socketAddress) }
            return "v\(header.version.rawValue) \(ends[0]) \(ends[1])"
        }
    }

    @Test(arguments: ProxyHeaderCase.all.indices)
    func aHeaderIsReadHoweverItIsCut(_ index: Int) throws {
        let one = ProxyHeaderCase.all[index]
        let bytes = try #require(one.bytes, "the table is wrong")
        let rules = Self.rules(one.rules)
        // Long ones are cut in fewer places.
        let whole = bytes + Self.rest
        let step = bytes.count > 300 ? 97 : 1
        var decided: String?
        let lengths = Set(stride(from: 1, to: whole.count, by: step)).union([bytes.count, whole.count])
        for length in lengths.sorted() {
            let outcome = Self.parse(whole[..<length], rules)
            if case .header(let header) = outcome {
                #expect(header.length == bytes.count, "\(one.name) in \(length) bytes")
            }
            let text = Self.text(outcome)
            // Once decided, more bytes change nothing.
            if let decided { #expect(text == decided, "\(one.name) in \(length) bytes") }
            if text != "more" { decided = text }
            if length == bytes.count { #expect(text == one.expected, "\(one.name)") }
        }
    }

    @Test func everyDifferenceFromEnvoyHasAReason() {
        #expect(ProxyHeaderCase.all.count >= 100)
        for one in ProxyHeaderCase.all {
            #expect((one.envoy == nil) == one.why.isEmpty, "\(one.name)")
            #expect(one.envoy != one.expected, "\(one.name)")
        }
    }

    @Test func aHeaderIsNeverLongerThanItMayBe() {
        for byte in [UInt8(ascii: "x"), 0] {
            let line = Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: byte, count: 200)
            for length in 1...line.count {
                let text = Self.text(Self.parse(line[..<length], [.v1, .v2]))
                #expect(text == (length < 106 ? "more" : "malformed v1"), "\(length) bytes")
            }
        }
    }

    // MARK: Writing

    private static func written(
        _ version: ProxyHeader.Version, _ source: PeerAddress, _ destination: PeerAddress
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: ProxyHeader.longestWritten + 1) { buffer, count in
            count = ProxyHeader.write(version, source: source, destination: destination, to: buffer.baseAddress!)
        }
    }

    private static func address(_ text: String, _ port: UInt16) -> PeerAddress {
        var address = cl_address()
        _ = cl_address_ip(&address, text, port)
        return PeerAddress(&address)
    }

    private static let ends: [(String, String)] = [
        ("1.2.3.4", "5.6.7.8"), ("255.255.255.254", "127.0.0.1"), ("2001:db8::1", "::1"),
        ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1:2:3"), ("::ffff:1.2.3.4", "::2"),
    ]

    @Test(arguments: [ProxyHeader.Version.v1, .v2])
    func whatIsWrittenIsReadAgain(_ version: ProxyHeader.Version) throws {
        for (from, to) in Self.ends {
            for ports in [(0, 65535), (1, 9), (10, 99), (12345, 80)] as [(UInt16, UInt16)] {
                let source = Self.address(from, ports.0)
                let destination = Self.address(to, ports.1)
                let bytes = Self.written(version, source, destination)
                #expect(bytes.count <= ProxyHeader.longestWritten)
                guard case .header(let header) = Self.parse(bytes[...], [.v1, .v2]) else {
                    Issue.record("\(RawText.quote(bytes)) is no header")
                    continue
                }
                #expect(header.version == version && header.length == bytes.count && header.hasAddresses)
                #expect(header.source.isSame(source) && header.destination.isSame(destination))
            }
        }
    }

    /// Byte for byte what Envoy sends.
    @Test func theBytesAreEnvoys() {
        let four = (Self.address("1.2.3.4", 1111), Self.address("5.6.7.8", 2222))
        let six = (Self.address("2001:db8::1", 1111), Self.address("2001:db8::2", 2222))
        #expect(
            Self.written(.v1, four.0, four.1) == Array("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n".utf8))
        #expect(
            Self.written(.v1, six.0, six.1) == Array("PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n".utf8))
        #expect(
            Self.written(.v2, four.0, four.1)
                == RawText.decode(#"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x04W\x08\xae"#))
        #expect(
            Self.written(.v2, six.0, six.1)
                == RawText.decode(
                    #"\r\n\r\n\0\r\nQUIT\n!!\0$ \x01\r\xb8\{11*\0}\x01 \x01\r\xb8\{11*\0}\x02\x04W\x08\xae"#))
    }

    /// Without two addresses of one family it says so.
    @Test func whoIsNotKnownIsNotNamed() {
        let four = Self.address("1.2.3.4", 1)
        let six = Self.address("::1", 2)
        for (source, destination) in [(PeerAddress(), PeerAddress()), (four, six), (six, four), (four, PeerAddress())] {
            #expect(Self.written(.v1, source, destination) == Array("PROXY UNKNOWN\r\n".utf8))
            let bytes = Self.written(.v2, source, destination)
            #expect(bytes == RawText.decode(#"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"#))
            #expect(Self.text(Self.parse(bytes[...], [.v2])) == "v2 nobody")
        }
    }
}
