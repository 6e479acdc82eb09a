import CLinux

/// The field lines of a head, shared by requests and responses (RFC 9112 §5).
extension MessageHead {
    /// Parses field lines from `position` until the empty line. Strict: no folding, no bare CR or LF, no white space
    /// before the colon, no control characters.
    mutating func parseFields(from position: Int, limit end: Int, maxCount: Int) -> HeadResult {
        let base = self.base
        let readable = self.readable
        let maxCount = min(maxCount, capacity)
        let fields = self.fields
        var count = self.count
        var present = self.present
        defer {
            self.count = count
            self.present = present
        }
        var p = position
        while true {
            let name = p
            p = cl_scan_unlettered(base, p, end, readable)
            if p >= end || base[p] != ASCII.colon || p == name {
                if name &+ 2 <= end, Self.isLineEnd(base + name) {
                    length = name &+ 2
                    return .complete(name &+ 2)
                }
                switch Self.oddName(base, name, p, end, tables) {
                case .name(let colon): p = colon
                case .other(let result): return result
                }
            }
            let nameLength = p &- name
            p &+= 1
            // One space, and something behind it: so most have it.
            var isPlain = p &+ 1 < end && base[p] == ASCII.space && base[p &+ 1] > ASCII.space
            p = isPlain ? p &+ 1 : Self.skipSpace(base, p, end)
            let value = p
            p = cl_scan_controls(base, p, end, readable)
            if p &+ 2 > end || !Self.isLineEnd(base + p) {
                p = Self.skipTabs(base, p, end, readable)
                if p &+ 2 > end || !Self.isLineEnd(base + p) { return Self.badEnd(base, p, end) }
            }
            var valueEnd = p
            if base[p &- 1] <= ASCII.space {
                isPlain = false
                valueEnd = Self.trimSpace(base, value, p)
            }
            p &+= 2
            if count >= maxCount { return .failed(.tooManyHeaders) }
            var id = HeaderID.other
            if HeaderID.mayBeKnown(base[name], nameLength) {
                id = HeaderID.classify(base + name, nameLength)
                if id != .other { present.insert(id) }
            }
            fields[count] = HeaderField(
                name: UInt32(truncatingIfNeeded: name), value: UInt32(truncatingIfNeeded: value),
                nameLength: UInt32(truncatingIfNeeded: nameLength),
                valueLength: UInt32(truncatingIfNeeded: valueEnd &- value), id: id, isPlain: isPlain)
            count &+= 1
        }
    }

    /// CRLF.
    @inline(__always)
    private static func isLineEnd(_ p: UnsafePointer<UInt8>) -> Bool {
        UInt16(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt16.self)) == 0x0A0D
    }

    /// Behind the white space in front of a value.
    @inline(never)
    private static func skipSpace(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        var p = start
        while p < end, base[p] == ASCII.space || base[p] == ASCII.tab { p &+= 1 }
        return p
    }

    /// Behind the tabs of a value, which are not among the characters that the scanner passes.
    @inline(never)
    private static func skipTabs(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ readable: Int) -> Int {
        var p = start
        while p < end, base[p] == ASCII.tab { p = cl_scan_controls(base, p &+ 1, end, readable) }
        return p
    }

    /// Where a value ends when the white space behind it is taken off.
    @inline(never)
    private static func trimSpace(_ base: UnsafePointer<UInt8>, _ value: Int, _ end: Int) -> Int {
        var p = end
        while p > value, base[p &- 1] == ASCII.space || base[p &- 1] == ASCII.tab { p &-= 1 }
        return p
    }

    private enum NameResult {
        /// A name of other characters than letters and `-`: where its colon is.
        case name(Int)
        case other(HeadResult)
    }

    /// A line that does not begin with letters and a colon, and is not the empty one at the end.
    ///
    /// - Parameter lettered: where its letters end.
    @inline(never)
    private static func oddName(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ lettered: Int, _ end: Int, _ tables: ASCII.Tables
    ) -> NameResult {
        if start >= end { return .other(.incomplete) }
        let first = base[start]
        if first == ASCII.cr { return .other(start &+ 1 >= end ? .incomplete : .failed(.bareCarriageReturn)) }
        if first == ASCII.lf { return .other(.failed(.bareLineFeed)) }
        if first == ASCII.space || first == ASCII.tab { return .other(.failed(.foldedHeader)) }
        var p = lettered
        while p < end, tables.isToken(base[p]) { p &+= 1 }
        if p >= end { return .other(.incomplete) }
        return base[p] == ASCII.colon && p > start ? .name(p) : .other(.failed(.badHeaderName))
    }

    /// Why the line whose value ends at `p` is not a field's.
    @inline(never)
    private static func badEnd(_ base: UnsafePointer<UInt8>, _ p: Int, _ end: Int) -> HeadResult {
        if p >= end { return .incomplete }
        if base[p] == ASCII.lf { return .failed(.bareLineFeed) }
        if base[p] != ASCII.cr { return .failed(.badHeaderValue) }
        return p &+ 1 >= end ? .incomplete : .failed(.bareCarriageReturn)
    }

    /// Reads `Connection`, `TE` and `Expect`, and marks the fields that `Connection` names. An error is one of requests.
    @inline(__always)
    mutating func interpretConnection() -> ParseError? {
        present.hasConnectionField ? interpretConnectionFields() : nil
    }

    @inline(never)
    private mutating func interpretConnectionFields() -> ParseError? {
        var error: ParseError?
        if present.contains(.connection) {
            var elements = 0
            for i in 0..<count where fields[i].id == .connection {
                if !interpretConnection(fields[i], &elements), isRequest { error = .badNomination }
            }
        }
        if present.contains(.proxyConnection), isRequest {
            // Not of any RFC, but Envoy obeys it.
            for i in 0..<count where fields[i].id == .proxyConnection {
                ListElements(base + Int(fields[i].value), Int(fields[i].valueLength)).forEach { element in
                    if element.equalsFolded("close") { connectionClose = true }
                }
            }
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
        return error
    }

    /// Envoy's limit: so many names and more are an attack.
    static let maxNominations = 10

    /// False when it names what a client must not take away from the next hop (RFC 9110 §7.6.1): where the request goes
    /// and comes from; or when there are too many names.
    private mutating func interpretConnection(_ field: HeaderField, _ elements: inout Int) -> Bool {
        var isGood = true
        ListElements(base + Int(field.value), Int(field.valueLength)).forEach { element in
            elements &+= 1
            if elements >= Self.maxNominations, isRequest {
                isGood = false
                return
            }
            if element.equalsFolded("close") {
                connectionClose = true
            } else if element.equalsFolded("keep-alive") {
                connectionKeepAlive = true
            } else if element.equalsFolded("upgrade") {
                connectionUpgrade = true
            } else {
                if element[0] == ASCII.colon || element.equalsFolded("host") || element.equalsFolded("x-forwarded-for")
                    || element.equalsFolded("x-forwarded-host") || element.equalsFolded("x-forwarded-proto")
                {
                    isGood = false
                }
                for i in 0..<count where fields[i].id == .other && Int(fields[i].nameLength) == element.count {
                    let name = UnsafeBufferPointer(start: base + Int(fields[i].name), count: element.count)
                    if name.equalsFolded(element) { fields[i].isNominated = true }
                }
            }
        }
        return isGood
    }

    /// Determines the body's framing from `Transfer-Encoding` and `Content-Length` (RFC 9112 §6.3). Both at once are an
    /// error, so that no other party can see another end of the message than we do; so are several lengths that differ,
    /// and any coding but a single `chunked`.
    @inline(__always)
    mutating func interpretFraming() -> ParseError? {
        if present.contains(.transferEncoding) { return interpretCodings() }
        return present.contains(.contentLength) ? interpretLength() : nil
    }

    @inline(never)
    private mutating func interpretCodings() -> ParseError? {
        if present.contains(.contentLength) { return .lengthAndChunked }
        var codings = 0
        var bad = false
        for i in 0..<count where fields[i].id == .transferEncoding {
            let value = UnsafeBufferPointer(start: base + Int(fields[i].value), count: Int(fields[i].valueLength))
            codings += 1
            if !value.equalsFolded("chunked") { bad = true }
        }
        if bad || codings != 1 || minorVersion == 0 { return .badTransferEncoding }
        framing = .chunked
        return nil
    }

    private mutating func interpretLength() -> ParseError? {
        let base = base
        var found: UInt64?
        var field = fields
        let end = field + count
        while field < end {
            if field.pointee.id == .contentLength {
                guard found == nil,
                    let length = parseDecimal(base + Int(field.pointee.value), Int(field.pointee.valueLength))
                else { return .badContentLength }
                found = length
            }
            field += 1
        }
        contentLength = found ?? 0
        framing = contentLength > 0 ? .length : .none
        return nil
    }
}

/// A decimal number of digits only, or nil (also for an empty text and an overflow).
@inline(__always)
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
