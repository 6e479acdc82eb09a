/// Log-linear bins with two significant decimal digits, as Envoy's (libcircllhist): decade d holds [10^d, 10^(d+1)) in 90
/// bins; 0 has a bin of its own.
public enum HistogramBins {
    /// Decades of a 64-bit integer that we tell apart; larger values count in the last bin.
    @usableFromInline static let decades = 12
    /// Cells of a histogram in a plane: zero count, sum, and a block number plus one for each decade.
    static let cells = 16
    static let firstBlockCell = 2
    static let bins = 90

    @usableFromInline static let largest: UInt64 = 999_999_999_999

    /// The decade of a value > 0 and its bin there. Comparisons with constants first: latencies are small numbers.
    @inlinable @inline(__always)
    static func place(_ value: UInt64) -> (decade: Int, bin: Int) {
        if value < 10 { return (0, Int(truncatingIfNeeded: value &* 10 &- 10)) }
        if value < 100 { return (1, Int(truncatingIfNeeded: value &- 10)) }
        if value < 1000 { return (2, Int(truncatingIfNeeded: value / 10 &- 10)) }
        if value < 10_000 { return (3, Int(truncatingIfNeeded: value / 100 &- 10)) }
        return largePlace(value)
    }

    @usableFromInline
    static func largePlace(_ value: UInt64) -> (decade: Int, bin: Int) {
        let bounded = min(value, largest)
        var decade = 4
        var unit: UInt64 = 1000
        while bounded >= unit * 100 {
            unit *= 10
            decade += 1
        }
        return (decade, Int(bounded / unit) - 10)
    }

    /// The lower bound and the width of a bin.
    static func bounds(decade: Int, bin: Int) -> (lower: Double, width: Double) {
        // Divided rather than multiplied by 0.1, which is not a number a computer has.
        var unit = 1.0
        for _ in 0..<decade { unit *= 10 }
        return (Double(bin + 10) * unit / 10, unit / 10)
    }
}
