import Glibc
import Testing

/// The tutorial "Hand a listener over" shows this example's code.
struct DocumentationTests {
    @Test func theTutorialShowsThisCode() throws {
        let here = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let shown = try Self.code(in: "\(here)/../../Sources/HotRestart/HotRestart.docc/HandAListenerOver.md")
        let real = try Self.lines(of: "\(here)/Sources/nio-echo/EchoServer.swift")
        #expect(shown.count > 30)
        for line in shown { #expect(real.contains(line)) }
    }

    /// The lines of its Swift blocks.
    private static func code(in path: String) throws -> [String] {
        var found: [String] = []
        var isCode = false
        for line in try lines(of: path) {
            if line.hasPrefix("```") {
                isCode = line == "```swift"
            } else if isCode, !line.isEmpty {
                found.append(line)
            }
        }
        return found
    }

    /// Without what they are indented by.
    private static func lines(of path: String) throws -> [String] {
        guard let file = fopen(path, "re") else { throw Failure(description: "\(path): \(errno)") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map { String($0.drop { $0 == " " }) }
    }
}
