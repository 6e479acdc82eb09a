import Glibc
import ProxyConfig

/// Hosts that a request is not sent to again; the bits travel in a hand-over.
struct HostAvoidance: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// Those of the tries before.
    static let previous = HostAvoidance(rawValue: 1 << 0)
    /// `HostPool.isCanary`.
    static let canaries = HostAvoidance(rawValue: 1 << 1)
    static let known: UInt8 = 3
}

/// `AvoidedHosts.labels`: hosts that have all of one of these lists. Plain data that lives as long as the configuration.
struct LabelTests: BitwiseCopyable {
    /// A field with its value, or the end of a list.
    private let wanted: UnsafeMutablePointer<Bytes>
    private let count: Int

    /// Nil when there are none.
    init?(_ lists: [[String]]) {
        if lists.isEmpty { return nil }
        let all = lists.flatMap { $0.map { Bytes(keeping: $0) } + [Bytes("")] }
        count = all.count
        wanted = .kept(capacity: count)
        wanted.initialize(from: all, count: count)
    }

    /// - Parameter labels: what is said of the host (`HostLabels`).
    func anyHolds(_ labels: Bytes) -> Bool {
        var holds = true
        for i in 0..<count {
            if wanted[i].count > 0 {
                if !Self.has(labels, wanted[i]) { holds = false }
            } else {
                if holds { return true }
                holds = true
            }
        }
        return false
    }

    /// Whether it has a field with this value, or a list of this name with such an element.
    static func has(_ labels: Bytes, _ wanted: Bytes) -> Bool {
        var start = 0
        while start < labels.count {
            var end = start
            while end < labels.count, labels.start[end] != HostLabels.end { end += 1 }
            let entry = Bytes(labels.start + start, end - start)
            if let name = gap(entry, from: 0), entry.count > name, wanted.count > name,
                memcmp(entry.start, wanted.start, name + 1) == 0
            {
                let value = Bytes(wanted.start + name + 1, wanted.count - name - 1)
                return hasValue(Bytes(entry.start + name + 1, entry.count - name - 1), value)
            }
            start = end + 1
        }
        return false
    }

    private static func hasValue(_ values: Bytes, _ value: Bytes) -> Bool {
        let end = gap(values, from: 0) ?? values.count
        if end == values.count, !isList(values) { return values.isEqual(value) }
        var start = end + 1
        while start < values.count {
            let end = gap(values, from: start) ?? values.count
            if Bytes(values.start + start, end - start).isEqual(value) { return true }
            start = end + 1
        }
        return false
    }

    private static func isList(_ value: Bytes) -> Bool { value.count > 0 && value.start[0] == UInt8(ascii: "[") }

    private static func gap(_ bytes: Bytes, from start: Int) -> Int? {
        (start..<bytes.count).first { bytes.start[$0] == HostLabels.gap }
    }
}

/// Hosts that a request was sent to, by their place in the slab of its worker: the last ones. Does not travel, but for the last of all, which its
/// stream names. A host that is no longer there may give its place to another, which is then avoided for no reason.
struct AttemptedHosts: BitwiseCopyable {
    private var slots: (Int32, Int32, Int32, Int32, Int32, Int32, Int32, Int32) = (-1, -1, -1, -1, -1, -1, -1, -1)

    mutating func note(_ host: Int32) {
        slots = (host, slots.0, slots.1, slots.2, slots.3, slots.4, slots.5, slots.6)
    }

    func contains(_ host: Int32) -> Bool {
        slots.0 == host || slots.1 == host || slots.2 == host || slots.3 == host || slots.4 == host || slots.5 == host
            || slots.6 == host || slots.7 == host
    }
}

extension Worker {
    /// Whether a request that is sent again should rather go to another host.
    func avoids(_ host: Int32, _ r: UnsafeMutablePointer<RetryState>) -> Bool {
        let policy = r.pointee.policy
        if policy.avoids.contains(.previous), r.pointee.attempted.contains(host) { return true }
        if policy.avoids.contains(.canaries), hosts[host].pointee.isCanary { return true }
        return policy.avoidedLabels?.pointee.anyHolds(hosts[host].pointee.labels) ?? false
    }
}
