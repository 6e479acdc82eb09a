import Glibc
import Testing

@testable import ProxyConfig

/// `docs/compatibility.md` says what the loader does.
@Suite struct CompatibilityDocumentTests {
    private static let root = "\(#filePath)".split(separator: "/").dropLast(4).reduce("") { "\($0)/\($1)" }

    @Test("docs/compatibility.md is what the tables give: tools/gen-config-doc writes it")
    func isWhatTheTablesGive() throws {
        let written = try #require(contents(of: "\(Self.root)/docs/compatibility.md"))
        #expect(String(decoding: written, as: UTF8.self) == CompatibilityDocument.text)
    }

    /// A table that is declared and not listed would be missing in the page.
    @Test func everyTableIsListed() throws {
        var declared = 0
        let folder = "\(Self.root)/Sources/Proxy/Config"
        let directory = try #require(opendir(folder))
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasPrefix("Schema+"), let bytes = contents(of: "\(folder)/\(name)") else { continue }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            declared += lines.count { $0.contains("static let") && $0.contains("MessageSchema(") }
        }
        let listed = CompatibilityDocument.sections.flatMap(\.schemas)
        #expect(declared > 50 && listed.count == declared)
        #expect(Set(listed.map { "\($0.schema.name) \($0.place)" }).count == listed.count, "each place is told apart")
    }
}
