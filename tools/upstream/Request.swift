/// The facts of a request head that the server acts on. Offsets count from the first byte of the head.
struct Request {
    enum Body { case length(Int), chunked }

    var headLength = 0
    /// The path without scheme, authority and query.
    var path = 0..<0
    var isHead = false
    var isHTTP10 = false
    var close = false
    var keepAlive = false
    var expectContinue = false
    var isWebSocket = false
    var body = Body.length(0)

    /// Whether the connection stays open afterwards.
    var persists: Bool { isHTTP10 ? keepAlive && !close : !close }

    var hasBody: Bool {
        if case .length(0) = body { return false }
        return true
    }

    enum Result {
        case complete(Request)
        case incomplete
        case malformed
    }

    private static let maxHead = 256 * 1024

    static func parse(_ base: UnsafePointer<UInt8>, _ count: Int) -> Result {
        guard let end = headEnd(base, count) else { return count > maxHead ? .malformed : .incomplete }
        var request = Request()
        request.headLength = end
        guard var p = request.parseStartLine(base, end) else { return .malformed }
        while base[p] != 13 {
            guard let next = request.parseField(base, p) else { return .malformed }
            p = next
        }
        return .complete(request)
    }

    /// The offset behind the empty line, nil when it has not come yet.
    private static func headEnd(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        var p = 3
        while p < count {
            switch base[p] {
            case 10:
                if base[p - 1] == 13, base[p - 2] == 10, base[p - 3] == 13 { return p + 1 }
                p += 2
            case 13: p += 1
            default: p += 4
            }
        }
        return nil
    }

    private mutating func parseStartLine(_ base: UnsafePointer<UInt8>, _ end: Int) -> Int? {
        var p = 0
        while base[p] != 32, base[p] > 32 { p += 1 }
        guard p > 0, base[p] == 32 else { return nil }
        isHead = Text(base, p).equals("head")
        let target = p + 1
        p = target
        while base[p] > 32 { p += 1 }
        guard p > target, base[p] == 32, p + 10 < end else { return nil }
        path = Self.path(base, target..<p)
        let version = Text(base + p + 1, 8)
        if version.equals("http/1.0") { isHTTP10 = true } else if !version.equals("http/1.1") { return nil }
        return base[p + 9] == 13 && base[p + 10] == 10 ? p + 11 : nil
    }

    /// The path of a target in origin or absolute form.
    private static func path(_ base: UnsafePointer<UInt8>, _ target: Range<Int>) -> Range<Int> {
        var start = target.lowerBound
        if base[start] != UInt8(ascii: "/"), let colon = target.first(where: { base[$0] == UInt8(ascii: ":") }) {
            start = min(colon + 3, target.upperBound)
            while start < target.upperBound, base[start] != UInt8(ascii: "/") { start += 1 }
        }
        var end = start
        while end < target.upperBound, base[end] != UInt8(ascii: "?") { end += 1 }
        return start..<end
    }

    /// Reads the field line at `start` and returns where the next one begins.
    private mutating func parseField(_ base: UnsafePointer<UInt8>, _ start: Int) -> Int? {
        var p = start
        while base[p] != UInt8(ascii: ":") {
            if base[p] <= 32 { return nil }
            p += 1
        }
        let name = Text(base + start, p - start)
        p += 1
        while base[p] == 32 || base[p] == 9 { p += 1 }
        let valueStart = p
        while base[p] != 13 { p += 1 }
        guard base[p + 1] == 10 else { return nil }
        let next = p + 2
        while p > valueStart, base[p - 1] == 32 || base[p - 1] == 9 { p -= 1 }
        return interpret(name, Text(base + valueStart, p - valueStart)) ? next : nil
    }

    private mutating func interpret(_ name: Text, _ value: Text) -> Bool {
        switch name.count {
        case 6 where name.equals("expect"): expectContinue = value.equals("100-continue")
        case 7 where name.equals("upgrade"): isWebSocket = value.contains("websocket")
        case 10 where name.equals("connection"):
            if value.contains("close") { close = true }
            if value.contains("keep-alive") { keepAlive = true }
        case 14 where name.equals("content-length"):
            guard let length = value.number, case .length = body else { return false }
            body = .length(length)
        case 17 where name.equals("transfer-encoding"):
            guard value.equals("chunked") else { return false }
            body = .chunked
        default: break
        }
        return true
    }
}

/// A piece of ASCII text inside a buffer.
struct Text {
    let start: UnsafePointer<UInt8>
    let count: Int

    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        self.start = start
        self.count = count
    }

    /// Ignores the case of this text; `lower` is in lower case.
    func equals(_ lower: StaticString) -> Bool {
        count == lower.utf8CodeUnitCount && matches(at: 0, lower)
    }

    func contains(_ lower: StaticString) -> Bool {
        let last = count - lower.utf8CodeUnitCount
        guard last >= 0 else { return false }
        for offset in 0...last where matches(at: offset, lower) { return true }
        return false
    }

    private func matches(at offset: Int, _ lower: StaticString) -> Bool {
        for i in 0..<lower.utf8CodeUnitCount {
            let c = start[offset + i]
            if (c >= 65 && c <= 90 ? c | 32 : c) != lower.utf8Start[i] { return false }
        }
        return true
    }

    /// Up to 18 decimal digits, nil for anything else.
    var number: Int? {
        guard count > 0, count <= 18 else { return nil }
        var value = 0
        for i in 0..<count {
            guard start[i] >= 48, start[i] <= 57 else { return nil }
            value = value * 10 + Int(start[i] - 48)
        }
        return value
    }
}
