import CLinux
import Glibc

/// Stats by the metric that they are of. Names that differ only in what a metric name cannot say are one metric, which
/// stands where the first of them does.
struct MetricGroups: ~Copyable {
    private struct Group {
        var metricStart: Int
        var metricLength: Int
        /// The first by its bytes of the names without tags.
        var nameStart: Int
        var nameLength: Int
        var hash: UInt64
        var members = 0
    }

    private var groups: [Group] = []
    /// Group number and stat of each member, in the order they were added.
    private var members: [(group: UInt32, stat: UInt32)] = []
    /// Names and metrics of all groups.
    private var bytes = OutputBuffer(capacity: 4096)
    /// Group number plus one, 0: empty. A power of two, at most half full.
    private var table = [UInt32](repeating: 0, count: 256)

    /// - Parameter write: writes the stat's name without its tags.
    @inline(__always)
    mutating func add(_ stat: Int, nameWithoutTags write: (inout OutputBuffer) -> Void) {
        let nameStart = bytes.count
        write(&bytes)
        let nameLength = bytes.count - nameStart
        let metricStart = bytes.count
        bytes.append("envoy_")
        bytes.appendMetric(nameStart, nameLength)
        let metricLength = bytes.count - metricStart
        let group = find(
            Group(
                metricStart: metricStart, metricLength: metricLength, nameStart: nameStart, nameLength: nameLength,
                hash: NameIndex.hash(.counter, bytes.run(metricStart, metricLength))))
        groups[group].members += 1
        members.append((UInt32(group), UInt32(stat)))
    }

    /// The group of the metric that was written last; what was written of it is kept only when it is needed.
    private mutating func find(_ new: Group) -> Int {
        let mask = table.count - 1
        var at = Int(truncatingIfNeeded: new.hash) & mask
        while table[at] != 0 {
            let number = Int(table[at]) - 1
            let known = groups[number]
            if known.hash == new.hash, known.metricLength == new.metricLength,
                memcmp(
                    bytes.run(known.metricStart, 1).baseAddress!, bytes.run(new.metricStart, 1).baseAddress!,
                    new.metricLength) == 0
            {
                if precedes(new, known) {
                    groups[number].nameStart = new.nameStart
                    groups[number].nameLength = new.nameLength
                } else {
                    bytes.cut(to: new.nameStart)
                }
                return number
            }
            at = (at + 1) & mask
        }
        groups.append(new)
        table[at] = UInt32(groups.count)
        if groups.count * 2 > table.count { growTable() }
        return groups.count - 1
    }

    private func precedes(_ a: Group, _ b: Group) -> Bool {
        let common = min(a.nameLength, b.nameLength)
        if common > 0 {
            let order = memcmp(
                bytes.run(a.nameStart, 1).baseAddress!, bytes.run(b.nameStart, 1).baseAddress!, common)
            if order != 0 { return order < 0 }
        }
        return a.nameLength < b.nameLength
    }

    private mutating func growTable() {
        let mask = table.count * 4 - 1
        table = [UInt32](repeating: 0, count: mask + 1)
        for (number, group) in groups.enumerated() {
            var at = Int(truncatingIfNeeded: group.hash) & mask
            while table[at] != 0 { at = (at + 1) & mask }
            table[at] = UInt32(number + 1)
        }
    }

    /// Calls `body` with each metric and its stats in the order they were added; metrics by their first names.
    func forEach(_ body: (UnsafeBufferPointer<UInt8>, ArraySlice<UInt32>) -> Void) {
        guard !groups.isEmpty else { return }
        var order = groups.enumerated().map { number, group in
            NameOrder.Item(bytes.run(group.nameStart, group.nameLength), index: UInt32(number))
        }
        order.withUnsafeMutableBufferPointer { NameOrder.sort($0) }
        // Where each group's members begin.
        var places = [Int](repeating: 0, count: groups.count)
        var sum = 0
        for (number, group) in groups.enumerated() {
            places[number] = sum
            sum += group.members
        }
        var sorted = [UInt32](repeating: 0, count: members.count)
        for member in members {
            sorted[places[Int(member.group)]] = member.stat
            places[Int(member.group)] += 1
        }
        for item in order {
            let group = groups[Int(item.index)]
            let end = places[Int(item.index)]
            body(bytes.run(group.metricStart, group.metricLength), sorted[end - group.members..<end])
        }
    }
}

extension OutputBuffer {
    /// What was written at `from` once more, with what no metric name can have made `_`.
    @inline(__always)
    fileprivate mutating func appendMetric(_ from: Int, _ length: Int) {
        appendBytes(length) { start, place in
            for i in 0..<length {
                let byte = start[from &+ i]
                let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26
                let isDigit = byte &- UInt8(ascii: "0") < 10
                place[i] = isLetter || isDigit ? byte : UInt8(ascii: "_")
            }
        }
    }
}
