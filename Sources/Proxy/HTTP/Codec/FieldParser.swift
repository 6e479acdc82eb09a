/// The field lines of a head, shared by requests and responses (RFC 9112 §5).
extension MessageHead {
    /// Parses field lines from `position` until the empty line. Strict: no folding, no bare CR or LF, no white space
    /// before the colon, no control characters.
    mutating func parseFields(from position: Int, limit end: Int, maxCount: Int) -> HeadResult {
        let tables = self.tables
        let base = self.base
        var p = position
        while true {
            if p >= end { return .incomplete }
            let first = base[p]
            if first == ASCII.cr {
                if p &+ 1 >= end { return .incomplete }
                if base[p &+ 1] != ASCII.lf { return .failed(.bareCarriageReturn) }
                return .complete(p &+ 2)
            }
            if first == ASCII.lf { return .failed(.bareLineFeed) }
            if first == ASCII.space || first == ASCII.tab { return .failed(.foldedHeader) }
            let name = p
            p = scanName(base, p, end, tables)
            if p >= end { return .incomplete }
            let nameLength = p &- name
            if base[p] != ASCII.colon || nameLength == 0 { return .failed(.badHeaderName) }
            p &+= 1
            while p < end, base[p] == ASCII.space || base[p] == ASCII.tab { p &+= 1 }
            let value = p
            p = scanFieldValue(base, p, end)
            if p >= end { return .incomplete }
            if base[p] == ASCII.lf { return .failed(.bareLineFeed) }
            if base[p] != ASCII.cr { return .failed(.badHeaderValue) }
            if p &+ 1 >= end { return .incomplete }
            if base[p &+ 1] != ASCII.lf { return .failed(.bareCarriageReturn) }
            var valueEnd = p
            while valueEnd > value, base[valueEnd &- 1] == ASCII.space || base[valueEnd &- 1] == ASCII.tab {
                valueEnd &-= 1
            }
            p &+= 2
            if count >= maxCount || count >= capacity { return .failed(.tooManyHeaders) }
            let id = HeaderID.classify(base + name, nameLength)
            fields[count] = HeaderField(
                name: UInt32(truncatingIfNeeded: name), value: UInt32(truncatingIfNeeded: value),
                nameLength: UInt32(truncatingIfNeeded: nameLength),
                valueLength: UInt32(truncatingIfNeeded: valueEnd &- value), id: id)
            if id != .other { present.insert(id) }
            count &+= 1
        }
    }

    /// Reads `Connection`, `TE` and `Expect`, and marks the fields that `Connection` names.
    mutating func interpretConnection() {
        if present.contains(.connection) {
            for i in 0..<count where fields[i].id == .connection { interpretConnection(fields[i]) }
        }
        if present.contains(.te) {
            for i in 0..<count where fields[i].id == .te {
                ListElements(base + Int(fields[i].value), Int(fields[i].valueLength)).forEach { element in
                    if element.equalsFolded("trailers") { acceptsTrailers = true }
                }
            }
        }
        if present.contains(.expect), let value = value(.expect), value.equalsFolded("100-continue") {
            expectContinue = minorVersion >= 1
        }
        if present.contains(.upgrade) {
            for i in 0..<count where fields[i].id == .upgrade && upgradeField < 0 { upgradeField = Int32(i) }
        }
    }

    private mutating func interpretConnection(_ field: HeaderField) {
        ListElements(base + Int(field.value), Int(field.valueLength)).forEach { element in
            if element.equalsFolded("close") {
                connectionClose = true
            } else if element.equalsFolded("keep-alive") {
                connectionKeepAlive = true
            } else if element.equalsFolded("upgrade") {
                connectionUpgrade = true
            } else {
                for i in 0..<count where fields[i].id == .other && Int(fields[i].nameLength) == element.count {
                    let name = UnsafeBufferPointer(start: base + Int(fields[i].name), count: element.count)
                    if name.equalsFolded(element) { fields[i].isNominated = true }
                }
            }
        }
    }

    /// Determines the body's framing from `Transfer-Encoding` and `Content-Length` (RFC 9112 §6.3). Both at once are an
    /// error, so that no other party can see another end of the message than we do; so are several lengths that differ,
    /// and any coding but a single `chunked`.
    mutating func interpretFraming() -> ParseError? {
        if present.contains(.transferEncoding) {
            var codings = 0
            var bad = false
            for i in 0..<count where fields[i].id == .transferEncoding {
                let value = UnsafeBufferPointer(start: base + Int(fields[i].value), count: Int(fields[i].valueLength))
                codings += 1
                if !value.equalsFolded("chunked") { bad = true }
            }
            if bad || codings != 1 || minorVersion == 0 { return .badTransferEncoding }
            if present.contains(.contentLength) { return .lengthAndChunked }
            framing = .chunked
            return nil
        }
        guard present.contains(.contentLength) else { return nil }
        var seen = false
        for i in 0..<count where fields[i].id == .contentLength {
            guard let length = parseDecimal(base + Int(fields[i].value), Int(fields[i].valueLength)) else {
                return .badContentLength
            }
            if seen { return .badContentLength }
            contentLength = length
            seen = true
        }
        framing = contentLength > 0 ? .length : .none
        return nil
    }
}

/// The first byte at or after `start` that may not stand in a field name: letters and `-` eight at a time.
@inline(__always)
private func scanName(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ tables: ASCII.Tables) -> Int {
    var p = start
    while p &+ 8 <= end {
        let word = EightBytes.load(base + p)
        let letters = EightBytes.range(word | EightBytes.each &* 0x20, 97, 122)
        let others = (letters | EightBytes.equal(word, UInt8(ascii: "-"))) ^ EightBytes.high
        p &+= EightBytes.first(others)
        if others != 0 { break }
    }
    while p < end, tables.isToken(base[p]) { p &+= 1 }
    return p
}

/// The first byte at or after `start` that may not stand in a field value: eight bytes at a time while all are plain.
@inline(__always)
private func scanFieldValue(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
    var p = start
    while p &+ 8 <= end {
        let word = EightBytes.load(base + p)
        // Bytes from 0x80 are obs-text and may pass.
        let marked = EightBytes.range(word, 0, 31) | EightBytes.equal(word, 127)
        p &+= EightBytes.first(marked)
        if marked != 0 { break }
    }
    while p < end {
        let c = base[p]
        if (c < 32 && c != ASCII.tab) || c == 127 { return p }
        p &+= 1
    }
    return p
}

/// A decimal number of digits only, or nil (also for an empty text and an overflow).
func parseDecimal(_ text: UnsafePointer<UInt8>, _ length: Int) -> UInt64? {
    guard length > 0, length <= 19 else { return nil }
    var value: UInt64 = 0
    for i in 0..<length {
        let digit = text[i] &- 48
        guard digit < 10 else { return nil }
        value = value &* 10 &+ UInt64(digit)
    }
    return value
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), without white space and empty ones.
struct ListElements {
    let text: UnsafePointer<UInt8>
    let length: Int
    init(_ text: UnsafePointer<UInt8>, _ length: Int) {
        self.text = text
        self.length = length
    }
    @inline(__always)
    func forEach(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        var p = 0
        while p < length {
            while p < length, text[p] == 44 || text[p] == 32 || text[p] == 9 { p &+= 1 }
            let start = p
            while p < length, text[p] != 44 { p &+= 1 }
            var end = p
            while end > start, text[end &- 1] == 32 || text[end &- 1] == 9 { end &-= 1 }
            if end > start { body(UnsafeBufferPointer(start: text + start, count: end &- start)) }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Compares with a text in lower case, ignoring this side's case.
    func equalsFolded(_ lower: StaticString) -> Bool {
        guard let start = baseAddress else { return lower.utf8CodeUnitCount == 0 }
        return count == lower.utf8CodeUnitCount && foldedEqual(start, lower.utf8Start, count)
    }
    /// Compares ignoring the case of both sides.
    func equalsFolded(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for i in 0..<count where ASCII.lower(self[i]) != ASCII.lower(other[i]) { return false }
        return true
    }
}
