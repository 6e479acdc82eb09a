import Testing

@testable import Proxy

/// Domains by hash, compared with a look at each.
@Suite struct DomainTableTests {
    private let memory = GuardedMemory()

    private func longest(_ table: DomainTable, _ text: [UInt8]) -> Int32 {
        let found = table.longest(memory.place(text), text.count)
        #expect(table.longest(memory.placeAtStart(text), text.count) == found)
        return found
    }

    @Test func nothing() {
        for end in [DomainTable.End.front, .back] {
            let table = DomainTable([], from: end)
            #expect(table.isEmpty)
            #expect(longest(table, []) == -1)
            #expect(longest(table, bytes("a.com")) == -1)
        }
    }

    /// A wildcard stands for one letter at least.
    @Test func wildcards() {
        let suffixes = DomainTable([(".com", 0), (".a.com", 1), ("-x.a.com", 2), (".b", 3)], from: .back)
        #expect(!suffixes.isEmpty)
        let bySuffix: [(String, Int32)] = [
            ("x.com", 0), ("X.COM", 0), ("x.a.com", 1), (".a.com", 0), ("y-x.a.com", 2), ("-x.a.com", 1), (".com", -1),
            ("com", -1), ("", -1), ("a.b", 3), ("a.b.", -1), ("x.a.com:80", -1),
        ]
        for (text, value) in bySuffix { #expect(longest(suffixes, bytes(text)) == value, "\(text)") }
        let prefixes = DomainTable([("api.", 0), ("api.a.", 1), ("b", 2)])
        let byPrefix: [(String, Int32)] = [
            ("api.org", 0), ("API.ORG", 0), ("api.", -1), ("api.a.", 0), ("api.a.org", 1), ("bc", 2), ("b", -1),
            ("", -1),
        ]
        for (text, value) in byPrefix { #expect(longest(prefixes, bytes(text)) == value, "\(text)") }
    }

    /// Only A–Z are folded, in the table and in what is looked for.
    @Test func otherLettersKeepTheirCase() {
        let table = DomainTable([("É.COM", 0), ("\u{212A}.com", 1)])
        for (text, value) in [("É.com", Int32(0)), ("é.com", -1), ("\u{212A}.COM", 1), ("k.com", -1)] {
            let utf8 = Array(text.utf8)
            #expect(table.find(memory.place(utf8), utf8.count) == value, "\(text)")
        }
    }

    @Test(arguments: [0x5EED, 0xD0D0, 0x1357])
    func sameAsALookAtEach(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        func word(_ letters: String, _ most: Int) -> [UInt8] {
            let letters = Array(letters.utf8)
            return (0..<Int.random(in: 0...most, using: &random)).map { _ in letters.randomElement(using: &random) ?? 0
            }
        }
        for round in 0..<200 {
            let texts = Set((0..<Int.random(in: 0...40, using: &random)).map { _ in word("ab.", 8) })
            let domains = texts.filter { !$0.isEmpty }.enumerated().map { (text: text($1), value: Int32($0)) }
            let whole = DomainTable(domains)
            let suffixes = DomainTable(domains, from: .back)
            for _ in 0..<100 {
                let asked = word("abAB.", 12)
                let folded = asked.map { ASCII.lower($0) }
                let place = "seed \(seed), round \(round), domains \(domains), asked for \(text(asked))"
                let same = domains.first { bytes($0.text) == folded }
                #expect(whole.find(memory.place(asked), asked.count) == same?.value ?? -1, "\(place)")
                let shorter = domains.filter { $0.text.utf8.count < asked.count }
                func most(_ fits: (String) -> Bool) -> Int32 {
                    shorter.filter { fits($0.text) }.max { $0.text.utf8.count < $1.text.utf8.count }?.value ?? -1
                }
                #expect(longest(whole, asked) == most { folded.starts(with: bytes($0)) }, "\(place)")
                #expect(
                    longest(suffixes, asked) == most { folded.reversed().starts(with: bytes($0).reversed()) },
                    "\(place)")
            }
        }
    }
}
