import CLinux
import SharedMemory

extension StatLines {
    /// What a region says, whether its processes live or not, sorted by name.
    ///
    /// - Parameter withTags: whether the tags of the names are wanted; only Prometheus needs them.
    public init(_ reader: RegionReader, withTags: Bool = true) {
        self.init(recordsOf: reader, withTags: withTags)
        // Whose region it is, its names say: Envoy's, unless there are others only.
        let flags: StatFlags = count > 0 && flagsOfAll.contains(.plainName) ? .plainName : []
        let before = reader.predecessor?.header
        let header = reader.header
        // What the region says of itself takes its place among the names.
        append(StatsSnapshot.overflowName, flags, .counter, header.overflows &+ (before?.overflows ?? 0))
        append("stats.repairs", flags, .counter, header.repairs &+ (before?.repairs ?? 0))
        append("stats.resets", flags, .counter, header.baseline >> 1)
        append("stats.region_generation", flags, .gauge, header.generation)
        append("stats.region_created_s", flags, .gauge, header.created_ns / 1_000_000_000)
        append("server.process_starts", flags, .counter, header.process_starts)
        sort()
    }

    /// What processes count, in the order it was made.
    init(recordsOf reader: RegionReader, withTags: Bool) {
        let headLength = Int(reader.header.record_length)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        // A record is longer than its name and takes a cell at least; the file's size bounds both numbers.
        let most = min(valueCount, Int(reader.header.log_tail) / MemoryLayout<cl_record>.size)
        let sums = PlaneSums(reader, valueCount: valueCount)
        self.init(owner: reader, capacity: most + 8)
        // A closure cannot change what is not copyable: it is moved through a pointer.
        withUnsafeMutablePointer(to: &self) { lines in
            reader.records { bytes in
                guard let (head, kind) = NameRecord.head(bytes, headLength: headLength),
                    Int(head.value) + kind.cells <= valueCount
                else { return }
                lines.pointee.append(bytes, head, kind, headLength, sums, withTags: withTags)
                if let earlier = sums.earlier { lines.pointee.addToLast(earlier, sums, Int(head.value)) }
            }
        }
    }

    /// Adds what the region before says of the stat that was appended last.
    private mutating func addToLast(_ earlier: EarlierStats, _ sums: PlaneSums, _ value: Int) {
        guard var line = last, let before = earlier[nameText(line), line.kind] else { return }
        var detail = detail(line)
        line.isInUse = line.isInUse || before.isInUse
        switch line.kind {
        case .counter: line.value = sums.counter(value, and: before.value)
        // In one of the two at most is the newest process.
        case .gauge: line.value &+= before.value
        case .histogram:
            if let known = before.histogram { detail.histogram?.add(known) }
            // Intervals are closed by the process that serves.
            if sums.isNewestEarlier { detail.interval = before.interval }
        case .text: if detail.text.isEmpty { detail.text = before.text }
        }
        replaceLast(line, detail)
    }

    @inline(__always)
    private mutating func append(
        _ bytes: UnsafeRawBufferPointer, _ head: cl_record, _ kind: StatKind, _ headLength: Int, _ sums: PlaneSums,
        withTags: Bool
    ) {
        let nameLength = Int(head.name_length)
        let name = UnsafeRawBufferPointer(rebasing: bytes[headLength..<headLength + nameLength])
        var line = add(name.assumingMemoryBound(to: UInt8.self), kind, isLasting: true)
        line.unit = StatUnit(rawValue: head.unit) ?? .unspecified
        line.flags = StatFlags(rawValue: head.flags)
        line.isInUse = head.used >= sums.inUse
        let value = Int(head.value)
        switch kind {
        case .counter: line.value = sums.counter(value)
        case .gauge:
            line.value = head.import == GaugeImport.neverImport.rawValue ? sums.newest[value] : sums.live[value]
        case .histogram:
            line.detail = append(Detail(histogram: sums.histogram(value), interval: sums.interval(value)))
        case .text: line.detail = append(Detail(text: sums.text(value)))
        }
        if withTags, head.tag_count > 0 {
            for i in 0..<NameRecord.tagCount(head, bytes, headLength: headLength) {
                guard let span = NameRecord.tag(i, bytes, headLength: headLength, nameLength: nameLength) else {
                    continue
                }
                append(span)
                line.tagCount += 1
            }
        }
        append(line)
    }

    private mutating func append(_ name: StaticString, _ flags: StatFlags, _ kind: StatKind, _ value: UInt64) {
        var line = add(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), kind, isLasting: true)
        line.flags = flags
        line.value = value
        append(line)
    }
}
