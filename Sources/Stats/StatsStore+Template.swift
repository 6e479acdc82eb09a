import CLinux
import SharedMemory

extension StatsStore {
    /// The stats of a template under a prefix, made if need be: the same as if one after the other was asked for, but the
    /// region's mutex is taken once for all, and no string is made of any.
    public func stats(_ template: StatTemplate, prefix: String) -> StatIDs {
        var prefix = prefix
        return prefix.withUTF8 { prefix in
            let batch = NameBatch(template, prefix, naming)
            defer { batch.free() }
            if let positions = inARow(batch, template.count) { return StatIDs(positions) }
            batch.hash(index)
            var positions = [Int](repeating: -1, count: template.count)
            var isWhole = true
            for i in positions.indices {
                let name = batch[i]
                if let known = index.find(name.kind, name.bytes, name.hash) {
                    positions[i] = taken(known).index
                } else {
                    isWhole = false
                }
            }
            if !isWhole { make(template, batch, &positions) }
            return StatIDs(positions)
        }
    }

    /// Where the stats are, if they are there and follow one another, as those that another process made so.
    private func inARow(_ batch: NameBatch, _ count: Int) -> [Int]? {
        guard count > 0, let first = index.find(batch[0].kind, batch[0].bytes) else { return nil }
        // Those that are found count as asked for, and are asked for again when one of them stands elsewhere.
        for i in 0..<count {
            guard let found = index.found(at: first.position + i, batch[i].kind, batch[i].bytes) else { return nil }
            _ = taken(found)
        }
        return Array(first.position..<first.position + count)
    }

    /// Those without a position.
    private func make(_ template: StatTemplate, _ batch: NameBatch, _ positions: inout [Int]) {
        let missing = positions.indices.filter { positions[$0] < 0 }
        if let region {
            do {
                try region.appending { (log: inout LogAppender) throws(RegionError) in
                    readNewNames()
                    // What is added here needs not be read again, if there is nothing before it that cannot be read.
                    let isRead = logPosition == region.logTail
                    defer { if isRead { logPosition = region.logTail } }
                    for i in missing {
                        let name = batch[i]
                        if let known = index.find(name.kind, name.bytes, name.hash) {
                            positions[i] = taken(known).index
                        } else {
                            positions[i] = try append(template.items[i], name, batch.tags(i), &log, region)
                        }
                    }
                }
            } catch {
                let name = String(decoding: batch[missing[0]].bytes, as: UTF8.self)
                trouble("\(error): \(name) and other new stats are kept in this process only")
            }
        }
        for i in missing where positions[i] < 0 {
            let item = template.items[i]
            // A name that is cut may be another one's.
            if let known = index.find(item.kind, batch[i].bytes, batch[i].hash) {
                positions[i] = known.position
                continue
            }
            region?.countOverflow()
            positions[i] = addOnHeap(batch[i].bytes, item.kind, item.unit, item.gaugeImport, flags(item)).index
        }
    }

    private func flags(_ item: StatTemplate.Item) -> StatFlags {
        item.flags.subtracting(.plainName).union(naming.flags)
    }

    /// Adds one to the region's log, whose mutex is held, and to the index.
    private func append(
        _ item: StatTemplate.Item, _ name: NameBatch.Name, _ tags: UnsafeBufferPointer<cl_tag_span>,
        _ log: inout LogAppender, _ region: SharedRegion
    ) throws(RegionError) -> Int {
        let flags = flags(item)
        let headLength = region.recordLength
        let length = NameRecord.length(name: name.bytes.count, tags: tags.count, headLength: headLength)
        let value = try log.nextValue(cells: item.kind.cells)
        var used: UnsafeMutablePointer<UInt64>?
        try log.add(value, cells: item.kind.cells, length: length) { place in
            let head = cl_record(
                length: UInt32(length), type: item.kind.rawValue, unit: item.unit.rawValue,
                import: item.gaugeImport.rawValue, flags: flags.rawValue, value: value,
                name_length: UInt16(name.bytes.count), tag_count: UInt16(tags.count), used: region.ordinal)
            NameRecord.write(head, name.bytes, tags, to: place, headLength: headLength)
            used = (place + NameRecord.usedOffset).assumingMemoryBound(to: UInt64.self)
        }
        let position = index.add(
            Entry(
                name: name.start, nameLength: UInt32(name.bytes.count), value: value, kind: item.kind, unit: item.unit,
                gaugeImport: item.gaugeImport, flags: flags, used: used), name.hash)
        noteTaken(position)
        return position
    }

    /// Makes room for so many stats in all.
    public func reserve(_ count: Int) { index.reserve(count) }
}
