import Testing
import ThreadTesting

@testable import Stats

/// RE2 as Envoy's filters use it.
struct PatternTests {
    @Test(arguments: [
        ("a", "bab", true), ("^a", "bab", false), ("^b.*b$", "bab", true), ("", "anything", true), ("x", "", false),
        ("^$", "", true), (#"\.rq_(total|\d+)$"#, "cluster.a.rq_503", true), ("(?i)ÄB", "xäb", true), (".", "\0", true),
    ])
    func matchesAnywhere(pattern: String, text: String, matches: Bool) throws {
        #expect(try Pattern(pattern).matchesPart(of: text) == matches)
    }

    @Test(arguments: [
        ("(", "missing ): ("), ("[a", "missing ]: [a"), ("*", "no argument for repetition operator: *"),
        (#"\1"#, #"invalid escape sequence: \1"#), ("(?=a)", "invalid perl operator: (?="), ("a{2000}", "invalid"),
    ])
    func aBadOneSaysWhy(pattern: String, why: String) throws {
        let error = try #require(throws: Pattern.Invalid.self) { try Pattern(pattern) }
        #expect(error.description.contains(why))
    }

    /// Linear whatever the pattern: with backtracking this would take longer than the universe has time.
    @Test(.timeLimit(.minutes(Pace.minutes(1)))) func takesLinearTime() throws {
        let text = String(repeating: "a", count: 10_000)
        #expect(try !Pattern("^(a+)+$").matchesPart(of: text + "b"))
        #expect(try Pattern("^(a+)+$").matchesPart(of: text))
    }
}
