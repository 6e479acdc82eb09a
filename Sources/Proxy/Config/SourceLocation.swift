import Synchronization

/// Where something stands in the configuration the user wrote.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    private let text: SourceText
    private let row, offset: Int32
    /// The file's name as the user gave it; `--config-yaml` for inline text.
    public var file: String { text.name }
    /// From 1.
    public var line: Int { Int(row) }
    /// From 1, in characters as an editor counts them.
    public var column: Int { Int(offset) }
    public init(file: String, line: Int, column: Int) {
        self.init(text: SourceText(file), line: line, column: column)
    }
    init(text: SourceText, line: Int, column: Int) {
        self.text = text
        row = Int32(clamping: line)
        offset = Int32(clamping: column)
    }
    public var description: String { "\(file):\(line):\(column)" }
}

/// The name of a text, as a number: each value of a text has its place, and to copy one counts no references.
struct SourceText: Sendable, Hashable {
    private let number: Int32
    /// Those of one process are few.
    private static let names = Mutex<[String]>([])

    init(_ name: String) {
        number = Self.names.withLock { names in
            if let known = names.firstIndex(of: name) { return Int32(known) }
            names.append(name)
            return Int32(names.count - 1)
        }
    }

    var name: String { Self.names.withLock { $0[Int(number)] } }
}
