import Glibc

/// Numbers as Envoy's formatter writes them: the shortest form that reads back, without `.0`.
enum Numbers {
    static func text(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value == value.rounded(), value.magnitude < 1e16 { return String(Int64(value)) }
        return "\(value)"
    }

    /// A bucket bound as C++ streams write it (`1.8e+06`): six digits.
    static func bound(_ value: Double) -> String { formatted("%g", value) }

    /// The same as Envoy's Prometheus output has it: as many digits as say exactly which number it is, up to 32.
    static func longBound(_ value: Double) -> String { formatted("%.32g", value) }

    private static func formatted(_ format: String, _ value: Double) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            let length = withVaList([value]) { vsnprintf(text.baseAddress, text.count, format, $0) }
            return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// The same as Envoy's JSON has it, the shorter of both forms (`3e+05`).
    static func jsonBound(_ value: Double) -> String {
        // All digits that are needed, and where the point stands among them.
        let parts = "\(value)".split(separator: "e")
        var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let whole = parts[0].split(separator: ".")
        var digits = whole.joined()
        exponent += whole[0].count - 1
        while digits.count > 1, digits.hasPrefix("0") {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
        let sign = exponent < 0 ? "-" : "+"
        let power = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
        let rest = digits.dropFirst()
        let scientific = "\(digits.prefix(1))\(rest.isEmpty ? "" : ".")\(rest)e\(sign)\(power)"
        let fixed: String
        if exponent < 0 {
            fixed = "0." + String(repeating: "0", count: -exponent - 1) + digits
        } else if digits.count <= exponent + 1 {
            fixed = digits + String(repeating: "0", count: exponent + 1 - digits.count)
        } else {
            fixed = "\(digits.prefix(exponent + 1)).\(digits.dropFirst(exponent + 1))"
        }
        return fixed.count <= scientific.count ? fixed : scientific
    }
}
