import ProxyConfig
import Testing

@testable import Proxy

/// `retry_budget`: Envoy's arithmetic, and what the runtime makes of it.
@Suite struct RuntimeBudgetTests {
    private static func budget(_ percent: Double, _ least: UInt32) -> RetryBudget {
        var budget = RetryBudget()
        budget.percent = percent
        budget.minConcurrency = least
        return budget
    }

    static let limits: [(percent: Double, least: UInt32, active: UInt64, limit: UInt64)] = [
        (20, 3, 0, 3), (20, 3, 15, 3), (20, 3, 19, 3), (20, 3, 20, 4), (20, 3, 1000, 200),
        // A part of a retry is none.
        (50, 0, 1, 0), (99.9, 0, 1, 0), (100, 0, 1, 1), (49.9, 0, 4, 1), (0, 0, 1000, 0), (0, 2, 1000, 2),
        // Nonsense that only the runtime can say.
        (-50, 1, 1000, 1), (.infinity, 1, 1, 1_000_000_000_000_000_000), (.infinity, 1, 0, 1), (.nan, 2, 9, 2),
    ]

    @Test(arguments: limits) func arithmetic(percent: Double, least: UInt32, active: UInt64, limit: UInt64) {
        let budget = RuntimeBudget(Self.budget(percent, least))
        #expect(budget.isOn && budget.limit(active: active) == limit)
    }

    /// The same way, a number with a fraction.
    @Test func numbersWithAFraction() {
        let shares = RuntimeShares()
        let (known, fixed) = (shares.makeReal(0.5, key: "a"), shares.makeReal(2, key: ""))
        shares.update { $0 == "a" ? RuntimeValue("-1.25") : nil }
        #expect(known.value == -1.25 && fixed.value == 2)
        shares.update { $0 == "a" ? RuntimeValue("x") : nil }
        #expect(known.value == 0.5)
    }

    @Test func withoutOneTheNumberOfRetriesCounts() {
        #expect(!RuntimeBudget(nil).isOn)
    }

    /// Either key turns it on; what one does not say is as configured, or Envoy's default.
    @Test func theRuntimeChangesIt() {
        let shares = RuntimeShares()
        let none = shares.makeBudget(nil, cluster: "a")
        let some = shares.makeBudget(Self.budget(10, 1), cluster: "b")
        func update(_ values: [String: String]) {
            shares.update { key in values[key].map { RuntimeValue($0) } }
        }
        update([:])
        #expect(!none.isOn && some.isOn && some.limit(active: 100) == 10 && some.limit(active: 0) == 1)
        update([
            "circuit_breakers.a.default.retry_budget.budget_percent": "50.5",
            "circuit_breakers.b.default.retry_budget.min_retry_concurrency": "7",
        ])
        #expect(none.isOn && none.limit(active: 1000) == 505 && none.limit(active: 0) == 3)
        #expect(some.limit(active: 100) == 10 && some.limit(active: 0) == 7)
        update([
            "circuit_breakers.a.default.retry_budget.min_retry_concurrency": "5",
            "circuit_breakers.b.default.retry_budget.budget_percent": "much",
        ])
        #expect(none.limit(active: 1000) == 200 && none.limit(active: 0) == 5)
        #expect(some.limit(active: 100) == 10 && some.limit(active: 0) == 1)
        update([:])
        #expect(!none.isOn && some.limit(active: 100) == 10)
    }
}
