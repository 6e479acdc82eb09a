/// Numbers as Envoy's formatter writes them: the shortest form that reads back, without `.0`.
enum Numbers {
    static func text(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value == value.rounded(), value.magnitude < 1e16 { return String(Int64(value)) }
        return "\(value)"
    }

    /// A bucket bound as C++ streams write it (`1.8e+06`).
    static func bound(_ value: Double) -> String {
        guard value >= 1_000_000 else { return text(value) }
        return "\(text(value / 1_000_000))e+06"
    }

    /// The same as Envoy's JSON has it, the shorter of both forms (`3e+05`).
    static func jsonBound(_ value: Double) -> String {
        let plain = text(value)
        guard value >= 100_000, value.truncatingRemainder(dividingBy: 100_000) == 0, value < 1_000_000 else {
            return plain
        }
        return "\(text(value / 100_000))e+05"
    }
}
