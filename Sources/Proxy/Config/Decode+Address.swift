import Glibc

/// What the host of an address may be.
enum HostRule {
    /// Listeners and STATIC clusters: nothing resolves names for them.
    case ipLiteral
    /// DNS clusters.
    case hostName
    /// Clusters whose type is wrong: nothing can be said about their hosts.
    case either
}

extension Decoder {
    struct DecodedAddress {
        var address: Address
        var ipv4Compat = false
    }

    func address(_ value: Value, _ rule: HostRule, allowsUDP: Bool = false) -> DecodedAddress? {
        guard let message = value.message(.address) else { return nil }
        if let socket = message["socket_address"] { return socketAddress(socket, rule, allowsUDP: allowsUDP) }
        if let pipe = message["pipe"] {
            guard let path = pipe.message(.pipe)?.require("path") else { return nil }
            if case .hostName = rule {
                pipe.error("a DNS cluster takes host names, use type STATIC for a pipe")
                return nil
            }
            return pipePath(path).map { DecodedAddress(address: .pipe(path: $0)) }
        }
        _ = message.requireOne(of: ["socket_address", "pipe"], else: ["envoy_internal_address"])
        return nil
    }

    /// - Parameter allowsUDP: datagrams go there, whatever `protocol` says; else it is TCP.
    func socketAddress(_ value: Value, _ rule: HostRule, allowsUDP: Bool = false) -> DecodedAddress? {
        guard let message = value.message(.socketAddress) else { return nil }
        if allowsUDP {
            _ = message["protocol"]?.choice([("TCP", 0, true), ("UDP", 1, true)])
        } else {
            _ = message["protocol"]?.choice([("TCP", 0, true)], known: ["UDP"])
        }
        let ipv4Compat = message["ipv4_compat"]?.bool() ?? false
        let host = message.require("address").flatMap { self.host($0, rule) }
        let port = message.requireOne(of: ["port_value"], else: ["named_port"])?.number(0...65535)
        guard let host, let port else { return nil }
        return DecodedAddress(address: .socket(host: host, port: UInt16(port)), ipv4Compat: ipv4Compat)
    }

    private func host(_ value: Value, _ rule: HostRule) -> String? {
        guard let host = value.nonEmptyString() else { return nil }
        if IPLiteral.isValid(host) { return host }
        switch rule {
        case .ipLiteral:
            value.error(
                "\(quoted(host)) is not an IP address\(value.path.contains(".clusters[") ? ipHint : "")")
            return nil
        case .hostName, .either:
            guard host.utf8.count <= 253, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") })
            else {
                value.error("\(quoted(host)) is not a host name")
                return nil
            }
            return host
        }
    }

    private var ipHint: String { "; for a host name use type STRICT_DNS or LOGICAL_DNS" }

    /// `sun_path` has 108 bytes, the last for the terminating NUL.
    private func pipePath(_ value: Value) -> String? {
        guard let path = value.nonEmptyString() else { return nil }
        if path.utf8.count > 107 {
            value.error("longer than the 107 bytes that a Unix socket's path may have")
            return nil
        }
        return path
    }
}

/// IPv4 and IPv6 addresses in text.
enum IPLiteral {
    static func isValid(_ text: String) -> Bool { isIPv4(text) || isIPv6(text) }

    static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1
    }

    static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }
}
