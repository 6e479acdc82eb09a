import SharedMemory

extension StatsSnapshot {
    /// All histograms of a region by name. A process has few among its stats and asks for them at each flush, so nothing
    /// is made for the others.
    static func histograms(_ reader: RegionReader) -> [String: HistogramData] {
        var wanted: [(name: String, value: Int)] = []
        let headLength = Int(reader.header.record_length)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        reader.records { bytes in
            guard let (head, kind) = NameRecord.head(bytes, headLength: headLength), kind == .histogram,
                Int(head.value) + kind.cells <= valueCount
            else { return }
            let name = bytes[headLength..<headLength + Int(head.name_length)]
            wanted.append((String(decoding: name, as: UTF8.self), Int(head.value)))
        }
        guard !wanted.isEmpty else { return [:] }
        // The names there are all here.
        let earlier = reader.predecessor.map(histograms) ?? [:]
        let sums = PlaneSums(reader, valueCount: valueCount)
        var found: [String: HistogramData] = [:]
        for (name, value) in wanted {
            var data = sums.histogram(value)
            if let before = earlier[name] { data.add(before) }
            found[name] = data
        }
        return found
    }
}
