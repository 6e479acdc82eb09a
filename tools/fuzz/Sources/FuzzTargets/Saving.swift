import Stats

/// A file that claims to be a saved snapshot.
enum Saving {
    static func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        let saved = try SavedSnapshot(json: Array(input))
        for stat in saved.snapshot.stats { Reading.use("\(stat.number ?? 0) \(stat.histogram?.values() ?? [])") }
        for format in StatsFormat.allCases { Reading.use(saved.snapshot.formatted(format, histograms: .detailed)) }
        for stat in saved.snapshot.stats { _ = stat.histogram?.since(stat.histogram ?? HistogramData()) }
        // What we would write is what we read.
        let json = saved.json
        let again = try SavedSnapshot(json: json)
        precondition(again.json == json, "saved again, it is another one")
        return "read"
    }
}
