import ProxyConfig

/// Domains of virtual hosts as a hash table: open addressing over bytes without their case.
///
/// A table of whole domains is asked for all of an authority. One of `*.example.com` or `example.*` is asked for the
/// longest of them that an authority ends or begins with: the hash goes on from one length to the next, and a look-up is
/// made at lengths that a domain has, so that it costs what the authority's length does, however many domains there are.
struct DomainTable: BitwiseCopyable, @unchecked Sendable {
    /// From where the bytes are hashed.
    enum End { case front, back }

    private struct Slot: BitwiseCopyable {
        var text: Bytes
        /// -1: the slot is free.
        var value: Int32
        var hash: UInt32
    }
    // In the memory of the configuration (`KeptMemory`).
    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    /// Of the domains, each once, the shortest first.
    private let lengths: UnsafeMutablePointer<Int>
    private let lengthCount: Int
    private let isReversed: Bool

    let isEmpty: Bool

    /// - Parameter domains: texts without their `*`, each once, and values from 0.
    init(_ domains: [(text: String, value: Int32)], from end: End = .front) {
        var capacity = 4
        while capacity < domains.count * 2 { capacity *= 2 }
        mask = capacity - 1
        slots = .kept(capacity: capacity)
        slots.initialize(repeating: Slot(text: Bytes(""), value: -1, hash: 0), count: capacity)
        isReversed = end == .back
        isEmpty = domains.isEmpty
        let known = Set(domains.map(\.text.utf8.count)).sorted()
        lengths = .kept(capacity: max(known.count, 1))
        lengths.initialize(from: known, count: known.count)
        lengthCount = known.count
        for domain in domains {
            let text = Bytes(folding: domain.text)
            let hash = self.hash(Self.seed, text.start, text.count, 0, text.count)
            var i = Self.fold(hash) & mask
            while slots[i].value >= 0 { i = (i + 1) & mask }
            slots[i] = Slot(text: text, value: domain.value, hash: UInt32(truncatingIfNeeded: hash))
        }
    }

    /// The value of a text, ignoring its case, or -1.
    func find(_ text: UnsafePointer<UInt8>, _ length: Int) -> Int32 {
        guard lengthCount > 0, length >= lengths[0], length <= lengths[lengthCount - 1] else { return -1 }
        return look(hash(Self.seed, text, length, 0, length), text, length)
    }

    /// The value of the longest domain that is a part of the text, at the table's end of it, and not all of it; or -1.
    func longest(_ text: UnsafePointer<UInt8>, _ length: Int) -> Int32 {
        var found: Int32 = -1
        var hash = Self.seed
        var done = 0
        for i in 0..<lengthCount {
            let wanted = lengths[i]
            guard wanted < length else { break }
            hash = self.hash(hash, text, length, done, wanted)
            done = wanted
            let value = look(hash, isReversed ? text + (length - wanted) : text, wanted)
            if value >= 0 { found = value }
        }
        return found
    }

    @inline(__always)
    private func look(_ hash: UInt64, _ text: UnsafePointer<UInt8>, _ length: Int) -> Int32 {
        var i = Self.fold(hash) & mask
        // There is always a free slot: half of them are.
        while slots[i].value >= 0 {
            let slot = slots + i
            if slot.pointee.hash == UInt32(truncatingIfNeeded: hash), slot.pointee.text.count == length,
                foldedEqual(text, slot.pointee.text.start, length)
            {
                return slot.pointee.value
            }
            i = (i + 1) & mask
        }
        return -1
    }

    private static let seed: UInt64 = 0xCBF2_9CE4_8422_2325

    /// FNV-1a over the folded bytes `from..<to`, counted from the table's end of the text.
    @inline(__always)
    private func hash(
        _ begin: UInt64, _ text: UnsafePointer<UInt8>, _ length: Int, _ from: Int, _ to: Int
    ) -> UInt64 {
        var value = begin
        for i in from..<to {
            let byte = isReversed ? text[length - 1 - i] : text[i]
            value = (value ^ UInt64(ASCII.lower(byte))) &* 0x100_0000_01B3
        }
        return value
    }

    @inline(__always) private static func fold(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash ^ (hash >> 32)) }
}

/// The domains of virtual hosts by kind, with the hosts' positions; wildcards without their `*`.
struct DomainNames {
    private(set) var whole: [(text: String, value: Int32)] = []
    private(set) var suffixes: [(text: String, value: Int32)] = []
    private(set) var prefixes: [(text: String, value: Int32)] = []
    /// The host of `*`, -1 for none.
    private(set) var fallback: Int32 = -1

    init(_ hosts: [VirtualHost]) {
        for (index, host) in hosts.enumerated() {
            for domain in host.domains {
                if domain == "*" {
                    fallback = Int32(index)
                } else if domain.hasPrefix("*") {
                    suffixes.append((String(domain.dropFirst()), Int32(index)))
                } else if domain.hasSuffix("*") {
                    prefixes.append((String(domain.dropLast()), Int32(index)))
                } else {
                    whole.append((domain, Int32(index)))
                }
            }
        }
    }
}
