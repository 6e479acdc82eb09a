import ProxyConfig
import Testing

@testable import Proxy

@Suite struct LogFilterTests {
    @Test func numbers() throws {
        let cases: [(LogComparison.Operation, [Bool])] = [
            (.equal, [false, true, false]), (.notEqual, [true, false, true]), (.atLeast, [false, true, true]),
            (.atMost, [true, true, false]),
        ]
        for (operation, expected) in cases {
            let status = try LogScene("", filter: .status(LogComparison(operation, 404)))
            let duration = try LogScene("", filter: .duration(LogComparison(operation, 404)))
            for (value, passes) in zip([UInt16(403), 404, 405], expected) {
                status.facts.status = value
                duration.facts.endNs = 1_000_000_000 + UInt64(value) * 1_000_000 + 999_999
                #expect(status.passes == passes)
                #expect(duration.passes == passes)
            }
        }
    }

    @Test func theRuntimeMayChangeANumber() throws {
        let scene = try LogScene("", filter: .status(LogComparison(.atLeast, 400, key: "k")))
        scene.facts.status = 300
        #expect(!scene.passes)
        scene.shares.update { $0 == "k" ? RuntimeValue("300") : nil }
        #expect(scene.passes)
        scene.shares.update { _ in nil }
        #expect(!scene.passes)
    }

    @Test func flags() throws {
        let some = try LogScene("", filter: .flags([.noRouteFound, .upstreamConnectionFailure]))
        let any = try LogScene("", filter: .flags([]))
        #expect(!some.passes && !any.passes)
        some.entry.pointee.flags = .overflow
        any.entry.pointee.flags = .overflow
        #expect(!some.passes && any.passes)
        some.entry.pointee.flags.insert(.noRoute)
        #expect(some.passes)
    }

    @Test func several() throws {
        let yes = LogFilter.always
        let no = LogFilter.flags([])
        for (filter, expected) in [
            (LogFilter.all([yes, yes]), true), (.all([yes, no]), false), (.any([no, yes]), true),
            (.any([no, no]), false), (.any([no, .all([yes, .any([no, yes])])]), true),
        ] {
            #expect(try LogScene("", filter: filter).passes == expected)
        }
    }

    /// What each matcher says of "abc", of "" and of no header at all.
    @Test(arguments: [
        (TextMatch.present(true), [true, true, false]), (.present(false), [false, false, true]),
        (.exact("abc"), [true, false, false]), (.prefix("ab"), [true, false, false]),
        (.suffix("bc"), [true, false, false]), (.contains("b"), [true, false, false]),
        (.regex("a.c"), [true, false, false]), (.regex("a"), [false, false, false]),
        (.regex(".*"), [true, true, false]),
        (.exact("abcd"), [false, false, false]), (.suffix("abcd"), [false, false, false]),
    ])
    func matchers(_ match: TextMatch, _ expected: [Bool]) throws {
        for isInverted in [false, true] {
            var condition = HeaderCondition(name: "x", match: match)
            condition.isInverted = isInverted
            let found = try [("abc" as String?), "", nil].map { value in
                let scene = try LogScene("", filter: .header(condition))
                if let value { scene.set(.request, "x", value) }
                return scene.passes
            }
            var wanted = expected
            if isInverted { wanted = wanted.map { !$0 } }
            // As in Envoy nothing but `present` matches a header that is not there.
            if isInverted, case .present = match {} else { wanted[2] = expected[2] }
            #expect(found == wanted)
        }
    }

    @Test func missingMayCountAsEmpty() throws {
        var condition = HeaderCondition(name: "x", match: .exact(""))
        #expect(try !LogScene("", filter: .header(condition)).passes)
        condition.missingIsEmpty = true
        #expect(try LogScene("", filter: .header(condition)).passes)
    }

    @Test func caseMayBeIgnoredAndTheFirstOfSeveralCounts() throws {
        var condition = HeaderCondition(name: "x", match: .exact("A"))
        condition.ignoresCase = true
        let scene = try LogScene("", filter: .header(condition))
        scene.set(.request, "x", "a")
        scene.set(.request, "x", "b")
        #expect(scene.passes)
    }
}
