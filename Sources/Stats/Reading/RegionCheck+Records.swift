import CLinux
import SharedMemory

// The names of a region, and what the cells of its histograms refer to.
extension RegionCheck {
    /// Returns the histograms: their names and first cells.
    mutating func checkRecords() -> [(name: String, value: Int)] {
        let tail = Int(clamping: image.header.log_tail)
        var walk = NameWalk()
        var end = 0
        for segment in logs {
            let first = Int(segment.first) * RegionLayout.page
            end = max(end, first + Int(segment.pages) * RegionLayout.page)
            let length = min(Int(segment.pages) * RegionLayout.page, tail - first)
            if length > 0 { check(records: length, at: Int(segment.page) * RegionLayout.page, log: first, &walk) }
        }
        if tail > end { found("name log: it is said to end at \(tail), its segments hold \(end) bytes") }
        var next = 0
        var last = ""
        for value in walk.values.sorted(by: { $0.first < $1.first }) {
            if value.first < next { found("\(value.name): its cell \(value.first) is also one of \(last)") }
            if value.first + value.count > next { (next, last) = (value.first + value.count, value.name) }
        }
        return walk.histograms
    }

    private struct NameWalk {
        var known: Set<StatKey> = []
        var values: [(first: Int, count: Int, name: String)] = []
        var histograms: [(name: String, value: Int)] = []
    }

    private mutating func check(records length: Int, at start: Int, log: Int, _ walk: inout NameWalk) {
        let smallest = MemoryLayout<cl_record>.size
        var at = 0
        while length - at >= smallest {
            let place = "record at \(log + at)"
            guard
                let head = image.bytes(at: start + at, count: smallest)?.withUnsafeBytes({
                    $0.loadUnaligned(as: cl_record.self)
                })
            else { return found("\(place): it cannot be read") }
            let count = Int(head.length)
            // The rest of a segment that was too small for a record.
            if count == 0 && head.type == 0 { return }
            guard count >= smallest, count % 8 == 0, count <= length - at else {
                return found("\(place): \(count) bytes long, \(length - at) are left; what follows is lost")
            }
            if head.type != 0 { check(record: head, at: start + at, place, &walk) }
            at += count
        }
    }

    private mutating func check(record head: cl_record, at offset: Int, _ place: String, _ walk: inout NameWalk) {
        let headLength = Int(image.header.record_length)
        let nameLength = Int(head.name_length)
        let spans = headLength + (nameLength + 3) / 4 * 4
        guard Int(head.length) <= RegionLayout.longestRecord else {
            return found("\(place): \(head.length) bytes, \(RegionLayout.longestRecord) are the most")
        }
        guard nameLength > 0, spans + Int(head.tag_count) * MemoryLayout<cl_tag_span>.size <= Int(head.length) else {
            return found("\(place): a name of \(nameLength) bytes and \(head.tag_count) tags in \(head.length) bytes")
        }
        guard let bytes = image.bytes(at: offset, count: Int(head.length)) else {
            return found("\(place): it cannot be read")
        }
        let nameBytes = bytes.dropFirst(headLength).prefix(nameLength)
        let name = String(decoding: nameBytes, as: UTF8.self)
        let shown = name.visible
        guard let kind = StatKind(rawValue: head.type) else {
            // A newer minor layout may have kinds that this build does not know.
            if image.header.layout_minor <= RegionLayout.minor { found("\(shown): of kind \(head.type)") }
            return
        }
        if !name.utf8.elementsEqual(nameBytes) { found("\(shown): its name is no UTF-8") }
        if !walk.known.insert(StatKey(name: name, kind: kind)).inserted {
            found("\(shown): two records of this \(kind)")
        }
        let value = Int(head.value)
        guard value % kind.cells == 0, value + kind.cells <= Int(clamping: image.header.value_count) else {
            return found("\(shown): its cells are \(value) to \(value + kind.cells - 1) of \(image.header.value_count)")
        }
        walk.values.append((value, kind.cells, shown))
        if kind == .histogram { walk.histograms.append((shown, value)) }
        for i in 0..<Int(head.tag_count) {
            let span = bytes.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: spans + i * MemoryLayout<cl_tag_span>.size, as: cl_tag_span.self)
            }
            if Int(span.cut_start) + Int(span.cut_length) > nameLength
                || Int(span.value_start) + Int(span.value_length) > nameLength
            {
                found("\(shown): its tag \(i) lies outside its name")
            }
        }
    }

    /// Every block that a histogram refers to is one of its plane's, and of that histogram alone.
    mutating func checkBlocks(of histograms: [(name: String, value: Int)]) {
        for (index, plane) in image.planes.enumerated() {
            var users: [UInt64: String] = [:]
            for histogram in histograms {
                guard let offset = offset(ofCell: histogram.value, plane: index) else { continue }
                guard let cells = image.words(at: offset, count: HistogramBins.cells) else {
                    found("\(histogram.name): its cells in plane \(index) cannot be read")
                    continue
                }
                for number in cells[HistogramBins.firstBlockCell...].prefix(HistogramBins.decades) where number > 0 {
                    if number > UInt64(plane.blocks_used) {
                        found(
                            "\(histogram.name): block \(number - 1) of the \(plane.blocks_used) used in plane \(index)")
                    } else if let other = users.updateValue(histogram.name, forKey: number) {
                        found("\(histogram.name): block \(number - 1) of plane \(index) is also used by \(other)")
                    }
                }
            }
        }
    }

    private func offset(ofCell value: Int, plane: Int) -> Int? {
        let chunk = value / RegionLayout.chunkCells
        for segment in cells[plane] ?? [] {
            let index = chunk - Int(segment.first)
            if index >= 0, index < Int(segment.pages) {
                return (Int(segment.page) + index) * RegionLayout.page + value % RegionLayout.chunkCells * 8
            }
        }
        return nil
    }
}
