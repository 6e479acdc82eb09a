import Glibc

/// Texts within JSON strings, escaped as Envoy does it: quotes, back slashes and control characters; of a text that is no
/// UTF-8, each byte beyond ASCII as `\u00xx`.
enum JSONText {
    /// For texts of the configuration.
    static func escaped(_ text: String) -> String {
        let out = OutputScratch(capacity: 64)
        var text = text
        text.withUTF8 { bytes in if let start = bytes.baseAddress { append(start, bytes.count, to: out) } }
        return String(decoding: UnsafeBufferPointer(start: out.bytes, count: out.count), as: UTF8.self)
    }

    static func append(_ bytes: UnsafePointer<UInt8>, _ count: Int, to out: OutputScratch) {
        // Six bytes for each at most.
        out.reserve(count &* 6)
        var isPlain = true
        for i in 0..<count where bytes[i] < 0x20 || bytes[i] >= 0x80 || bytes[i] == 0x22 || bytes[i] == 0x5C {
            isPlain = false
            break
        }
        if isPlain { return out.append(bytes, count) }
        appendEscaped(bytes, count, to: out)
    }

    @inline(never)
    private static func appendEscaped(_ bytes: UnsafePointer<UInt8>, _ count: Int, to out: OutputScratch) {
        let keepsHigh = isUTF8(bytes, count)
        for i in 0..<count {
            let byte = bytes[i]
            switch byte {
            case 0x22: out.append("\\\"")
            case 0x5C: out.append("\\\\")
            case 0x08: out.append("\\b")
            case 0x09: out.append("\\t")
            case 0x0A: out.append("\\n")
            case 0x0C: out.append("\\f")
            case 0x0D: out.append("\\r")
            case 0..<0x20: appendUnicode(byte, to: out)
            case 0x80...: if keepsHigh { out.append(byte: byte) } else { appendUnicode(byte, to: out) }
            default: out.append(byte: byte)
            }
        }
    }

    private static func appendUnicode(_ byte: UInt8, to out: OutputScratch) {
        out.append("\\u00")
        for digit in [byte >> 4, byte & 15] { out.append(byte: digit < 10 ? 48 &+ digit : 87 &+ digit) }
    }

    /// RFC 3629: no surrogates, no overlong forms, nothing beyond U+10FFFF.
    static func isUTF8(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var i = 0
        while i < count {
            let byte = bytes[i]
            if byte < 0x80 {
                i &+= 1
                continue
            }
            let length: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xBF
            switch byte {
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, low) = (3, 0xA0)
            case 0xE1...0xEC, 0xEE...0xEF: length = 3
            case 0xED: (length, high) = (3, 0x9F)
            case 0xF0: (length, low) = (4, 0x90)
            case 0xF1...0xF3: length = 4
            case 0xF4: (length, high) = (4, 0x8F)
            default: return false
            }
            guard count &- i >= length, bytes[i &+ 1] >= low, bytes[i &+ 1] <= high else { return false }
            var k = 2
            while k < length {
                if bytes[i &+ k] & 0xC0 != 0x80 { return false }
                k &+= 1
            }
            i &+= length
        }
        return true
    }
}

/// `%HOSTNAME%`: this machine's name.
enum HostName {
    static var current: String {
        var buffer = [CChar](repeating: 0, count: 257)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "-" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
