import CLinux
import SharedMemory

// Name records for tests that know nothing of stats.

/// A record of a counter of `length` bytes in all, as short as can be by default.
func record(_ name: String, length: Int? = nil, type: UInt8 = 1) -> [UInt8] {
    let head = MemoryLayout<cl_record>.size
    let length = length ?? (head + name.utf8.count + 7) / 8 * 8
    var bytes = [UInt8](repeating: 0, count: length)
    bytes.withUnsafeMutableBytes {
        $0.storeBytes(
            of: cl_record(
                length: UInt32(length), type: type, unit: 0, import: 0, flags: 0, value: 0,
                name_length: UInt16(min(name.utf8.count, length - head)), tag_count: 0, used: 0),
            as: cl_record.self)
        for (i, byte) in name.utf8.prefix(length - head).enumerated() { $0[head + i] = byte }
    }
    return bytes
}

func append(record: [UInt8], cells: Int = 1, to region: SharedRegion) throws -> UInt32 {
    try region.append(cells: cells, find: { nil }, make: { _ in record })
}

func appendName(_ name: String, cells: Int = 1, to region: SharedRegion) throws -> UInt32 {
    try append(record: record(name), cells: cells, to: region)
}

func name(in bytes: UnsafeRawBufferPointer) -> String {
    let head = bytes.loadUnaligned(as: cl_record.self)
    let from = MemoryLayout<cl_record>.size
    return String(decoding: bytes[from..<min(from + Int(head.name_length), bytes.count)], as: UTF8.self)
}

func names(of region: SharedRegion) throws -> [String] {
    var found: [String] = []
    _ = try region.readLog(from: 0) { found.append(name(in: $0)) }
    return found
}

func names(of reader: RegionReader) throws -> [String] {
    var found: [String] = []
    reader.records { found.append(name(in: $0)) }
    return found
}
