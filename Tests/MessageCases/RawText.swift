/// Bytes as they stand in a case file: visible characters, and escapes for all others.
///
/// `\r \n \t \0 \\`, `\s` (a space at the end of a line), `\xHH`, `\{COUNT*TEXT}` (the same again and again).
public enum RawText {
    /// The bytes of a line of a case file; nil where an escape is none.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let c = rest.popFirst() {
            guard c == UInt8(ascii: "\\") else {
                guard (32..<127).contains(c) else { return nil }
                bytes.append(c)
                continue
            }
            guard let escape = rest.popFirst() else { return nil }
            switch escape {
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "0"): bytes.append(0)
            case UInt8(ascii: "s"): bytes.append(32)
            case UInt8(ascii: "\\"): bytes.append(escape)
            case UInt8(ascii: "x"):
                guard let byte = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
                bytes.append(byte)
                rest = rest.dropFirst(2)
            case UInt8(ascii: "{"):
                guard let repeated = repetition(&rest) else { return nil }
                bytes += repeated
            default: return nil
            }
        }
        return bytes
    }

    /// What stands behind `\{`.
    private static func repetition(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { return nil }
        let parts = rest[..<end].split(separator: UInt8(ascii: "*"), maxSplits: 1, omittingEmptySubsequences: false)
        rest = rest[(end + 1)...]
        guard parts.count == 2, let count = Int(String(decoding: parts[0], as: UTF8.self)), count > 0, count <= 100_000,
            let text = decode(String(decoding: parts[1], as: UTF8.self))
        else { return nil }
        return Array(repeatElement(text, count: count).joined())
    }

    /// The bytes in quotes, as a report shows them. Long ones are cut.
    public static func quote(_ bytes: some Collection<UInt8>, limit: Int = 60) -> String {
        var text = "\""
        for byte in bytes.prefix(limit) { text += byte == UInt8(ascii: "\"") ? "\\\"" : escape(byte) }
        return text + (bytes.count > limit ? "...\(bytes.count) bytes\"" : "\"")
    }

    /// A byte as `decode` wants it.
    package static func escape(_ byte: UInt8) -> String {
        switch byte {
        case 13: "\\r"
        case 10: "\\n"
        case 9: "\\t"
        case 0: "\\0"
        case UInt8(ascii: "\\"): "\\\\"
        case 32..<127: String(UnicodeScalar(byte))
        default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
