import ProxyConfig

/// What is done to the path of a request before it is routed: `normalize_path`, `merge_slashes`,
/// `path_with_escaped_slashes_action`. Byte by byte what Envoy 1.40 makes of them (`Tests/EnvoyCases/Cases/path_normalization.txt`).
struct PathNormalizer: BitwiseCopyable {
    enum Outcome: Equatable {
        /// The path as it stands now, so many bytes.
        case path(Int)
        /// The same, but the client is to ask for it by itself.
        case redirect(Int)
        case refused
    }
    /// RFC 3986 §6.2.2, and backslashes are slashes.
    var isOn = false
    var mergesSlashes = false
    var escapedSlashes = EscapedSlashes.keep

    /// Whether there is nothing to do.
    var isIdle: Bool { !isOn && !mergesSlashes && escapedSlashes == .keep }

    /// How long a path can become: each byte an escape.
    static func room(for length: Int) -> Int { 3 * length }

    /// Whether it is plain that nothing becomes of a path, as it is of most: so that they are not copied.
    func leavesAlone(_ path: UnsafeBufferPointer<UInt8>) -> Bool {
        var isBehindSlash = false
        for byte in path {
            switch byte {
            case UInt8(ascii: "/"):
                if isBehindSlash { return false }
                isBehindSlash = true
                continue
            // A dot segment, perhaps.
            case UInt8(ascii: "."): if isBehindSlash { return false }
            case UInt8(ascii: "%"), UInt8(ascii: "\\"): return false
            default: if Self.isEscaped(byte) { return false }
            }
            isBehindSlash = false
        }
        return true
    }

    /// Writes what becomes of a path.
    ///
    /// - Parameters:
    ///   - path: without its query; begins with a slash.
    ///   - to: room for `room(for: path.count)` bytes.
    func normalize(_ path: UnsafeBufferPointer<UInt8>, to out: UnsafeMutablePointer<UInt8>) -> Outcome {
        var count = 0
        var isRedirected = false
        if escapedSlashes == .keep {
            for byte in path {
                out[count] = byte
                count += 1
            }
        } else {
            count = Self.unescapeSlashes(path, to: out)
            if count != path.count {
                if escapedSlashes == .reject { return .refused }
                isRedirected = escapedSlashes == .redirect
            }
        }
        if isOn {
            let length = count
            guard
                let normal = withUnsafeTemporaryAllocation(
                    of: UInt8.self, capacity: max(length, 1),
                    { copy -> Int? in
                        _ = copy.initialize(from: UnsafeBufferPointer(start: out, count: length))
                        return Self.canonicalize(UnsafeBufferPointer(rebasing: copy[..<length]), to: out)
                    })
            else { return .refused }
            count = normal
        }
        if mergesSlashes { count = Self.mergeSlashes(out, count) }
        return isRedirected ? .redirect(count) : .path(count)
    }

    /// `%2F` and `%5C` become what they stand for.
    private static func unescapeSlashes(
        _ path: UnsafeBufferPointer<UInt8>, to out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var count = 0
        var i = 0
        while i < path.count {
            out[count] = path[i]
            if let byte = escaped(path, i), byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") {
                out[count] = byte
                i += 2
            }
            count += 1
            i += 1
        }
        return count
    }

    /// Several slashes become one. A path of nothing but slashes keeps two, as in Envoy.
    private static func mergeSlashes(_ path: UnsafeMutablePointer<UInt8>, _ length: Int) -> Int {
        let slash = UInt8(ascii: "/")
        if (0..<length).allSatisfy({ path[$0] == slash }) { return min(length, 2) }
        var count = 0
        for i in 0..<length where path[i] != slash || count == 0 || path[count - 1] != slash {
            path[count] = path[i]
            count += 1
        }
        return count
    }

    /// Nil: it has a NUL.
    private static func canonicalize(
        _ path: UnsafeBufferPointer<UInt8>, to out: UnsafeMutablePointer<UInt8>
    ) -> Int? {
        var count = 0
        var i = 0
        while i < path.count {
            if isSlash(path[i]) {
                out[count] = UInt8(ascii: "/")
                count += 1
                i += 1
            }
            if count > 0, let (dots, end) = dotSegment(path, i) {
                if dots == 2 { count = parent(out, count) }
                // What is there ends with a slash already.
                i = min(end + 1, path.count)
                continue
            }
            while i < path.count, !isSlash(path[i]) {
                guard let next = copy(path, i, out, &count) else { return nil }
                i = next
            }
        }
        return count
    }

    /// Behind the slash in front of the last segment of a path that ends with a slash.
    private static func parent(_ out: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
        if count < 2 { return count }
        var i = count - 2
        while i > 0, out[i] != UInt8(ascii: "/") { i -= 1 }
        return i + 1
    }

    /// Whether a segment is `.` or `..`, and where it ends. Dots may be escaped; parameters behind it (`..;x`) do not count,
    /// behind dots that stand there as they are.
    private static func dotSegment(_ path: UnsafeBufferPointer<UInt8>, _ start: Int) -> (dots: Int, end: Int)? {
        var i = start
        var dots = 0
        var isPlain = true
        while i < path.count, dots < 3 {
            if path[i] == UInt8(ascii: ".") {
                i += 1
            } else if escaped(path, i) == UInt8(ascii: ".") {
                isPlain = false
                i += 3
            } else {
                break
            }
            dots += 1
        }
        guard dots == 1 || dots == 2 else { return nil }
        if isPlain, i < path.count, path[i] == UInt8(ascii: ";") {
            while i < path.count, !isSlash(path[i]) { i += 1 }
        }
        return i == path.count || isSlash(path[i]) ? (dots, i) : nil
    }

    /// Copies a character, and returns where the next one stands.
    private static func copy(
        _ path: UnsafeBufferPointer<UInt8>, _ i: Int, _ out: UnsafeMutablePointer<UInt8>, _ count: inout Int
    ) -> Int? {
        func put(_ byte: UInt8) {
            out[count] = byte
            count += 1
        }
        if let byte = escaped(path, i) {
            if byte == 0 { return nil }
            if isUnreserved(byte) { put(byte) } else { for k in 0..<3 { put(path[i + k]) } }
            return i + 3
        }
        if isEscaped(path[i]) {
            put(UInt8(ascii: "%"))
            put(digit(path[i] >> 4))
            put(digit(path[i] & 15))
        } else {
            put(path[i])
        }
        return i + 1
    }

    /// Whether a character may only stand there as an escape.
    private static func isEscaped(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "^"), UInt8(ascii: "`"),
            UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"), 0...0x20, 0x7F...0xFF:
            true
        default: false
        }
    }

    private static func isSlash(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 55 + value }

    /// What `%XX` at `i` stands for; nil: there is none.
    private static func escaped(_ path: UnsafeBufferPointer<UInt8>, _ i: Int) -> UInt8? {
        guard i + 2 < path.count, path[i] == UInt8(ascii: "%"), let high = value(path[i + 1]),
            let low = value(path[i + 2])
        else { return nil }
        return high << 4 | low
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - 55
        default: nil
        }
    }
}
