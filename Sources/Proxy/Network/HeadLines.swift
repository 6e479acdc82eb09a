import Glibc

/// The field lines of a head that stands in the worker's scratch memory, written by ourselves: names in lower case, a colon and
/// a space, no empty line at the end yet. Of a request that is kept for another try they may have capitals (`HeaderCase`).
struct HeadLines {
    struct Line: BitwiseCopyable {
        /// Where the name begins.
        var start: Int
        var value: Int
        /// In front of CR LF.
        var end: Int
    }

    private let out: OutputScratch
    /// Where the start line begins.
    private let start: Int

    init(_ out: OutputScratch, from start: Int) {
        self.out = out
        self.start = start
    }

    /// The next line with this name, which is in lower case.
    func find(_ name: Bytes, after line: Line? = nil) -> Line? {
        var p = line.map { $0.end + 2 } ?? end(of: start) + 2
        while p < out.count {
            let end = end(of: p)
            if p + name.count + 2 <= end, out.bytes[p + name.count] == ASCII.colon,
                foldedEqual(out.bytes + p, name.start, name.count)
            {
                return Line(start: p, value: p + name.count + 2, end: end)
            }
            p = end + 2
        }
        return nil
    }

    func value(_ line: Line) -> Bytes { Bytes(out.bytes + line.value, max(line.end - line.value, 0)) }

    /// Of the start line, the word with this number.
    func word(_ number: Int) -> Bytes {
        let end = end(of: start)
        var p = start
        for _ in 0..<number {
            while p < end, out.bytes[p] != ASCII.space { p += 1 }
            p = min(p + 1, end)
        }
        var last = p
        while last < end, out.bytes[last] != ASCII.space { last += 1 }
        return Bytes(out.bytes + p, last - p)
    }

    /// - Parameter value: does not stand in the scratch memory itself.
    func change(_ action: HeaderAction, _ name: Bytes, _ value: Bytes) {
        let first = find(name)
        switch action {
        case .remove: remove(name)
        case .append: append(name, value)
        case .join: if let first { join(first, value) } else { append(name, value) }
        case .addIfAbsent: if first == nil { append(name, value) }
        case .overwriteIfExists, .overwriteOrAdd:
            if first == nil, action == .overwriteIfExists { return }
            remove(name)
            append(name, value)
        }
    }

    private func remove(_ name: Bytes) {
        while let line = find(name) {
            let behind = line.end + 2
            memmove(out.bytes + line.start, out.bytes + behind, out.count - behind)
            out.truncate(to: out.count - (behind - line.start))
        }
    }

    private func append(_ name: Bytes, _ value: Bytes) {
        out.append(name)
        out.append(": ")
        out.append(value)
        out.append("\r\n")
    }

    /// `value` becomes one more of the line's list.
    func join(_ line: Line, _ value: Bytes) {
        replace(line.end, line.end, by: Bytes(","))
        replace(line.end + 1, line.end + 1, by: value)
    }

    /// Of the start line.
    func replaceWord(_ number: Int, by text: Bytes) {
        let word = word(number)
        let at = word.start - UnsafePointer(out.bytes)
        replace(at, at + word.count, by: text)
    }

    /// The start line from a word on.
    func replaceStartLine(fromWord number: Int, by text: Bytes) {
        replace(word(number).start - UnsafePointer(out.bytes), end(of: start), by: text)
    }

    /// - Parameter text: does not stand in the scratch memory itself.
    func replace(_ from: Int, _ to: Int, by text: Bytes) {
        out.reserve(text.count)
        memmove(out.bytes + (from + text.count), out.bytes + to, out.count - to)
        memcpy(out.bytes + from, text.start, text.count)
        out.truncate(to: out.count - (to - from) + text.count)
    }

    /// Where the line that begins at `p` ends; each does.
    private func end(of p: Int) -> Int {
        var p = p
        while p < out.count, out.bytes[p] != ASCII.cr { p += 1 }
        return p
    }
}
