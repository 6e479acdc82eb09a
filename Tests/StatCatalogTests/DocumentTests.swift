import CLinux
import Glibc
import StatCatalog
import Testing

@Suite struct DocumentTests {
    @Test("docs/stats.md is what the table gives") func isCurrent() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/docs/stats.md"
        let written = try #require(contents(of: path), "docs/stats.md cannot be read: run tools/gen-stats-doc")
        // Not compared as a whole: a failure would print both.
        let lines = written.split(separator: "\n", omittingEmptySubsequences: false)
        let wanted = StatCatalog.document.split(separator: "\n", omittingEmptySubsequences: false)
        let first = zip(lines, wanted).enumerated().first { $0.element.0 != $0.element.1 }
        let line = first.map { $0.offset + 1 } ?? min(lines.count, wanted.count)
        #expect(
            written == StatCatalog.document,
            "docs/stats.md differs from the table in Sources/StatCatalog at line \(line): run tools/gen-stats-doc")
    }

    private func contents(of path: String) -> String? {
        let fd = cl_open(path, O_RDONLY, 0)
        guard fd >= 0 else { return nil }
        defer { _ = cl_close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = cl_read(fd, &buffer, buffer.count)
            guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
            bytes += buffer.prefix(count)
        }
    }
}
