import CLinux

// The tags of a stat as labels. In one set of labels no name comes twice, whatever the tags are.
extension StatLines {
    /// Writes them as Prometheus does: `a="1",b="2"`.
    @inline(__always)
    func writeLabels(_ line: Line, to output: inout OutputBuffer) {
        let from = output.count
        var seen: UInt64 = 0
        for i in 0..<Int(line.tagCount) {
            let tag = tags[Int(line.tagStart) + i]
            // A dimension, or one of Envoy's a second time.
            guard tag.tag < TagName.envoyCount, seen & 1 << UInt64(tag.tag) == 0 else {
                output.cut(to: from)
                _ = writeAnyLabels(line, to: &output)
                return
            }
            seen |= 1 << UInt64(tag.tag)
            if i > 0 { output.append(",") }
            output.append(TagName(rawValue: tag.tag)?.labelText ?? "")
            output.append("=\"")
            output.append(label: Self.part(line.name, tag.value_start, tag.value_length))
            output.append("\"")
        }
    }

    /// A number that is the same for the same labels, in whichever order they are.
    @inline(__always)
    func labelsHash(_ line: Line, _ scratch: inout OutputBuffer) -> UInt64 {
        var sum: UInt64 = 0
        var seen: UInt64 = 0
        for i in 0..<Int(line.tagCount) {
            let tag = tags[Int(line.tagStart) + i]
            let value = Self.part(line.name, tag.value_start, tag.value_length)
            guard tag.tag < TagName.envoyCount, seen & 1 << UInt64(tag.tag) == 0, NameBytes.areUnescaped(value) else {
                scratch.cut(to: 0)
                return writeAnyLabels(line, to: &scratch)
            }
            seen |= 1 << UInt64(tag.tag)
            sum &+= LabelHash.of(Self.envoyLabelHashes[Int(tag.tag)], value)
        }
        return sum
    }

    private static let envoyLabelHashes: [UInt64] = (0..<UInt16(TagName.envoyCount)).map {
        let text = TagName(rawValue: $0)!.labelText
        return LabelHash.of(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Any tags; returns their `labelsHash`.
    private func writeAnyLabels(_ line: Line, to output: inout OutputBuffer) -> UInt64 {
        let from = output.count
        var sum: UInt64 = 0
        var names = InlineArray<8, UInt64>(repeating: 0)
        for i in 0..<Int(line.tagCount) {
            let tag = tags[Int(line.tagStart) + i]
            if i > 0 { output.append(",") }
            let nameFrom = output.count
            appendLabel(tag, of: line, to: &output)
            let name = LabelHash.of(output.run(nameFrom, output.count - nameFrom))
            var isNew = i < names.count
            for known in 0..<min(i, names.count) where names[known] == name { isNew = false }
            guard isNew else {
                output.cut(to: from)
                return writeDistinctLabels(line, to: &output)
            }
            names[i] = name
            output.append("=\"")
            let valueFrom = output.count
            appendValue(tag, of: line, to: &output)
            output.escapeLabel(from: valueFrom)
            sum &+= LabelHash.of(name, output.run(valueFrom, output.count - valueFrom))
            output.append("\"")
        }
        return sum
    }

    /// The same where names may be equal.
    private func writeDistinctLabels(_ line: Line, to output: inout OutputBuffer) -> UInt64 {
        var sum: UInt64 = 0
        for (i, label) in labels(line).enumerated() {
            if i > 0 { output.append(",") }
            let nameFrom = output.count
            output.append(label.name)
            let name = LabelHash.of(output.run(nameFrom, output.count - nameFrom))
            output.append("=\"")
            let valueFrom = output.count
            output.append(label.value)
            output.escapeLabel(from: valueFrom)
            sum &+= LabelHash.of(name, output.run(valueFrom, output.count - valueFrom))
            output.append("\"")
        }
        return sum
    }

    /// Names and values, as they are. A name that was there before gets a number: `a`, `a_2`, `a_3`.
    func labels(_ line: Line) -> [(name: String, value: String)] {
        var names = DistinctNames()
        var part = OutputBuffer()
        return (0..<Int(line.tagCount)).map { i in
            let tag = tags[Int(line.tagStart) + i]
            part.cut(to: 0)
            appendLabel(tag, of: line, to: &part)
            let name = names.add(part.text)
            part.cut(to: 0)
            appendValue(tag, of: line, to: &part)
            return (name, part.text)
        }
    }

    /// Spans are of the bytes that lie in the region; a name that was no UTF-8 may be longer here, never shorter.
    @inline(__always)
    static func part(
        _ name: UnsafeBufferPointer<UInt8>, _ start: UInt16, _ length: UInt16
    ) -> UnsafeBufferPointer<UInt8> {
        let start = min(Int(start), name.count)
        return UnsafeBufferPointer(rebasing: name[start..<min(start + Int(length), name.count)])
    }
}

/// Names that are different from each other.
struct DistinctNames {
    private var taken: Set<String> = []
    /// The number that the next of that name tries first.
    private var next: [String: Int] = [:]

    /// `name`, or with a number behind it if that is taken.
    mutating func add(_ name: String) -> String {
        if taken.insert(name).inserted { return name }
        var number = next[name] ?? 2
        while !taken.insert("\(name)_\(number)").inserted { number += 1 }
        next[name] = number + 1
        return "\(name)_\(number)"
    }
}

/// Numbers that stand for labels when sets of them are compared.
private enum LabelHash {
    /// Values are short: their last bytes are read again rather than one by one.
    @inline(__always)
    static func of(_ text: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let count = text.count
        var hash = UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15
        guard count > 0, let start = text.baseAddress else { return hash }
        let bytes = UnsafeRawPointer(start)
        if count >= 8 {
            var at = 0
            while at &+ 8 < count {
                hash = step(hash, bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                at &+= 8
            }
            return step(hash, bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        }
        if count >= 4 {
            let first = bytes.loadUnaligned(as: UInt32.self)
            let last = bytes.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            return step(hash, UInt64(first) << 32 | UInt64(last))
        }
        return step(hash, UInt64(start[0]) << 16 | UInt64(start[count / 2]) << 8 | UInt64(start[count &- 1]))
    }

    @inline(__always)
    private static func step(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
        return product ^ product >> 32
    }

    /// Sums of it do not depend on an order.
    @inline(__always)
    static func of(_ name: UInt64, _ value: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let hash = (of(value) ^ name) &* 0x9e37_79b9_7f4a_7c15
        return hash ^ hash >> 29
    }
}

extension OutputBuffer {
    /// The value of a label. The format knows three escapes; other control characters are made visible.
    @inline(__always)
    mutating func append(label utf8: UnsafeBufferPointer<UInt8>) {
        let start = count
        append(utf8)
        escapeLabel(from: start)
    }

    /// Makes what was written from `start` on the value of a label. What was copied is looked at: the source may be memory
    /// that others write into.
    @inline(__always)
    mutating func escapeLabel(from start: Int) {
        if !NameBytes.areUnescaped(run(start, count - start)) { escapeLabelSlowly(from: start) }
    }

    private mutating func escapeLabelSlowly(from start: Int) {
        let text = String(decoding: run(start, count - start), as: UTF8.self)
        cut(to: start)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": append("\\\\")
            case "\"": append("\\\"")
            case "\n": append("\\n")
            case _ where ControlCharacters.has(scalar):
                append("\\\\x")
                append(hex: UInt8(truncatingIfNeeded: scalar.value))
            default: append(String(scalar))
            }
        }
    }

    mutating func append(labelValueOf tag: cl_tag_span, in name: UnsafeBufferPointer<UInt8>) {
        let start = count
        append(StatLines.part(name, tag.value_start, tag.value_length))
        if tag.tag >= TagName.envoyCount { unescapePercent(from: start) }
    }

    /// What a label may be called, `[a-zA-Z_][a-zA-Z0-9_]*`. The key of a dimension that Prometheus keeps for itself, `le`
    /// and what begins with two underscores, gets `exported_` before it.
    mutating func append(labelNameOf tag: cl_tag_span, in name: UnsafeBufferPointer<UInt8>) {
        guard tag.tag >= TagName.envoyCount else {
            append(TagName(rawValue: tag.tag)?.labelText ?? "")
            return
        }
        let start = count
        let keyStart = Int(tag.cut_start) + 1
        let keyLength = max(Int(tag.value_start) - 1 - keyStart, 0)
        append(StatLines.part(name, UInt16(clamping: keyStart), UInt16(clamping: keyLength)))
        unescapePercent(from: start)
        makeWord(from: start)
        let length = count - start
        let first = length > 0 ? run(start, 1)[0] : UInt8(ascii: "0")
        guard first == UInt8(ascii: "_") || first <= UInt8(ascii: "9") || length == 2 else { return }
        let key = String(decoding: run(start, length), as: UTF8.self)
        cut(to: start)
        if first <= UInt8(ascii: "9") { append("_") }
        if key == "le" { append("exported_") }
        if key.hasPrefix("__") { append("exported") }
        append(key)
    }
}
