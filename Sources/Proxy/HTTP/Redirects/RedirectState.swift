/// What a request carries whose answers are followed (`internal_redirect_policy`), in the worker's slab for such. Most have none.
struct RedirectState: BitwiseCopyable {
    /// `RedirectPolicyRecord` of its route, in the memory of the configuration …
    private(set) var compiled: Bytes?
    /// … or came from another process.
    private var kept = ByteBuffer()
    /// How often it was sent elsewhere.
    var count: UInt32 = 0
    /// Where routes have sent it that mind it: the names of route and target, each behind its length in four bytes.
    var previous = ByteBuffer()

    init() {}

    init(_ record: RedirectRecord) {
        if let start = record.policy.start { kept.append(start, record.policy.count) }
        if let start = record.previous.start { previous.append(start, record.previous.count) }
        count = record.count
    }

    /// Empty: its route has none.
    var policy: Bytes { compiled ?? (kept.isEmpty ? Bytes("") : Bytes(kept.bytes, kept.count)) }

    mutating func setPolicy(_ record: Bytes?) {
        kept.free()
        compiled = record
    }

    mutating func free() {
        kept.free()
        previous.free()
    }

    /// Notes that a route sends it to another; false: it has done so before.
    mutating func notePrevious(_ route: Bytes, _ target: Bytes) -> Bool {
        if !previous.isEmpty {
            var p = 0
            while let from = Self.word(previous, &p), let to = Self.word(previous, &p) {
                if from.isEqual(route), to.isEqual(target) { return false }
            }
        }
        for name in [route, target] {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: name.count).littleEndian) { length in
                if let start = length.baseAddress?.assumingMemoryBound(to: UInt8.self) { previous.append(start, 4) }
            }
            previous.append(name.start, name.count)
        }
        return true
    }

    /// Nil at the end, or where another process has sent something else.
    private static func word(_ list: ByteBuffer, _ p: inout Int) -> Bytes? {
        guard list.count - p >= 4 else { return nil }
        let length = UnsafeRawPointer(list.bytes + p).loadUnaligned(as: UInt32.self).littleEndian
        p += 4
        guard UInt64(list.count - p) >= UInt64(length) else { return nil }
        defer { p += Int(length) }
        return Bytes(list.bytes + p, Int(length))
    }
}
