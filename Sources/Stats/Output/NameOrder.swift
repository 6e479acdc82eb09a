import CLinux

/// The order of names: by their bytes, as Envoy sorts them. Many names share long beginnings, so that comparing them in
/// pairs costs most of a dump: what they share is passed over, the next eight bytes are sorted as one number, and only
/// names that have those in common too go on.
enum NameOrder {
    /// A name and its place among those that are sorted.
    struct Item {
        /// The eight bytes that are being looked at.
        fileprivate var key: UInt64 = 0
        fileprivate var start: UnsafePointer<UInt8>
        fileprivate var length: UInt32
        var index: UInt32

        /// The name stays where it is; should somebody change it meanwhile, the order is none, and that is all.
        init(_ name: UnsafeBufferPointer<UInt8>, index: UInt32) {
            start = name.baseAddress!
            length = UInt32(name.count)
            self.index = index
        }
    }

    /// Equal names keep their order.
    static func sort(_ items: UnsafeMutableBufferPointer<Item>) {
        guard items.count > 1 else { return }
        let spare = UnsafeMutablePointer<Item>.allocate(capacity: items.count)
        defer { spare.deallocate() }
        NameSorter(spare: spare).sort(items.baseAddress!, items.count, from: 0)
    }
}

private struct NameSorter {
    typealias Item = NameOrder.Item
    /// As many items as there are: what a distribution by bytes copies into.
    let spare: UnsafeMutablePointer<Item>

    private static let fewItems = 32

    /// - Parameter from: so many bytes are known to be the same in all of them.
    func sort(_ items: UnsafeMutablePointer<Item>, _ count: Int, from: Int) {
        let depth = sharedLength(items, count, from: from)
        for i in 0..<count {
            if i &+ 12 < count { cl_prefetch(items[i &+ 12].start + depth) }
            items[i].key = key(items[i], depth)
        }
        if count <= Self.fewItems { return insert(items, count, depth) }
        distribute(items, count)
        var start = 0
        for end in 1...count where end == count || items[end].key != items[start].key {
            if end - start > 1 { sortEqual(items + start, end - start, depth) }
            start = end
        }
    }

    /// Items that have the same key at `depth`. Zeros past an end look like zeros of a name, so that where names have
    /// ended all are compared in full.
    private func sortEqual(_ items: UnsafeMutablePointer<Item>, _ count: Int, _ depth: Int) {
        for i in 0..<count where Int(items[i].length) < depth + 8 {
            var group = UnsafeMutableBufferPointer(start: items, count: count)
            return group.sort { precedes($0, $1, depth) }
        }
        sort(items, count, from: depth + 8)
    }

    /// How many bytes all of them begin with.
    private func sharedLength(_ items: UnsafeMutablePointer<Item>, _ count: Int, from: Int) -> Int {
        let first = items[0].start
        var shared = Int(items[0].length)
        for i in 1..<count {
            if i &+ 12 < count { cl_prefetch(items[i &+ 12].start + from) }
            let other = items[i].start
            let limit = min(shared, Int(items[i].length))
            var at = from
            shared = limit
            while at + 8 <= limit {
                let difference = word(first + at) ^ word(other + at)
                if difference != 0 {
                    shared = at + difference.trailingZeroBitCount / 8
                    break
                }
                at += 8
            }
            while at < shared, first[at] == other[at] { at += 1 }
            if at < shared { shared = at }
            if shared <= from { return from }
        }
        return shared
    }

    @inline(__always)
    private func word(_ at: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
    }

    /// Eight bytes from `depth` on as a number that sorts as they do; zeros past the end.
    @inline(__always)
    private func key(_ item: Item, _ depth: Int) -> UInt64 {
        let left = Int(item.length) - depth
        guard left > 0 else { return 0 }
        let at = item.start + depth
        if left >= 8 { return word(at).byteSwapped }
        var key: UInt64 = 0
        for i in 0..<left { key |= UInt64(at[i]) << UInt64(56 - 8 * i) }
        return key
    }

    /// Whether `a` comes before `b`; both are equal up to `depth`.
    private func precedes(_ a: Item, _ b: Item, _ depth: Int) -> Bool {
        let common = Int(min(a.length, b.length))
        if common > depth {
            let order = memcmp(a.start + depth, b.start + depth, common - depth)
            if order != 0 { return order < 0 }
        }
        return a.length != b.length ? a.length < b.length : a.index < b.index
    }

    /// Few items: each is moved to its place among those before it.
    private func insert(_ items: UnsafeMutablePointer<Item>, _ count: Int, _ depth: Int) {
        for i in 1..<count {
            let item = items[i]
            var at = i
            while at > 0,
                item.key < items[at - 1].key || (item.key == items[at - 1].key && precedes(item, items[at - 1], depth))
            {
                items[at] = items[at - 1]
                at -= 1
            }
            items[at] = item
        }
    }

    /// By key, byte by byte from the last one on; a byte that all have in common is passed over. Keeps the order of what
    /// is equal.
    private func distribute(_ items: UnsafeMutablePointer<Item>, _ count: Int) {
        var varying: UInt64 = 0
        for i in 1..<count { varying |= items[i].key ^ items[0].key }
        var (from, to) = (items, spare)
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { places in
            for byte in 0..<8 {
                let shift = UInt64(byte * 8)
                guard varying >> shift & 0xff != 0 else { continue }
                places.update(repeating: 0)
                for i in 0..<count { places[Int(from[i].key >> shift & 0xff)] &+= 1 }
                var sum: UInt32 = 0
                for value in 0..<256 {
                    let here = places[value]
                    places[value] = sum
                    sum &+= here
                }
                for i in 0..<count {
                    let value = Int(from[i].key >> shift & 0xff)
                    to[Int(places[value])] = from[i]
                    places[value] &+= 1
                }
                swap(&from, &to)
            }
        }
        if from != items { items.update(from: from, count: count) }
    }
}

extension String {
    /// Whether it comes before `other` by its bytes.
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
