import Glibc

/// Writes records in the wire format of protocol buffers (protobuf.dev/programming-guides/encoding), by hand: a record is
/// made in a fraction of a microsecond, and any protobuf library reads it with the schema in docs/hand-over.md. Fields
/// that are 0 or empty are left out.
struct RecordWriter: ~Copyable {
    private var storage: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 256 * 1024) {
        self.capacity = max(capacity, 64)
        storage = .allocate(capacity: self.capacity)
    }

    deinit { storage.deallocate() }

    /// What was written; valid until the next change.
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: storage, count: count) }

    mutating func clear() { count = 0 }

    /// A field of eight bytes for each number, one after the other.
    mutating func words(_ field: UInt32, _ values: ArraySlice<UInt64>) {
        if values.isEmpty { return }
        reserve(15 + 8 * values.count)
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(8 * values.count))
        for value in values {
            UnsafeMutableRawPointer(storage + count).storeBytes(of: value.littleEndian, as: UInt64.self)
            count &+= 8
        }
    }

    /// Drops bytes from the front.
    mutating func removeFirst(_ length: Int) {
        memmove(storage, storage + length, count - length)
        count -= length
    }

    private mutating func reserve(_ length: Int) {
        if capacity - count >= length { return }
        var larger = capacity
        while larger - count < length { larger *= 2 }
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        memory.update(from: storage, count: count)
        storage.deallocate()
        storage = memory
        capacity = larger
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            storage[count] = UInt8(truncatingIfNeeded: rest) | 0x80
            count &+= 1
            rest >>= 7
        }
        storage[count] = UInt8(truncatingIfNeeded: rest)
        count &+= 1
    }

    mutating func number(_ field: UInt32, _ value: UInt64) {
        if value == 0 { return }
        reserve(15)
        varint(UInt64(field) << 3)
        varint(value)
    }

    mutating func blob(_ field: UInt32, _ start: UnsafePointer<UInt8>, _ length: Int) {
        if length <= 0 { return }
        reserve(length + 15)
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(length))
        memcpy(storage + count, start, length)
        count += length
    }

    mutating func text(_ field: UInt32, _ value: String) {
        var value = value
        value.withUTF8 { if let base = $0.baseAddress { blob(field, base, $0.count) } }
    }

    /// Begins a record within a record; its length is filled in by `end`.
    mutating func begin(_ field: UInt32) -> Int {
        reserve(9)
        varint(UInt64(field) << 3 | 2)
        count += 4
        return count
    }

    /// A length of four bytes, the shorter ones padded: a varint may be.
    mutating func end(_ start: Int) {
        var length = UInt32(truncatingIfNeeded: count - start)
        for i in 0..<4 {
            storage[start - 4 + i] = UInt8(truncatingIfNeeded: length & 0x7F) | (i < 3 ? 0x80 : 0)
            length >>= 7
        }
    }

    /// Begins a record of the stream: four bytes of length, little endian, stand before each.
    mutating func beginFrame() -> Int {
        reserve(4)
        count += 4
        return count
    }

    mutating func endFrame(_ start: Int) {
        let length = UInt32(truncatingIfNeeded: count - start)
        for i in 0..<4 { storage[start - 4 + i] = UInt8(truncatingIfNeeded: length >> UInt32(8 * i)) }
    }
}
