import CLinux
import Glibc

extension SharedRegion {
    /// Adds a name record unless `find`, called with the mutex held and everything published by others read, knows it.
    ///
    /// - Parameters:
    ///   - cells: how many cells it takes in every plane; its first is a multiple of it.
    ///   - find: has every record up to the tail been indexed; nil: not there.
    ///   - make: the record's bytes, given its first cell; a multiple of 8 long.
    /// - Returns: the position of the record in the log, and what `find` found or nil.
    public func append(
        cells: Int, find: () -> UInt32?, make: (UInt32) -> [UInt8]
    ) throws(RegionError) -> UInt32 {
        try appending { (log: inout LogAppender) throws(RegionError) -> UInt32 in
            if let known = find() { return known }
            let value = try log.nextValue(cells: cells)
            let record = make(value)
            try log.add(value, cells: cells, length: record.count) { place in
                record.withUnsafeBytes { place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            }
            return value
        }
    }

    /// Runs `body` with the mutex held: what it adds to the log costs one wait for all.
    public func appending<T>(_ body: (inout LogAppender) throws(RegionError) -> T) throws(RegionError) -> T {
        try withLock { () throws(RegionError) -> T in
            var log = LogAppender(self)
            return try body(&log)
        }
    }

    /// How much of the log is published.
    public var logTail: UInt64 { cl_load_acquire(cl_region_tail(region)) }

    /// Where the next record goes, and how much room is there; pads the rest of a log segment that is too small. Mutex held.
    func room(forRecord length: Int) throws(RegionError) -> UnsafeMutableRawBufferPointer {
        let tail = cl_region_tail(region)
        var logEnd = 0
        let count = try segmentCount()
        for i in try logStart(tail.pointee, of: count)..<count {
            let segment = try segment(i)
            guard segment.kind == SegmentKind.log.rawValue else { continue }
            logSegment = i
            let first = Int(segment.first) * RegionLayout.page
            let end = first + Int(segment.pages) * RegionLayout.page
            logEnd = max(logEnd, end)
            let position = Int(clamping: tail.pointee)
            guard position >= first, position < end else { continue }
            try map(upTo: (Int(segment.page) + Int(segment.pages)) * RegionLayout.page)
            let here = base + Int(segment.page) * RegionLayout.page + (position - first)
            if end - position >= length { return UnsafeMutableRawBufferPointer(start: here, count: end - position) }
            if end > position {
                let padding = cl_record(
                    length: UInt32(end - position), type: 0, unit: 0, import: 0, flags: 0, value: 0, name_length: 0,
                    tag_count: 0, used: 0)
                // Records are multiples of 8 and so is what is left; less than a record's head is zeros already.
                if end - position >= MemoryLayout<cl_record>.size {
                    here.storeBytes(of: padding, as: cl_record.self)
                }
                cl_store_release(tail, UInt64(end))
            }
        }
        guard Int(clamping: tail.pointee) == logEnd else {
            throw .foreign(path: path, found: "a name log of \(logEnd) bytes that ends at \(tail.pointee)")
        }
        let have = logEnd / RegionLayout.page
        // An eighth at least: a directory that every new name walks through must not grow with the names.
        let pages = max(min(max(have, 16), 1024), have / 8)
        let segment = try grow(.log, plane: 0, first: UInt32(logEnd / RegionLayout.page), pages: pages)
        return UnsafeMutableRawBufferPointer(
            start: base + Int(segment.page) * RegionLayout.page, count: pages * RegionLayout.page)
    }

    /// The first segment that can hold the log position: log segments follow each other, and the last one that a name was
    /// added to is nearly always it.
    private func logStart(_ position: UInt64, of count: Int) throws(RegionError) -> Int {
        guard logSegment < count else { return 0 }
        let known = try segment(logSegment)
        let first = UInt64(known.first) * UInt64(RegionLayout.page)
        return known.kind == SegmentKind.log.rawValue && position >= first ? logSegment : 0
    }

    /// Adds a segment of `pages` pages: memory first, the directory entry next, its count last. Mutex held.
    func grow(_ kind: SegmentKind, plane: Int, first: UInt32, pages: Int) throws(RegionError) -> cl_segment {
        let count = try segmentCount()
        guard count < RegionLayout.segments else { throw .full(path: path, what: "the segment directory is full") }
        let start = try endOfSegments()
        let end = start + pages * RegionLayout.page
        guard end <= RegionLayout.largest else { throw .full(path: path, what: "the region is at its largest") }
        let rc = cl_fallocate(descriptor, Int64(start), Int64(end - start))
        guard rc == 0 else {
            throw rc == -ENOSPC
                ? .full(path: path, what: "no shared memory is left")
                : .system(call: "posix_fallocate", path: path, code: -rc)
        }
        try map(upTo: end)
        Fault.reached(.memoryCommitted)
        let segment = cl_segment(
            kind: kind.rawValue, reserved: 0, plane: UInt16(plane), first: first,
            page: UInt32(start / RegionLayout.page), pages: UInt32(pages))
        cl_region_segment(region, UInt32(count)).pointee = segment
        Fault.reached(.segmentWritten)
        region.pointee.header.committed = UInt64(end)
        cl_store32_release(cl_region_segment_count(region), UInt32(count + 1))
        return segment
    }

    /// Calls `body` with every published record from the log position `from` on; returns the position after the last.
    /// Stops at a record that cannot be: whoever reads gets what lies before it.
    public func readLog(from: UInt64, _ body: (UnsafeRawBufferPointer) -> Void) throws(RegionError) -> UInt64 {
        let tail = cl_load_acquire(cl_region_tail(region))
        var position = from
        let count = try segmentCount()
        for i in try logStart(position, of: count)..<count {
            let segment = try segment(i)
            guard segment.kind == SegmentKind.log.rawValue else { continue }
            let first = UInt64(segment.first) * UInt64(RegionLayout.page)
            let end = min(first + UInt64(segment.pages) * UInt64(RegionLayout.page), tail)
            guard position >= first, position < end else { continue }
            let fileEnd = (Int(segment.page) + Int(segment.pages)) * RegionLayout.page
            try map(upTo: fileEnd)
            let bytes = UnsafeRawBufferPointer(
                start: base + Int(segment.page) * RegionLayout.page, count: Int(end - first))
            position = first + UInt64(RecordWalk.walk(bytes, from: Int(position - first), body))
        }
        return position
    }
}

/// Steps from record to record of one log segment, checking every length.
enum RecordWalk {
    /// Returns where it stopped: the end, or the first record that cannot be.
    static func walk(_ bytes: UnsafeRawBufferPointer, from: Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
        var at = from
        let head = MemoryLayout<cl_record>.size
        while at < bytes.count {
            guard bytes.count - at >= head else { return bytes.count }
            let length = Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            // The rest of a segment that had no room for a record.
            if length == 0 { return bytes.count }
            guard length >= head, length % 8 == 0, length <= bytes.count - at else { return at }
            let type = bytes[at + 4]
            if type != 0 { body(UnsafeRawBufferPointer(rebasing: bytes[at..<at + length])) }
            at += length
        }
        return at
    }
}
