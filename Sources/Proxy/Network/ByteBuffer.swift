import CLinux
import Glibc

/// Bytes that a connection could not pass on yet. Plain data: the owner frees it. An empty one holds no memory, so an
/// idle connection costs its slot only.
struct ByteBuffer: BitwiseCopyable {
    private var storage: UnsafeMutablePointer<UInt8>?
    private var capacity: Int = 0
    private var start: Int = 0
    private var end: Int = 0

    var count: Int { end &- start }
    var isEmpty: Bool { end == start }
    /// The bytes; valid until the next change.
    var bytes: UnsafeMutablePointer<UInt8> { storage.unsafelyUnwrapped + start }

    init() {}

    mutating func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
        if length <= 0 { return }
        reserve(length)
        cl_copy_long(storage.unsafelyUnwrapped + end, source, length)
        end &+= length
    }

    private mutating func reserve(_ length: Int) {
        if capacity &- end >= length { return }
        let used = count
        if start > 0, capacity &- used >= length, start >= used {
            cl_copy_long(storage.unsafelyUnwrapped, storage.unsafelyUnwrapped + start, used)
        } else {
            var larger = max(capacity, 512)
            while larger &- used < length { larger &*= 2 }
            guard let memory = malloc(larger) else { fatalError("out of memory for \(larger) bytes of a connection") }
            let bytes = memory.assumingMemoryBound(to: UInt8.self)
            if used > 0 { cl_copy_long(bytes, storage.unsafelyUnwrapped + start, used) }
            Glibc.free(storage)
            storage = bytes
            capacity = larger
        }
        start = 0
        end = used
    }

    /// Drops bytes from the front; gives the memory back with the last one.
    mutating func consume(_ length: Int) {
        start &+= length
        if start >= end { free() }
    }

    /// Replaces the content.
    @inline(__always)
    mutating func set(_ source: UnsafePointer<UInt8>, _ length: Int) {
        if length <= 0 { free() } else { keep(source, length) }
    }

    @inline(never)
    private mutating func keep(_ source: UnsafePointer<UInt8>, _ length: Int) {
        start = 0
        end = 0
        append(source, length)
    }

    @inline(__always)
    mutating func free() {
        if storage != nil { giveBack() }
    }

    @inline(never)
    private mutating func giveBack() {
        Glibc.free(storage)
        storage = nil
        capacity = 0
        start = 0
        end = 0
    }
}
