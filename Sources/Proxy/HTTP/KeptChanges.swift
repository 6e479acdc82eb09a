import Glibc

/// Changes of a response's headers as bytes, with their values: made when the request goes on, kept by its stream, and handed over with it.
/// A change is its action, the lengths of name and value, and both.
struct KeptChanges {
    private let bytes: UnsafePointer<UInt8>
    private let count: Int
    private static let headLength = 7

    /// - Parameter bytes: may come from another process: nothing in them is trusted.
    init(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        self.bytes = bytes
        self.count = count
    }

    static func write(_ action: HeaderAction, _ name: Bytes, _ value: Bytes, to out: OutputScratch) {
        out.append(byte: action.rawValue)
        for shift in [0, 8] { out.append(byte: UInt8(truncatingIfNeeded: name.count >> shift)) }
        for shift in [0, 8, 16, 24] { out.append(byte: UInt8(truncatingIfNeeded: value.count >> shift)) }
        out.append(name)
        out.append(value)
    }

    /// Calls with each change; false where the bytes are none. An action that is not known, of a newer build, is left out.
    @discardableResult
    func forEach(_ body: (HeaderAction, Bytes, Bytes) -> Void) -> Bool {
        var p = 0
        while p < count {
            guard count - p >= Self.headLength else { return false }
            let nameLength = Int(bytes[p + 1]) | Int(bytes[p + 2]) << 8
            var valueLength = 0
            for i in 0..<4 { valueLength |= Int(bytes[p + 3 + i]) << (8 * i) }
            let name = p + Self.headLength
            guard nameLength > 0, count - name >= nameLength, count - name - nameLength >= valueLength else {
                return false
            }
            if let action = HeaderAction(rawValue: bytes[p]) {
                body(action, Bytes(bytes + name, nameLength), Bytes(bytes + name + nameLength, valueLength))
            }
            p = name + nameLength + valueLength
        }
        return true
    }

    /// Whether each name is one, in lower case, and no value has control characters.
    var areSound: Bool {
        var isSound = true
        let isWhole = forEach { _, name, value in
            for i in 0..<name.count {
                let byte = name.start[i]
                if !ASCII.tables.isToken(byte) || ASCII.lower(byte) != byte { isSound = false }
            }
            for i in 0..<value.count where value.start[i] < 0x20 && value.start[i] != 9 || value.start[i] == 0x7F {
                isSound = false
            }
        }
        return isWhole && isSound
    }
}
