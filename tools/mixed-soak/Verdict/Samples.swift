/// What the serving process takes while it is busy, second by second: flat or not.
struct Samples {
    private var values: [Int] = []

    mutating func add(_ value: Int) { values.append(value) }

    var last: Int { values.last ?? 0 }

    /// Medians of the first, the second and the last quarter.
    var ends: (first: Int, later: Int, last: Int)? {
        guard values.count >= 4 else { return nil }
        let quarter = values.count / 4
        return (
            Self.median(values.prefix(quarter)), Self.median(values.dropFirst(quarter).prefix(quarter)),
            Self.median(values.suffix(quarter))
        )
    }

    private static func median(_ values: ArraySlice<Int>) -> Int { values.sorted()[values.count / 2] }
}
