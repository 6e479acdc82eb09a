/// How a swift-metrics label with dimensions becomes the name of a stat, and back.
///
/// A stat has one flat name. Dimensions follow the label as Graphite writes tags, sorted by key, so that the order in which
/// a caller lists them makes no difference:
///
///     requests                                             requests
///     requests  [("method", "GET"), ("code", "200")]       requests;code=200;method=GET
///
/// Names are printable ASCII without spaces. Every other byte, and `%`, is written as `%` and two hexadecimal digits; so is
/// `;` in a label, `;` and `=` in a key and `;` in a value. An empty label is `%`. Therefore two different labels with
/// dimensions never have the same name, up to the 4096 bytes at which a store cuts names.
///
/// Dimensions that Envoy has a tag for are put where Envoy has them, and come out of Prometheus output as its labels:
///
/// | label | dimension | name |
/// |---|---|---|
/// | `cluster.upstream_rq_total` | `envoy_cluster_name` = `blue` | `cluster.blue.upstream_rq_total` |
/// | `http.downstream_rq_total` | `envoy_http_conn_manager_prefix` = `in` | `http.in.downstream_rq_total` |
/// | `vhost.upstream_rq` | `envoy_virtual_host` = `site` | `vhost.site.upstream_rq` |
/// | `cluster.upstream_rq`, nothing else left | `envoy_response_code` = `200` | `cluster.upstream_rq_200` |
public enum MetricName {
    /// The name of the stat. `suffix` is appended to the label: a unit.
    public static func encode(label: String, dimensions: [(String, String)], suffix: String = "") -> String {
        guard !dimensions.isEmpty else { return String(decoding: escaped(label, suffix: suffix), as: UTF8.self) }
        var rest = dimensions.sorted { $0 < $1 }
        var name = escaped(label, suffix: suffix)
        for (key, prefix) in envoyElements {
            let start = Array(prefix.utf8)
            guard let place = rest.firstIndex(where: { $0.0 == key && !$0.1.isEmpty }), name.starts(with: start),
                name.count > start.count
            else { continue }
            append(&name, rest.remove(at: place).1, except: ";.", at: start.count, followedBy: UInt8(ascii: "."))
            break
        }
        if rest.count == 1, rest[0].0 == "envoy_response_code", name.suffix(3).elementsEqual("_rq".utf8),
            rest[0].1.utf8.count == 3, rest[0].1.utf8.allSatisfy({ (48...57).contains($0) })
        {
            name += Array("_\(rest[0].1)".utf8)
            rest = []
        }
        // Envoy's tags reach from a first element like `cluster.` to the next dot, which must not be one of a dimension's.
        let dots = name.count { $0 == UInt8(ascii: ".") } < 2 && envoyRoots.contains { name.starts(with: $0.utf8) }
        for (key, value) in rest {
            name.append(UInt8(ascii: ";"))
            append(&name, key, except: dots ? ";=." : ";=")
            name.append(UInt8(ascii: "="))
            append(&name, value, except: dots ? ";." : ";")
        }
        return String(decoding: name, as: UTF8.self)
    }

    /// Label and dimensions, sorted by key, of a name that `encode` made. What became one of Envoy's tags and a unit are
    /// part of the label.
    public static func decode(_ name: String) -> (label: String, dimensions: [(String, String)]) {
        let parts = name.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        let dimensions = parts.dropFirst().map { part in
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            return (unescaped(part[..<equals]), unescaped(part[equals...].dropFirst()))
        }
        return (unescaped(parts[0]), dimensions)
    }

    private static let envoyElements = [
        ("envoy_cluster_name", "cluster."),
        ("envoy_http_conn_manager_prefix", "http."),
        ("envoy_virtual_host", "vhost."),
    ]
    private static let envoyRoots = ["cluster.", "http.", "listener.", "listener_manager.", "tcp.", "vhost."]

    private static func escaped(_ label: String, suffix: String) -> [UInt8] {
        var name: [UInt8] = []
        name.reserveCapacity(label.utf8.count + suffix.utf8.count + 32)
        append(&name, label, except: ";")
        if label.isEmpty { name.append(UInt8(ascii: "%")) }
        return name + Array(suffix.utf8)
    }

    private static func append(
        _ name: inout [UInt8], _ text: String, except: StaticString, at: Int? = nil, followedBy end: UInt8? = nil
    ) {
        var bytes: [UInt8] = []
        let forbidden = UnsafeBufferPointer(start: except.utf8Start, count: except.utf8CodeUnitCount)
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "%"), !forbidden.contains(byte) {
                bytes.append(byte)
            } else {
                bytes.append(UInt8(ascii: "%"))
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            }
        }
        if let end { bytes.append(end) }
        name.insert(contentsOf: bytes, at: at ?? name.count)
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    private static func unescaped(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let hex = rest.prefix(2)
            guard hex.count == 2, let value = UInt8(String(decoding: hex, as: UTF8.self), radix: 16) else { continue }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
