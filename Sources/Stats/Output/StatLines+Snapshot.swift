import CLinux

// From and to stats as values with names of their own.
extension StatLines {
    /// In the order of the snapshot.
    public init(_ snapshot: StatsSnapshot) {
        self.init(owner: nil, capacity: snapshot.stats.count)
        for i in snapshot.stats.indices { append(snapshot.stats[i]) }
    }

    /// A single one.
    init(_ stat: StatValue) {
        self.init(owner: nil, capacity: 1)
        append(stat)
    }

    private mutating func append(_ stat: StatValue) {
        var name = stat.name
        var line = name.withUTF8 { add($0, stat.kind, isLasting: false) }
        line.unit = stat.unit
        line.flags = stat.flags
        line.value = stat.value
        line.isInUse = stat.isInUse
        for tag in stat.tags {
            append(
                cl_tag_span(
                    tag: tag.name.rawValue, cut_start: UInt16(clamping: tag.cut.lowerBound),
                    cut_length: UInt16(clamping: tag.cut.count), value_start: UInt16(clamping: tag.value.lowerBound),
                    value_length: UInt16(clamping: tag.value.count), reserved: 0))
            line.tagCount += 1
        }
        if !stat.text.isEmpty || stat.histogram != nil || stat.interval != nil {
            line.detail = append(Detail(text: stat.text, histogram: stat.histogram, interval: stat.interval))
        }
        append(line)
    }

    /// One line as a value.
    func value(_ line: Line) -> StatValue {
        var stat = StatValue(
            name: nameText(line), kind: line.kind, unit: line.unit, flags: line.flags, value: line.value,
            isInUse: line.isInUse)
        if line.tagCount > 0 {
            stat.tags.reserveCapacity(Int(line.tagCount))
            for i in 0..<Int(line.tagCount) {
                let span = tags[Int(line.tagStart) + i]
                guard let name = TagName(rawValue: span.tag) else { continue }
                let (cut, value) = (Int(span.cut_start), Int(span.value_start))
                stat.tags.append(
                    StatTag(
                        name: name, cut: cut..<cut + Int(span.cut_length), value: value..<value + Int(span.value_length)
                    ))
            }
        }
        if line.detail >= 0 {
            let detail = details[Int(line.detail)]
            stat.text = detail.text
            stat.histogram = detail.histogram
            stat.interval = detail.interval
        }
        return stat
    }
}
