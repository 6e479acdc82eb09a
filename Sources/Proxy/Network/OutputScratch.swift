import CLinux
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
    /// Empties it, and gives memory back that goes beyond `capacity`.
    func giveBack(capacity: Int) {
        clear()
        guard content.pointee.capacity > capacity else { return }
        content.pointee.bytes.deallocate()
        content.pointee.bytes = .allocate(capacity: capacity)
        content.pointee.capacity = capacity
    }

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

    /// The same for what may be long.
    @inline(__always)
    func append(body source: UnsafePointer<UInt8>, _ length: Int) {
        reserve(length)
        cl_copy_long(content.pointee.bytes + content.pointee.count, source, length)
        content.pointee.count &+= length
    }

    /// Where the next byte goes, with room for `length` of them: for who writes many short pieces and knows how much they are
    /// at most. Nothing else is appended until `close`.
    @inline(__always)
    func open(_ length: Int) -> HeadWriter {
        reserve(length &+ HeadWriter.slack)
        return HeadWriter(content.pointee.bytes + content.pointee.count)
    }

    @inline(__always)
    func close(_ writer: HeadWriter) { content.pointee.count = writer.p - content.pointee.bytes }

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
        cl_copy_lower(content.pointee.bytes + content.pointee.count, source, length)
        content.pointee.count &+= length
    }

    @inline(__always)
    func append(decimal value: UInt64) {
        if value < 10 { return append(byte: 48 &+ UInt8(truncatingIfNeeded: value)) }
        append(longDecimal: value)
    }

    private func append(longDecimal value: UInt64) {
        reserve(20)
        let digits = Self.digits(value)
        var rest = value
        var p = content.pointee.count &+ digits
        content.pointee.count = p
        repeat {
            p &-= 1
            content.pointee.bytes[p] = 48 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }

    /// Decimal digits of a number: most are short.
    @inline(__always)
    private static func digits(_ value: UInt64) -> Int {
        var digits = 1
        var next: UInt64 = 10
        while value >= next {
            digits &+= 1
            // 10^20 does not fit.
            if digits == 20 { break }
            next = next &* 10
        }
        return digits
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

    /// A field of a message that is passed on: its name in lower case. Once in the program, as its callers stay in the
    /// processor's cache of instructions so.
    @inline(never)
    func append(_ field: HeaderField, of base: UnsafePointer<UInt8>) {
        let nameLength = Int(field.nameLength)
        let valueLength = Int(field.valueLength)
        reserve(nameLength &+ valueLength &+ 4)
        let name = content.pointee.bytes + content.pointee.count
        cl_copy_lower(name, base + Int(field.name), nameLength)
        let value = name + nameLength + 2
        value[-2] = ASCII.colon
        value[-1] = ASCII.space
        cl_copy(value, base + Int(field.value), valueLength)
        value[valueLength] = ASCII.cr
        value[valueLength &+ 1] = ASCII.lf
        content.pointee.count &+= nameLength &+ valueLength &+ 4
    }

    /// `name: value` and CRLF.
    @inline(__always)
    func field(_ name: StaticString, _ value: Bytes) {
        append(name)
        append(value)
        append("\r\n")
    }
}
