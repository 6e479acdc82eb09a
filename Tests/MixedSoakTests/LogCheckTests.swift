import Testing

@testable import mixed_soak

/// The access log must have one line for each request.
@Suite struct LogCheckTests {
    private static func line(_ lane: UInt64, _ number: UInt64, _ status: Int = 200) -> String {
        "exact \(lane << 32 | number) \(status)"
    }

    @Test func allAreThere() {
        var check = LogCheck()
        for number in [2, 1, 3] as [UInt64] { check.add(Self.line(7, number, 404)) }
        check.add("rough - 400")
        check.expect(lane: 7, issued: 3)
        #expect(check.problems == [])
        #expect(check.lines == 4 && check.nameless == 1)
        #expect(check.answers["exact"]?[4] == 3 && check.answers["rough"]?[4] == 1)
    }

    @Test func oneIsMissing() {
        var check = LogCheck()
        check.add(Self.line(7, 1))
        check.expect(lane: 7, issued: 2)
        check.expect(lane: 8, issued: 1)
        #expect(check.problems == ["request 2 of lane 7 has 0 lines", "request 1 of lane 8 has 0 lines"])
    }

    @Test func oneIsThereTwiceOrWasNeverMade() {
        var check = LogCheck()
        for number in [1, 1, 2] as [UInt64] { check.add(Self.line(7, number)) }
        check.expect(lane: 7, issued: 1)
        #expect(check.problems == ["request 1 of lane 7 has 2 lines", "request 2 of lane 7 has 1 lines"])
    }

    @Test(arguments: ["exact 1", "exact x 200", "exact \(1 << 32) 200", "\u{0}\u{0}", "exact 1 2 3"])
    func noLine(line: String) {
        var check = LogCheck()
        check.add(line)
        #expect(check.problems.count == 1)
    }
}
