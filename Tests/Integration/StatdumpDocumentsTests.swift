import Glibc
import Testing

/// The man page, the manual and the completions know every option that there is.
struct StatdumpDocumentsTests {
    private static let root = String(#filePath.dropLast("/Tests/Integration/StatdumpDocumentsTests.swift".utf8.count))

    /// The long options that the help shows.
    private func options(_ bed: Bed, _ program: String) throws -> Set<String> {
        let help = try bed.output(program, ["--help"]).output
        var found: Set<String> = []
        // The list of options; a text above it may speak of other things.
        let list = help.components(after: "USAGE:")
        for word in list.split(whereSeparator: { " ,.\n=()[]:;".contains($0) })
        where word.hasPrefix("--") && word.count > 2 {
            found.insert(String(word))
        }
        #expect(found.contains("--help") && found.count > 5)
        return found
    }

    @Test(arguments: [
        ("statdump", "share/man/man1/statdump.1"), ("statdump", "docs/operations/statdump.md"),
        ("envoyd", "share/man/man1/envoyd.1"),
    ]) func noOptionIsMissing(program: String, path: String) throws {
        try withBed { bed in
            let text = try #require(Files.read("\(Self.root)/\(path)")).replacing("\\-", with: "-")
            for option in try options(bed, program) { #expect(text.contains(option), "\(path): \(option)") }
        }
    }

    /// What the man page has, the program has.
    @Test func noOptionIsInvented() throws {
        try withBed { bed in
            let page = try #require(Files.read("\(Self.root)/share/man/man1/statdump.1"))
            let known = try options(bed, "statdump")
            for line in page.split(separator: "\n") where line.hasPrefix(".B \\-\\-") || line.hasPrefix(".BR \\-\\-") {
                let name = line.replacing("\\-", with: "-").split(whereSeparator: {
                    " []=\"".contains($0)
                })
                let option = name.first { $0.hasPrefix("--") }
                #expect(option.map { known.contains(String($0)) } == true, "\(line)")
            }
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completionsAreThoseOfThisBuild(shell: String) throws {
        try withBed { bed in
            let made = try bed.output("statdump", ["--generate-completion-script", shell]).output
            let kept = Files.read("\(Self.root)/share/completions/statdump.\(shell)")
            let isSame = made == kept
            #expect(isSame, "statdump --generate-completion-script \(shell) makes another one")
        }
    }
}

extension String {
    fileprivate func components(after mark: String) -> Substring {
        guard let found = firstRange(of: mark) else { return "" }
        return self[found.upperBound...]
    }
}
