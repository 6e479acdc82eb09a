import Glibc

/// A queue of bytes that grows: appended at the end, consumed at the front.
struct Buffer: ~Copyable {
    private var storage: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var start = 0
    private var end = 0

    init(capacity: Int) {
        storage = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { storage.deallocate() }

    var count: Int { end - start }
    var isEmpty: Bool { start == end }
    /// Valid until the next change.
    var bytes: UnsafePointer<UInt8> { UnsafePointer(storage + start) }

    /// Room for `length` bytes at the end; `commit` says how many of them were written.
    mutating func room(_ length: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - end < length {
            let used = count
            if capacity - used >= length {
                memmove(storage, storage + start, used)
            } else {
                while capacity - used < length { capacity *= 2 }
                let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
                memcpy(larger, storage + start, used)
                storage.deallocate()
                storage = larger
            }
            start = 0
            end = used
        }
        return storage + end
    }

    mutating func commit(_ length: Int) { end += length }

    mutating func consume(_ length: Int) {
        start += length
        if start == end {
            start = 0
            end = 0
        }
    }

    mutating func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        memcpy(room(length), bytes, length)
        commit(length)
    }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { if let base = $0.baseAddress { append(base, $0.count) } }
    }

    mutating func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    mutating func append(number: Int, radix: Int = 10) {
        append(Array(String(number, radix: radix).utf8))
    }
}
