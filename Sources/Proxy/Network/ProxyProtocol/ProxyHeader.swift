import ProxyConfig

/// What stands before the first byte of a connection to say between whom it is (haproxy.org/download/3.0/doc/proxy-protocol.txt).
struct ProxyHeader: BitwiseCopyable {
    /// The lines of version 1, and the binary form of version 2.
    enum Version: UInt8, BitwiseCopyable {
        case v1 = 1
        case v2 = 2
    }

    var version: Version
    /// Bytes of it; the connection begins behind them.
    var length: Int
    /// False: it speaks for nobody (`UNKNOWN`, `LOCAL`), and the connection is between its own two ends.
    var hasAddresses = false
    /// Of one family both, with ports.
    var source = PeerAddress()
    var destination = PeerAddress()

    /// Bytes of a line of version 1 with its CRLF, at most: the specification's number.
    static let longestLine = 107
    /// Bytes of the fixed part of version 2: signature, command, family and length.
    static let fixedLength = 16
    /// Bytes of any header, at most: the length of version 2 has 16 bits.
    static let longest = fixedLength + 0xFFFF
    /// Bytes that `write` makes, at most.
    static let longestWritten = longestLine

    /// What a reader takes.
    struct Rules: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let v1 = Rules(rawValue: 1 << 0)
        static let v2 = Rules(rawValue: 1 << 1)
        /// A connection may begin without a header.
        static let optional = Rules(rawValue: 1 << 2)

        init(rawValue: UInt8) { self.rawValue = rawValue }

        init(_ filter: ProxyProtocolFilter) {
            var rules: Rules = []
            if filter.takesV1 { rules.insert(.v1) }
            if filter.takesV2 { rules.insert(.v2) }
            if filter.allowsWithout { rules.insert(.optional) }
            self = rules
        }
    }

    enum Failure: Equatable, BitwiseCopyable {
        /// It begins as no header does.
        case notFound
        /// A version that the rules do not take.
        case disallowed(Version)
        /// It begins as a header of this version and is none.
        case malformed(Version)
    }

    enum Outcome: BitwiseCopyable {
        /// All that came may be the beginning of a header. More is needed, and never more than `longest` in all.
        case needMore
        case header(ProxyHeader)
        /// There is no header, and there need not be one: the connection begins with the first byte.
        case absent
        case failed(Failure)
    }
}
