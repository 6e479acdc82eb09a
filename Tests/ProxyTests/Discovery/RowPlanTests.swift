import Testing

@testable import Proxy

/// Which rows filter chains get. Digests stand for filter chains.
@Suite struct RowPlanTests {
    private static func old(_ chains: [(row: Int, digest: Int)]) -> [RowPlan.Old] {
        chains.map { RowPlan.Old(row: $0.row, digest: $0.digest) }
    }

    @Test func aNewListenerGetsFreeRows() throws {
        var free = [7, 8, 9]
        let plan = try #require(RowPlan(position: nil, old: [], digests: [1, 2], free: &free))
        #expect(plan.position == 7 && plan.rows == [7, 8] && plan.new == [0, 1])
        #expect(plan.retired.isEmpty && plan.toFront == nil && free == [9])
    }

    /// The one that comes is where the other was, whose connections go on elsewhere.
    @Test func anotherFilterChainHasTheSameRow() throws {
        var free = [7, 8]
        let plan = try #require(
            RowPlan(position: 3, old: Self.old([(3, 1), (5, 2)]), digests: [1, 4], free: &free))
        #expect(plan.rows == [3, 5] && plan.new == [1] && plan.retired == [.init(row: 5, to: 7)] && free == [8])
    }

    @Test func theFirstRowIsTakenFirst() throws {
        var free = [7, 8]
        let plan = try #require(
            RowPlan(position: 5, old: Self.old([(3, 1), (5, 2)]), digests: [9], free: &free))
        #expect(plan.position == 5 && plan.rows == [5] && plan.toFront == nil)
        #expect(plan.retired == [.init(row: 5, to: 7), .init(row: 3, to: 8)] && free == [3])
    }

    /// What stays moves to the first row when nothing else is there.
    @Test func whatStaysMovesToTheFront() throws {
        var free = [7]
        let plan = try #require(
            RowPlan(position: 3, old: Self.old([(3, 1), (5, 2), (6, 4)]), digests: [4, 2], free: &free))
        #expect(plan.rows == [3, 5] && plan.new.isEmpty && plan.toFront == 6)
        #expect(plan.retired == [.init(row: 3, to: 7)] && free == [6])
    }

    @Test func eachStaysOnceInAnyOrder() throws {
        var free = [7]
        let plan = try #require(
            RowPlan(position: 3, old: Self.old([(3, 1), (5, 2)]), digests: [2, 1, 1], free: &free))
        #expect(plan.rows == [5, 3, 7] && plan.new == [2] && plan.retired.isEmpty && free.isEmpty)
    }

    @Test func thereMayBeNoRoom() {
        var free = [7]
        #expect(RowPlan(position: 3, old: Self.old([(3, 1), (5, 2)]), digests: [8, 9], free: &free) == nil)
        #expect(free == [7], "nothing is taken")
        #expect(RowPlan(position: nil, old: [], digests: [8, 9], free: &free) == nil)
    }
}
