import CLinux
import Glibc

/// Finds stats by kind and name: open addressing over entries that point at names in memory of its own (what lies in the
/// region may be cut off under us). Building it for 100 000 names makes no string. Names stay where they are for as long
/// as the process lives.
struct NameIndex {
    /// One stat: plain data.
    struct Entry {
        var name: UnsafePointer<UInt8>
        var nameLength: UInt32
        /// Its first cell in every plane of the region; `nowhere`: it lives on the heap.
        var value: UInt32
        var kind: StatKind
        var unit: StatUnit
        var gaugeImport: GaugeImport
        var flags: StatFlags
        /// Where its record says who uses it; nil on the heap.
        var used: UnsafeMutablePointer<UInt64>?

        static let nowhere = UInt32.max
        var isInRegion: Bool { value != Self.nowhere }
        var nameBytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: name, count: Int(nameLength)) }
        var nameText: String { String(decoding: nameBytes, as: UTF8.self) }
    }

    /// What `find` found.
    struct Found {
        var position: Int
        /// It was marked with `take`.
        var isTaken: Bool
    }

    /// A place of the table: all that a search needs but the name, so that one that finds reads two places in memory.
    private struct Place: BitwiseCopyable {
        /// Of the hash; its lower bits say where the search begins.
        var fragment: UInt32 = 0
        /// Position plus one, 0: empty.
        var number: UInt32 = 0
        /// The name; its `Head` stands before it.
        var name: UnsafeMutablePointer<UInt8>?
    }

    /// What stands before each name.
    private struct Head {
        var length: UInt32
        var kind: StatKind
        var isTaken: Bool
    }
    private static let headLength = 8

    private(set) var entries: [Entry] = []
    /// The rest of the memory that names are copied into.
    private var room = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
    /// A power of two, at most half full.
    private var table = [Place](repeating: Place(), count: 1024)

    /// Stats on their way in, a ring: see `addLater`.
    private let queue = UnsafeMutablePointer<(entry: Entry, hash: UInt64)>.allocate(capacity: queueLength)
    private var queued = 0
    private var queueStart = 0
    private static let queueLength = 16

    /// Makes room for so many stats in all.
    mutating func reserve(_ count: Int) {
        guard count > entries.count else { return }
        entries.reserveCapacity(count)
        var places = table.count
        while places < 2 * (count + 1) { places *= 2 }
        if places > table.count { resize(places) }
    }

    /// The position of a stat, nil when there is none.
    func find(_ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>) -> Found? {
        find(kind, name, Self.hash(kind, name)).found
    }

    /// Where it is, or where it would be.
    @inline(__always)
    private func find(
        _ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>, _ hash: UInt64
    ) -> (found: Found?, at: Int) {
        let fragment = UInt32(truncatingIfNeeded: hash)
        return table.withUnsafeBufferPointer { table in
            let mask = table.count - 1
            var at = Int(fragment) & mask
            while true {
                let place = table[at]
                guard place.number != 0, let known = place.name else { return (nil, at) }
                if place.fragment == fragment {
                    let head = Self.head(known).pointee
                    if head.kind == kind, Int(head.length) == name.count,
                        memcmp(known, name.baseAddress!, name.count) == 0
                    {
                        return (Found(position: Int(place.number) - 1, isTaken: head.isTaken), at)
                    }
                }
                at = (at + 1) & mask
            }
        }
    }

    private static func head(_ name: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<Head> {
        UnsafeMutableRawPointer(name - headLength).assumingMemoryBound(to: Head.self)
    }

    /// Adds a stat, unless there is one of that kind and name; returns its position.
    mutating func add(_ entry: Entry) -> Int { add(entry, Self.hash(entry.kind, entry.nameBytes)) }

    /// Adds a stat when its place in the table has come from memory, which is what adding many in a row waits for. Its name
    /// must stay until `addQueued`.
    mutating func addLater(_ entry: Entry) {
        if queued == Self.queueLength { addFirstQueued() }
        let hash = Self.hash(entry.kind, entry.nameBytes)
        table.withUnsafeBufferPointer {
            cl_prefetch($0.baseAddress! + Int(UInt32(truncatingIfNeeded: hash)) & ($0.count - 1))
        }
        (queue + (queueStart + queued) % Self.queueLength).initialize(to: (entry, hash))
        queued += 1
    }

    /// Adds those that wait.
    mutating func addQueued() { while queued > 0 { addFirstQueued() } }

    private mutating func addFirstQueued() {
        let first = queue[queueStart]
        queueStart = (queueStart + 1) % Self.queueLength
        queued -= 1
        _ = add(first.entry, first.hash)
    }

    private mutating func add(_ entry: Entry, _ hash: UInt64) -> Int {
        if (entries.count + 1) * 2 > table.count { resize(table.count * 4) }
        let (found, at) = find(entry.kind, entry.nameBytes, hash)
        if let found { return found.position }
        let name = copy(entry)
        var entry = entry
        entry.name = UnsafePointer(name)
        entries.append(entry)
        table[at] = Place(
            fragment: UInt32(truncatingIfNeeded: hash), number: UInt32(truncatingIfNeeded: entries.count), name: name)
        return entries.count - 1
    }

    /// Marks a stat, for `Found.isTaken`.
    func take(_ position: Int) {
        Self.head(UnsafeMutablePointer(mutating: entries[position].name)).pointee.isTaken = true
    }

    /// Takes all marks away.
    func forgetTaken() {
        for entry in entries { Self.head(UnsafeMutablePointer(mutating: entry.name)).pointee.isTaken = false }
    }

    private mutating func copy(_ entry: Entry) -> UnsafeMutablePointer<UInt8> {
        // Heads are aligned.
        let length = (Self.headLength + Int(entry.nameLength) + 7) & ~7
        if room.count < length { room = .allocate(capacity: max(65536, length)) }
        let start = room.baseAddress! + Self.headLength
        Self.head(start).initialize(to: Head(length: entry.nameLength, kind: entry.kind, isTaken: false))
        start.update(from: entry.name, count: Int(entry.nameLength))
        room = UnsafeMutableBufferPointer(rebasing: room[length...])
        return start
    }

    private mutating func resize(_ count: Int) {
        let old = table
        table = [Place](repeating: Place(), count: count)
        table.withUnsafeMutableBufferPointer { table in
            for place in old where place.number != 0 {
                var at = Int(place.fragment) & (count - 1)
                while table[at].number != 0 { at = (at + 1) & (count - 1) }
                table[at] = place
            }
        }
    }

    /// Eight bytes a step; names come from the configuration, which is the operator's, so nothing has to withstand an
    /// attacker who picks them.
    static func hash(_ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash = UInt64(kind.rawValue) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(name.count)
        let bytes = UnsafeRawPointer(name.baseAddress!)
        var i = 0
        while i + 8 <= name.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
            hash ^= hash >> 32
            i += 8
        }
        var rest: UInt64 = 0
        while i < name.count {
            rest = rest << 8 | UInt64(name[i])
            i += 1
        }
        hash = (hash ^ rest) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 29
    }
}
