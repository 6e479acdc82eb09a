/// A key press, whatever bytes the terminal sent for it.
enum Key: Equatable {
    case character(Character)
    case enter, escape, backspace, up, down, pageUp, pageDown, home, end, interrupt
}

enum KeyParser {
    private static let sequences: [(bytes: String, key: Key)] = [
        ("[A", .up), ("[B", .down), ("OA", .up), ("OB", .down), ("[5~", .pageUp), ("[6~", .pageDown), ("[H", .home),
        ("[F", .end), ("OH", .home), ("OF", .end), ("[1~", .home), ("[4~", .end), ("[7~", .home), ("[8~", .end),
    ]

    /// The keys in what one read of the terminal gave.
    static func keys(_ bytes: [UInt8]) -> [Key] {
        var keys: [Key] = []
        var rest = bytes[...]
        while let first = rest.first {
            rest = rest.dropFirst()
            switch first {
            case 0x1b:
                if let known = sequences.first(where: { rest.starts(with: $0.bytes.utf8) }) {
                    keys.append(known.key)
                    rest = rest.dropFirst(known.bytes.utf8.count)
                } else if rest.first == UInt8(ascii: "[") || rest.first == UInt8(ascii: "O") {
                    // A key that means nothing here: its sequence ends with a letter or a tilde.
                    rest = rest.dropFirst().drop { $0 < 0x40 }.dropFirst()
                } else {
                    keys.append(.escape)
                }
            case 0x0d, 0x0a: keys.append(.enter)
            case 0x7f, 0x08: keys.append(.backspace)
            case 0x03: keys.append(.interrupt)
            case 0..<0x20: break
            case 0..<0x80: keys.append(.character(Character(UnicodeScalar(first))))
            default:
                let count = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
                let text = String(decoding: [first] + rest.prefix(count), as: UTF8.self)
                rest = rest.dropFirst(count)
                if text.count == 1, let character = text.first { keys.append(.character(character)) }
            }
        }
        return keys
    }
}
