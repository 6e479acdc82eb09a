import Testing

@testable import Proxy

@Suite struct CheckPacerTests {
    private final class Seen { var order: [Int] = [] }

    /// All are started, in their order, and others have their turn between them.
    @Test func manyAreStartedAFewAtATime() throws {
        let loop = try MainLoop()
        let pacer = CheckPacer(loop: loop)
        let seen = Seen()
        for i in 0..<100 { pacer.start { seen.order.append(i) } }
        #expect(seen.order.isEmpty)
        var between: Int?
        loop.after(ms: 0) { between = seen.order.count }
        #expect(loop.run(until: { seen.order.count == 100 }, limitMs: 30_000))
        #expect(seen.order == Array(0..<100))
        #expect(try #require(between) < 100)
        // What is started meanwhile has its turn too.
        pacer.start { pacer.start { seen.order.append(101) } }
        #expect(loop.run(until: { seen.order.last == 101 }, limitMs: 30_000))
    }
}

@Suite struct MainTimerTests {
    /// Timeouts that were cancelled neither fire nor stay.
    @Test func cancelledTimersAreForgotten() throws {
        let loop = try MainLoop()
        final class Owner {}
        weak var last: Owner?
        var fired = 0
        for _ in 0..<1000 {
            let owner = Owner()
            last = owner
            loop.after(ms: 3_600_000) { _ = owner }.cancel()
        }
        #expect(last == nil)
        loop.after(ms: 1) { fired += 1 }
        loop.after(ms: 2) { fired += 1 }.cancel()
        loop.after(ms: 3) { fired += 1 }
        #expect(loop.run(until: { fired == 2 }, limitMs: 30_000))
    }
}
