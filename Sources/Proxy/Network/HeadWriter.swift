import CLinux

/// Writes the pieces of a message's head one behind the other, where `OutputScratch.open` made room for all of them: a place in
/// memory and nothing else, so that it stays in a register. What it writes may reach some bytes behind the last piece.
struct HeadWriter {
    /// Where the next byte goes.
    private(set) var p: UnsafeMutablePointer<UInt8>

    /// Room for what pieces reach behind their ends.
    static let slack = 32

    init(_ start: UnsafeMutablePointer<UInt8>) { p = start }

    @inline(__always)
    mutating func put(_ text: StaticString) {
        UnsafeMutableRawPointer(p).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        p += text.utf8CodeUnitCount
    }

    /// A text of the configuration.
    @inline(__always)
    mutating func put(_ text: Bytes) {
        cl_copy(p, text.start, text.count)
        p += text.count
    }

    @inline(__always)
    mutating func put(_ byte: UInt8) {
        p.pointee = byte
        p += 1
    }

    /// `count` bytes of a message from `start` on.
    @inline(__always)
    mutating func put(_ head: UnsafePointer<UInt8>, _ start: UInt32, _ count: UInt32, readable: Int) {
        cl_put(p, head, Int(start), Int(count), readable)
        p += Int(count)
    }

    /// A field of a message, with its name in lower case.
    @inline(__always)
    mutating func put(_ field: UnsafePointer<HeaderField>, of head: UnsafePointer<UInt8>, readable: Int) {
        let name = Int(field.pointee.name)
        let lineEnd = Int(field.pointee.value) &+ Int(field.pointee.valueLength) &+ 2
        if field.pointee.isPlain, lineEnd &+ 15 <= readable {
            cl_put_line(p, head + name, Int(field.pointee.nameLength), lineEnd &- name)
            p += lineEnd &- name
        } else {
            p = Self.putApart(p, field.pointee, head)
        }
    }

    /// Name and value each for itself.
    @inline(never)
    private static func putApart(
        _ start: UnsafeMutablePointer<UInt8>, _ field: HeaderField, _ head: UnsafePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var writer = HeadWriter(start)
        cl_copy_lower(writer.p, head + Int(field.name), Int(field.nameLength))
        writer.p += Int(field.nameLength)
        writer.put(": ")
        cl_copy(writer.p, head + Int(field.value), Int(field.valueLength))
        writer.p += Int(field.valueLength)
        writer.put("\r\n")
        return writer.p
    }

    @inline(__always)
    mutating func put(decimal value: UInt64) {
        if value < 10 { return put(48 &+ UInt8(truncatingIfNeeded: value)) }
        p = Self.putLong(p, value)
    }

    @inline(never)
    private static func putLong(
        _ start: UnsafeMutablePointer<UInt8>, _ value: UInt64
    ) -> UnsafeMutablePointer<UInt8> {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits &+= 1
            rest /= 10
        }
        rest = value
        var i = digits
        while i > 0 {
            i &-= 1
            start[i] = 48 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return start + digits
    }

    /// A UUID in its text form, from 128 bits of which the version and the variant are set already.
    @inline(__always)
    mutating func put(uuid bits: (UInt64, UInt64)) {
        cl_put_uuid(p, bits.0, bits.1)
        p += 36
    }
}
