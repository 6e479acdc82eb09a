import CLinux

/// The order of names: by their bytes, as Envoy sorts them. Many names share long beginnings, so that comparing them in
/// pairs costs most of a dump: they are sorted by eight bytes at a time instead, and only what is equal goes on.
enum NameOrder {
    /// Names one after the other.
    struct Names {
        fileprivate var bytes: [UInt8] = []
        fileprivate var starts: [Int] = [0]

        init(capacity: Int = 0, bytes: Int = 0) {
            self.bytes.reserveCapacity(bytes)
            starts.reserveCapacity(capacity + 1)
        }

        var count: Int { starts.count - 1 }

        mutating func append(_ name: String) {
            if name.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
                bytes.append(contentsOf: name.utf8)
            }
            starts.append(bytes.count)
        }

        /// Where each name goes: the index of the first name, of the second, …. Equal names keep their order.
        func sorted() -> [Int] {
            bytes.withUnsafeBufferPointer { bytes in
                starts.withUnsafeBufferPointer { starts in
                    var items = (0..<count).map { Item(key: 0, index: $0) }
                    items.withUnsafeMutableBufferPointer { items in
                        sort(items, depth: 0, Sources(bytes: bytes, starts: starts))
                    }
                    return items.map(\.index)
                }
            }
        }
    }

    private struct Item {
        var key: UInt64
        var index: Int
    }

    private struct Sources {
        var bytes: UnsafeBufferPointer<UInt8>
        var starts: UnsafeBufferPointer<Int>

        @inline(__always)
        func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }

        /// Eight bytes from `depth` on as a number that sorts as they do; zeros past the end.
        @inline(__always)
        func key(_ index: Int, _ depth: Int) -> UInt64 {
            let at = starts[index] + depth
            let left = starts[index + 1] - at
            guard left > 0 else { return 0 }
            if left >= 8 {
                return UInt64(bigEndian: UnsafeRawPointer(bytes.baseAddress! + at).loadUnaligned(as: UInt64.self))
            }
            var key: UInt64 = 0
            for i in 0..<left { key |= UInt64(bytes[at + i]) << UInt64(56 - 8 * i) }
            return key
        }

        /// Whether `a` comes before `b`; both are equal up to `depth`.
        func precedes(_ a: Item, _ b: Item, _ depth: Int) -> Bool {
            let (left, right) = (length(a.index), length(b.index))
            let common = min(left, right)
            if common > depth {
                let base = bytes.baseAddress!
                let order = memcmp(
                    base + starts[a.index] + depth, base + starts[b.index] + depth, common - depth)
                if order != 0 { return order < 0 }
            }
            return left != right ? left < right : a.index < b.index
        }
    }

    private static func sort(_ all: UnsafeMutableBufferPointer<Item>, depth: Int, _ names: Sources) {
        var items = all
        var depth = depth
        while true {
            guard items.count > 12 else { return items.sort { names.precedes($0, $1, depth) } }
            var isOne = true
            var isEnded = false
            for i in items.indices {
                items[i].key = names.key(items[i].index, depth)
                isOne = isOne && items[i].key == items[0].key
                isEnded = isEnded || names.length(items[i].index) <= depth + 8
            }
            guard isOne else { break }
            // Zeros past an end look like zeros of a name, so that those that have ended are compared in full.
            if isEnded { return items.sort { names.precedes($0, $1, depth) } }
            depth += 8
        }
        items.sort { $0.key < $1.key }
        var start = 0
        for end in 1...items.count where end == items.count || items[end].key != items[start].key {
            if end - start > 1 {
                var group = UnsafeMutableBufferPointer(rebasing: items[start..<end])
                // Their first eight bytes from here on are the same, unless one has ended.
                let isEnded = group.contains { names.length($0.index) <= depth + 8 }
                if isEnded {
                    group.sort { names.precedes($0, $1, depth) }
                } else {
                    sort(group, depth: depth + 8, names)
                }
            }
            start = end
        }
    }
}

extension String {
    /// Whether it comes before `other` by its bytes.
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
