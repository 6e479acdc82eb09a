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
    /// Which of them are histograms: few among many, and asked for at each flush.
    private(set) var histograms: [Int] = []
    /// The rest of the memory that names are copied into.
    private var room = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
    /// A power of two, at most half full.
    private var table = Table(1024)

    /// Places in memory of their own. What nobody has used takes no memory, however large it is.
    private final class Table {
        let places: UnsafeMutableBufferPointer<Place>

        init(_ count: Int) {
            guard let memory = cl_map_zeros(count * MemoryLayout<Place>.stride) else {
                fatalError("no memory for a table of \(count) names of stats")
            }
            places = UnsafeMutableBufferPointer(
                start: memory.bindMemory(to: Place.self, capacity: count), count: count)
        }

        deinit { cl_unmap(places.baseAddress!, places.count * MemoryLayout<Place>.stride) }
    }

    /// Stats on their way in, a ring: see `addLater`.
    private let queue = UnsafeMutablePointer<(entry: Entry, hash: UInt64)>.allocate(capacity: queueLength)
    private var queued = 0
    private var queueStart = 0
    private static let queueLength = 16

    /// Makes room for so many stats in all.
    mutating func reserve(_ count: Int) {
        guard count > entries.count else { return }
        entries.reserveCapacity(count)
        var places = table.places.count
        while places < 2 * (count + 1) { places *= 2 }
        if places > table.places.count { resize(places) }
    }

    /// The position of a stat, nil when there is none.
    func find(_ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>) -> Found? {
        search(kind, name, Self.hash(kind, name)).found
    }

    /// The same, of a name whose hash is known.
    func find(_ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Found? {
        search(kind, name, hash).found
    }

    /// What stands at a position, if it is this stat: names that were made one after the other stand so.
    @inline(__always)
    func found(at position: Int, _ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>) -> Found? {
        guard position < entries.count else { return nil }
        let known = UnsafeMutablePointer(mutating: entries[position].name)
        let head = Self.head(known).pointee
        guard head.kind == kind, Int(head.length) == name.count, memcmp(known, name.baseAddress!, name.count) == 0
        else { return nil }
        return Found(position: position, isTaken: head.isTaken)
    }

    /// Begins to fetch the place of a name that will be looked for soon.
    @inline(__always)
    func prefetch(_ hash: UInt64) {
        let places = table.places
        cl_prefetch(places.baseAddress! + Int(UInt32(truncatingIfNeeded: hash)) & (places.count - 1))
    }

    /// Where it is, or where it would be.
    @inline(__always)
    private func search(
        _ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>, _ hash: UInt64
    ) -> (found: Found?, at: Int) {
        let fragment = UInt32(truncatingIfNeeded: hash)
        let places = table.places
        let mask = places.count - 1
        var at = Int(fragment) & mask
        while true {
            let place = places[at]
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
        prefetch(hash)
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

    /// The same, of a name whose hash is known.
    mutating func add(_ entry: Entry, _ hash: UInt64) -> Int {
        if (entries.count + 1) * 2 > table.places.count { resize(table.places.count * 4) }
        let (found, at) = search(entry.kind, entry.nameBytes, hash)
        if let found { return found.position }
        let name = copy(entry)
        var entry = entry
        entry.name = UnsafePointer(name)
        if entry.kind == .histogram { histograms.append(entries.count) }
        entries.append(entry)
        table.places[at] = Place(
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
        table = Table(count)
        let places = table.places
        for place in old.places where place.number != 0 {
            var at = Int(place.fragment) & (count - 1)
            while places[at].number != 0 { at = (at + 1) & (count - 1) }
            places[at] = place
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
