import CLinux
import ProxyConfig

@testable import Proxy

/// The format of an access log as it stands in a configuration, and a line of a request with hostile texts.
///
/// An input begins with a byte of circumstances and one of how long the texts are, which follow; the rest is the value of
/// `log_format`'s `json_format`, or with the first bit the text of a text format.
enum AccessLogFuzzing {
    static func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        var reader = InputReader(input)
        let how = reader.byte()
        // What the parsers let into a field's value.
        let value = reader.bytes(Int(reader.byte())).filter { $0 == 9 || $0 >= 32 && $0 != 127 }
        let text = reader.all()
        let format: LogFormat
        if how & 1 != 0 {
            format = LogFormat(
                .text(try LogFormatParser.parse(String(decoding: text, as: UTF8.self))), omitsEmpty: how & 2 != 0)
        } else {
            format = try json(text, omitsEmpty: how & 2 != 0)
        }
        let line = line(format, value, how)
        guard case .json = format.shape else { return line.isEmpty ? "an empty line" : "a line" }
        precondition(line.last == 10, "a line without an end")
        precondition(JSONRules.isValue(line.dropLast()), "no JSON: \(String(decoding: line, as: UTF8.self))")
        return "JSON"
    }

    private static func json(_ text: UnsafeBufferPointer<UInt8>, omitsEmpty: Bool) throws -> LogFormat {
        let type = "type.googleapis.com/envoy.extensions"
        let head = """
            static_resources:
              listeners:
              - name: l
                address: { socket_address: { address: 127.0.0.1, port_value: 10000 } }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.tcp_proxy
                    typed_config:
                      "@type": \(type).filters.network.tcp_proxy.v3.TcpProxy
                      stat_prefix: t
                      cluster: c
                      access_log:
                      - name: envoy.access_loggers.stdout
                        typed_config:
                          "@type": \(type).access_loggers.stream.v3.StdoutAccessLog
                          log_format:
                            omit_empty_values: \(omitsEmpty)
                            json_format:\u{20}
            """
        let foot = "\n  clusters:\n  - { name: c }\n"
        let loaded = try BootstrapLoader.load(file: ("f", Array(head.utf8) + text + Array(foot.utf8)), inline: nil)
        guard let log = loaded.bootstrap.listeners.first?.filterChains.first?.filter.accessLogs.first else {
            throw ProxyFuzzTarget.SeedError(description: "there is no log any more")
        }
        return log.format
    }

    private static func line(_ format: LogFormat, _ value: [UInt8], _ how: UInt8) -> [UInt8] {
        let log = AccessLog(
            sink: .standardOutput, format: format, location: SourceLocation(file: "f", line: 1, column: 1))
        guard let logs = ListenerLogs([log], sinks: [.standardOutput: 0], shares: RuntimeShares()) else {
            preconditionFailure("a listener without logs")
        }
        let entry = UnsafeMutablePointer<LogEntry>.allocate(capacity: 1)
        entry.initialize(to: LogEntry())
        defer {
            entry.pointee.values.free()
            entry.deallocate()
        }
        entry.pointee.reset(names: logs.nameCount, startNs: 1_000, startWallNs: UInt64(how) << 55)
        if how & 4 != 0 {
            value.withUnsafeBufferPointer { bytes in
                for i in 0..<logs.nameCount {
                    entry.pointee.values.set(i, bytes.baseAddress ?? Bytes("").start, bytes.count)
                }
            }
        }
        if how & 8 != 0 { entry.pointee.flags = LogFlags(rawValue: .max) }
        var facts = LogFacts()
        facts.status = how & 16 != 0 ? 200 : 0
        facts.endNs = 1_000_000_000
        facts.isHTTP10 = how & 32 != 0
        let writer = LogLine()
        writer.write(logs.programs, entry, facts)
        return Array(UnsafeBufferPointer(start: writer.out.bytes, count: writer.out.count))
    }
}

/// Whether a text is one value of JSON (RFC 8259). Its bytes need not be UTF-8: what a client sends is passed on.
struct JSONRules {
    private var rest: ArraySlice<UInt8>

    static func isValue(_ text: ArraySlice<UInt8>) -> Bool {
        var rules = JSONRules(rest: text)
        return rules.value(depth: 0) && rules.rest.isEmpty
    }

    private mutating func take(_ byte: Character) -> Bool {
        guard rest.first == byte.asciiValue else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func value(depth: Int) -> Bool {
        guard depth < 200, let first = rest.first else { return false }
        switch first {
        case UInt8(ascii: "{"): return list("{", "}") { $0.string() && $0.take(":") && $0.value(depth: depth + 1) }
        case UInt8(ascii: "["): return list("[", "]") { $0.value(depth: depth + 1) }
        case UInt8(ascii: "\""): return string()
        default:
            for word in ["true", "false", "null"] where rest.starts(with: word.utf8) {
                rest = rest.dropFirst(word.utf8.count)
                return true
            }
            return number()
        }
    }

    private mutating func list(_ open: Character, _ close: Character, _ member: (inout Self) -> Bool) -> Bool {
        guard take(open) else { return false }
        if take(close) { return true }
        repeat {
            if !member(&self) { return false }
        } while take(",")
        return take(close)
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return false }
                if escaped == UInt8(ascii: "u") {
                    guard rest.count >= 4, rest.prefix(4).allSatisfy(Self.isHex) else { return false }
                    rest = rest.dropFirst(4)
                } else if !"\"\\/bfnrt".utf8.contains(escaped) {
                    return false
                }
            case 0..<32: return false
            default: break
            }
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = take("-")
        if !take("0"), digits() == 0 { return false }
        if take("."), digits() == 0 { return false }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            return digits() > 0
        }
        return true
    }

    private mutating func digits() -> Int {
        let count = rest.prefix { (48...57).contains($0) }.count
        rest = rest.dropFirst(count)
        return count
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
    }
}
