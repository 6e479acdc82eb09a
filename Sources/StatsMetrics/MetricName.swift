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
/// Prometheus output, of `statdump` and of a snapshot, has dimensions as labels, with the values that they really have:
///
/// | label | dimensions | Prometheus |
/// |---|---|---|
/// | `requests` | `code` = `200`, `method` = `GET` | `requests{code="200",method="GET"}` |
/// | `http.requests` | `http.route` = `/a b` | `http_requests{http_route="/a b"}` |
/// | `5xx` | `le` = `1`, `2nd` = `x` | `_5xx{_2nd="x",exported_le="1"}` |
/// | `r` | `a.b` = `1`, `a_b` = `2` | `r{a_b="1",a_b_2="2"}` |
///
/// That is: bytes that such a name cannot have become `_`, the labels that Prometheus keeps for itself get `exported_`
/// before them, and one that would be there twice a number. Dimensions beyond the 128th stay in the metric's name.
public enum MetricName {
    /// The name of the stat. `suffix` is appended to the label: a unit.
    public static func encode(label: String, dimensions: [(String, String)], suffix: String = "") -> String {
        var name: [UInt8] = []
        name.reserveCapacity(label.utf8.count + suffix.utf8.count + 32)
        append(&name, label, except: ";")
        if label.isEmpty { name.append(UInt8(ascii: "%")) }
        name += Array(suffix.utf8)
        for (key, value) in dimensions.sorted(by: { $0 < $1 }) {
            name.append(UInt8(ascii: ";"))
            append(&name, key, except: ";=")
            name.append(UInt8(ascii: "="))
            append(&name, value, except: ";")
        }
        return String(decoding: name, as: UTF8.self)
    }

    /// A name that `encode` made, with a unit behind its label.
    static func append(_ suffix: String, toLabelOf name: String) -> String {
        let end = name.utf8.firstIndex(of: UInt8(ascii: ";")) ?? name.endIndex
        return name[..<end] + suffix + name[end...]
    }

    /// Label and dimensions, sorted by key, of a name that `encode` made. A unit is part of the label.
    public static func decode(_ name: String) -> (label: String, dimensions: [(String, String)]) {
        let parts = name.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        let dimensions = parts.dropFirst().map { part in
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            return (unescaped(part[..<equals]), unescaped(part[equals...].dropFirst()))
        }
        return (unescaped(parts[0]), dimensions)
    }

    private static func append(_ name: inout [UInt8], _ text: String, except: StaticString) {
        let forbidden = UnsafeBufferPointer(start: except.utf8Start, count: except.utf8CodeUnitCount)
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "%"), !forbidden.contains(byte) {
                name.append(byte)
            } else {
                name.append(UInt8(ascii: "%"))
                name.append(digits[Int(byte >> 4)])
                name.append(digits[Int(byte & 15)])
            }
        }
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
