import Glibc

/// Where a worker gathers the bytes of one message before they go out in one call. One per worker, empty between uses.
final class OutputScratch {
    private struct Content: BitwiseCopyable {
        var bytes: UnsafeMutablePointer<UInt8>
        var count: Int
        var capacity: Int
    }
    private let content: UnsafeMutablePointer<Content>

    init(capacity: Int) {
        content = .allocate(capacity: 1)
        content.initialize(to: Content(bytes: .allocate(capacity: capacity), count: 0, capacity: capacity))
    }

    deinit {
        content.pointee.bytes.deallocate()
        content.deallocate()
    }

    @inline(__always) var bytes: UnsafeMutablePointer<UInt8> { content.pointee.bytes }
    @inline(__always) var count: Int { content.pointee.count }
    @inline(__always) var isEmpty: Bool { content.pointee.count == 0 }
    @inline(__always) func clear() { content.pointee.count = 0 }
    /// Drops what stands behind `count` bytes.
    @inline(__always) func truncate(to count: Int) { content.pointee.count = count }

    /// Makes room for `length` more bytes. Heads fit without it; it grows for the odd large one.
    @inline(__always)
    func reserve(_ length: Int) {
        if content.pointee.capacity &- content.pointee.count < length { grow(length) }
    }

    @inline(never)
    private func grow(_ length: Int) {
        let capacity = max(content.pointee.capacity * 2, content.pointee.count + length)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: content.pointee.bytes, count: content.pointee.count)
        content.pointee.bytes.deallocate()
        content.pointee.bytes = larger
        content.pointee.capacity = capacity
    }

    @inline(__always)
    func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
        reserve(length)
        memcpy(content.pointee.bytes + content.pointee.count, source, length)
        content.pointee.count &+= length
    }

    /// Counts bytes that were written behind `bytes + count` after `reserve`.
    @inline(__always) func advance(_ length: Int) { content.pointee.count &+= length }

    @inline(__always) func append(_ text: Bytes) { append(text.start, text.count) }

    @inline(__always)
    func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    @inline(__always)
    func append(byte: UInt8) {
        reserve(1)
        content.pointee.bytes[content.pointee.count] = byte
        content.pointee.count &+= 1
    }

    /// Folds A–Z to lower case on the way: Envoy writes header names so.
    @inline(__always)
    func appendLower(_ source: UnsafePointer<UInt8>, _ length: Int) {
        reserve(length)
        ASCII.copyLower(content.pointee.bytes + content.pointee.count, source, length)
        content.pointee.count &+= length
    }

    func append(decimal value: UInt64) {
        reserve(20)
        var digits = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            digits &+= 1
        }
        rest = value
        var p = content.pointee.count &+ digits
        content.pointee.count = p
        repeat {
            p &-= 1
            content.pointee.bytes[p] = 48 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }

    /// Lower-case hexadecimal without leading zeros: the size of a chunk.
    func append(hex value: UInt64) {
        reserve(16)
        var shift = value == 0 ? 0 : (63 &- value.leadingZeroBitCount) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: (value >> UInt64(shift)) & 15)
            content.pointee.bytes[content.pointee.count] = digit < 10 ? 48 &+ digit : 87 &+ digit
            content.pointee.count &+= 1
            shift &-= 4
        }
    }

    /// `name: value` and CRLF.
    @inline(__always)
    func field(_ name: StaticString, _ value: Bytes) {
        append(name)
        append(value)
        append("\r\n")
    }
}
