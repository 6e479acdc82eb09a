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

    private struct Member {
        var group: UInt32
        var stat: UInt32
        /// `StatLines.labelsHash`
        var labels: UInt64
    }

    private var groups: [Group] = []
    /// In the order they were added.
    private var members: [Member] = []
    /// Names of metrics, by group, whose own are those of other metrics.
    private var otherNames: [Int: [UInt8]] = [:]
    /// Names and metrics of all groups.
    private var bytes = OutputBuffer(capacity: 4096)
    /// Group number plus one, 0: empty. A power of two, at most half full.
    private var table = [UInt32](repeating: 0, count: 256)

    /// - Parameter stats: how many will be added at most.
    init(stats: Int) { members.reserveCapacity(stats) }

    var isEmpty: Bool { groups.isEmpty }

    /// - Parameters:
    ///   - labels: `StatLines.labelsHash`.
    ///   - isPlain: its name is not one of Envoy's.
    ///   - write: writes the stat's name without its tags.
    @inline(__always)
    mutating func add(_ stat: Int, labels: UInt64, isPlain: Bool, nameWithoutTags write: (inout OutputBuffer) -> Void) {
        let nameStart = bytes.count
        write(&bytes)
        let nameLength = bytes.count - nameStart
        let metricStart = bytes.count
        if isPlain {
            bytes.appendPlainMetric(nameStart, nameLength)
        } else {
            bytes.append("envoy_")
            bytes.appendMetric(nameStart, nameLength)
        }
        let metricLength = bytes.count - metricStart
        let group = find(
            Group(
                metricStart: metricStart, metricLength: metricLength, nameStart: nameStart, nameLength: nameLength,
                hash: NameIndex.hash(.counter, bytes.run(metricStart, metricLength))))
        groups[group].members += 1
        members.append(Member(group: UInt32(group), stat: UInt32(stat), labels: labels))
    }

    /// Whether one of its metrics has this name of its own.
    func has(_ metric: UnsafeBufferPointer<UInt8>) -> Bool {
        let hash = NameIndex.hash(.counter, metric)
        let mask = table.count - 1
        var at = Int(truncatingIfNeeded: hash) & mask
        while table[at] != 0 {
            let known = groups[Int(table[at]) - 1]
            if known.hash == hash, bytes.run(known.metricStart, known.metricLength).elementsEqual(metric) {
                return true
            }
            at = (at + 1) & mask
        }
        return false
    }

    /// Calls `body` with each metric, by the names of which it is the first.
    func forEachMetric(_ body: (Int, UnsafeBufferPointer<UInt8>) -> Void) {
        guard !groups.isEmpty else { return }
        for item in order() {
            let group = groups[Int(item.index)]
            body(Int(item.index), bytes.run(group.metricStart, group.metricLength))
        }
    }

    /// Gives metrics other names.
    mutating func rename(_ names: [Int: [UInt8]]) { otherNames = names }

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

    /// By their first names.
    private func order() -> [NameOrder.Item] {
        var order = groups.enumerated().map { number, group in
            NameOrder.Item(bytes.run(group.nameStart, group.nameLength), index: UInt32(number))
        }
        order.withUnsafeMutableBufferPointer { NameOrder.sort($0) }
        return order
    }

    /// Calls `body` with each metric, its stats in the order they were added, and whether some of these seem to have the
    /// same labels; metrics by their first names.
    func forEach(_ body: (UnsafeBufferPointer<UInt8>, ArraySlice<UInt32>, Bool) -> Void) {
        guard !groups.isEmpty else { return }
        // Where each group's members begin.
        var places = [Int](repeating: 0, count: groups.count)
        var sum = 0
        for (number, group) in groups.enumerated() {
            places[number] = sum
            sum += group.members
        }
        var sorted = [UInt32](repeating: 0, count: members.count)
        var labels = [UInt64](repeating: 0, count: members.count)
        for member in members {
            let place = places[Int(member.group)]
            sorted[place] = member.stat
            labels[place] = member.labels
            places[Int(member.group)] = place + 1
        }
        var twins = TwinSearch()
        for item in order() {
            let group = groups[Int(item.index)]
            let end = places[Int(item.index)]
            let range = end - group.members..<end
            let hasTwins = group.members > 1 && labels.withUnsafeBufferPointer { twins.has(in: $0[range]) }
            if let name = otherNames[Int(item.index)] {
                name.withUnsafeBufferPointer { body($0, sorted[range], hasTwins) }
            } else {
                body(bytes.run(group.metricStart, group.metricLength), sorted[range], hasTwins)
            }
        }
    }
}

/// Looks for equal numbers.
private struct TwinSearch {
    /// A power of two, at most half full; 0: empty.
    private var table: [UInt64] = []

    mutating func has(in numbers: Slice<UnsafeBufferPointer<UInt64>>) -> Bool {
        var size = 16
        while size < numbers.count * 2 { size *= 2 }
        if table.count < size { table = [UInt64](repeating: 0, count: size) }
        return table.withUnsafeMutableBufferPointer { table in
            for i in 0..<size { table[i] = 0 }
            for number in numbers {
                let number = number | 1
                var at = Int(truncatingIfNeeded: number >> 20) & (size - 1)
                while table[at] != 0 {
                    if table[at] == number { return true }
                    at = (at + 1) & (size - 1)
                }
                table[at] = number
            }
            return false
        }
    }
}

extension OutputBuffer {
    /// What was written at `from` once more as the name of a metric of Envoy's, behind `envoy_`.
    @inline(__always)
    fileprivate mutating func appendMetric(_ from: Int, _ length: Int) {
        appendBytes(length) { start, place in
            for i in 0..<length { place[i] = Self.word(start[from &+ i]) }
        }
    }

    /// The same as a name of its own: it has at least a character and begins with no digit.
    fileprivate mutating func appendPlainMetric(_ from: Int, _ length: Int) {
        let start = count
        appendBytes(length) { start, place in place.update(from: start + from, count: length) }
        unescapePercent(from: start)
        makeWord(from: start)
        guard count == start || run(start, 1)[0] <= UInt8(ascii: "9") else { return }
        let name = String(decoding: run(start, count - start), as: UTF8.self)
        cut(to: start)
        append("_")
        append(name)
    }
}
