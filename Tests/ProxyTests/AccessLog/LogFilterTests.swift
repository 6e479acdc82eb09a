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

    @Test func types() throws {
        let types = LogTypes(.downstreamStart).union(LogTypes(.tcpConnectionEnd))
        let some = try LogScene("", filter: .types(types, excludes: false))
        let others = try LogScene("", filter: .types(types, excludes: true))
        for type in LogType.allCases {
            some.facts.type = type
            others.facts.type = type
            #expect(some.passes == (type == .downstreamStart || type == .tcpConnectionEnd))
            #expect(others.passes != some.passes)
        }
        #expect(try LogScene("", filter: .types([], excludes: true)).passes)
    }

    /// The id's first eight digits are the number that Envoy looks at.
    @Test func aShareOfTheRequests() throws {
        var share = LogShare(FractionalPercent(25), key: "k")
        let scene = try LogScene("", filter: .runtime(share))
        for (id, passes) in [
            ("00000018-0000-4000-8000-000000000000", true), ("00000019-0000-4000-8000-000000000000", false),
            ("0000007C-0000-4000-8000-000000000000", true), ("ffffffff-ffff-4fff-8fff-ffffffffffff", false),
        ] {
            scene.entry.pointee.values.reset(names: scene.logs.nameCount)
            scene.set(.request, "x-request-id", id)
            #expect(scene.passes == passes, "\(id)")
        }
        // What is no such id is as none.
        for id in ["", "00000018", "0000001g-0000-4000-8000-000000000000"] {
            scene.entry.pointee.values.reset(names: scene.logs.nameCount)
            scene.set(.request, "x-request-id", id)
            scene.facts.random = 124
            #expect(scene.passes)
            scene.facts.random = 125
            #expect(!scene.passes)
        }
        scene.shares.update { $0 == "k" ? RuntimeValue("26") : nil }
        #expect(scene.passes)
        scene.shares.update { $0 == "k" ? RuntimeValue("1000") : nil }
        scene.facts.random = 99
        #expect(scene.passes)
        share.isIndependent = true
        let independent = try LogScene("", filter: .runtime(share))
        independent.facts.random = 24
        #expect(independent.passes)
        #expect(independent.logs.nameCount == 0)
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
