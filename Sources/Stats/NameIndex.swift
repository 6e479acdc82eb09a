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

    private(set) var entries: [Entry] = []
    /// The rest of the memory that names are copied into.
    private var room = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
    /// Upper half: of the hash; lower half: position plus one; 0: empty. A power of two, at most half full.
    private var table = [UInt64](repeating: 0, count: 1024)

    /// The position of a stat, nil when there is none.
    func find(_ kind: StatKind, _ name: UnsafeBufferPointer<UInt8>) -> Int? {
        let hash = Self.hash(kind, name)
        let mask = table.count - 1
        var at = Int(truncatingIfNeeded: hash) & mask
        while table[at] != 0 {
            if table[at] >> 32 == hash >> 32 {
                let position = Int(table[at] & 0xffff_ffff) - 1
                let entry = entries[position]
                if entry.kind == kind, Int(entry.nameLength) == name.count,
                    memcmp(entry.name, name.baseAddress!, name.count) == 0
                {
                    return position
                }
            }
            at = (at + 1) & mask
        }
        return nil
    }

    /// Adds a stat that is not there yet; returns its position.
    mutating func add(_ entry: Entry) -> Int {
        if (entries.count + 1) * 2 > table.count { grow() }
        var entry = entry
        entry.name = copy(entry.nameBytes)
        entries.append(entry)
        place(entries.count - 1)
        return entries.count - 1
    }

    private mutating func copy(_ name: UnsafeBufferPointer<UInt8>) -> UnsafePointer<UInt8> {
        if room.count < name.count { room = .allocate(capacity: max(65536, name.count)) }
        let start = room.baseAddress!
        start.update(from: name.baseAddress!, count: name.count)
        room = UnsafeMutableBufferPointer(rebasing: room[name.count...])
        return UnsafePointer(start)
    }

    private mutating func place(_ position: Int) {
        let hash = Self.hash(entries[position].kind, entries[position].nameBytes)
        let mask = table.count - 1
        var at = Int(truncatingIfNeeded: hash) & mask
        while table[at] != 0 { at = (at + 1) & mask }
        table[at] = (hash & ~0xffff_ffff) | UInt64(position + 1)
    }

    private mutating func grow() {
        table = [UInt64](repeating: 0, count: table.count * 4)
        for position in entries.indices { place(position) }
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
