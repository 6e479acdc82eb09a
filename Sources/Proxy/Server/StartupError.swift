/// Why the server does not start: one line for each thing that is wrong.
public struct StartupError: Error, Sendable, CustomStringConvertible {
    public var lines: [String]
    public init(_ line: String) { lines = [line] }
    public init(lines: [String]) { self.lines = lines }
    public var description: String { lines.joined(separator: "\n") }
}
