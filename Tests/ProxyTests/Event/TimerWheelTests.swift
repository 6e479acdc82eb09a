import Testing

@testable import Proxy

@Suite struct TimerWheelTests {
    private static let tick: UInt64 = 1 << TimerWheel.tickShift
    private static let second: UInt64 = 1_000_000_000

    /// A wheel with room for the links of some entries.
    private final class Fixture {
        let wheel: TimerWheel
        let links: UnsafeMutablePointer<TimerWheel.Link>
        let capacity: Int

        init(nowNs: UInt64, capacity: Int = 64) {
            wheel = TimerWheel(nowNs: nowNs)
            links = .allocate(capacity: capacity)
            links.initialize(repeating: TimerWheel.Link(), count: capacity)
            self.capacity = capacity
        }

        deinit { links.deallocate() }

        func arm(_ entry: Int32, _ deadlineNs: UInt64) { wheel.arm(entry, deadlineNs: deadlineNs) { links + Int($0) } }
        func remove(_ entry: Int32) { wheel.remove(entry) { links + Int($0) } }
        /// As a worker does.
        func pop(_ nowNs: UInt64) -> Int32 {
            wheel.passesQuietly(nowNs: nowNs) ? -1 : wheel.pop(nowNs: nowNs) { links + Int($0) }
        }
        func isArmed(_ entry: Int32) -> Bool { links[Int(entry)].tick != 0 }

        func popAll(_ nowNs: UInt64) -> [Int32] {
            var fired: [Int32] = []
            while true {
                let entry = pop(nowNs)
                if entry < 0 { return fired }
                fired.append(entry)
            }
        }
    }

    /// Beginnings: zero, inside the first turn, at a turn's end, and far on.
    static let beginnings: [UInt64] = [
        0, 1, tick * 63, tick * 64, tick * 4095, tick * 4096 - 1, tick * 4097, 123_456_789_012_345,
    ]

    @Test(arguments: beginnings)
    func emptyWheel(now: UInt64) {
        let f = Fixture(nowNs: now)
        #expect(f.pop(now) == -1)
        #expect(f.wheel.timeoutMs(nowNs: now) == -1)
        #expect(f.pop(now + 3600 * Self.second) == -1)
        #expect(f.wheel.timeoutMs(nowNs: now + 3600 * Self.second) == -1)
    }

    @Test(arguments: beginnings)
    func firesAtItsDeadlineAndOnce(now: UInt64) {
        let f = Fixture(nowNs: now)
        let deadline = now + 100_000_000
        f.arm(5, deadline)
        #expect(f.isArmed(5))
        #expect(f.popAll(now).isEmpty)
        #expect(f.popAll(deadline - 1).isEmpty, "not before its deadline")
        #expect(f.popAll(deadline + Self.tick) == [5], "at most a tick late")
        #expect(!f.isArmed(5))
        #expect(f.popAll(deadline + 10 * Self.second).isEmpty)
        #expect(f.wheel.timeoutMs(nowNs: deadline) == -1)
    }

    @Test(arguments: beginnings)
    func order(now: UInt64) {
        let f = Fixture(nowNs: now)
        let delays: [UInt64] = [500, 20, 16000, 40, 300, 2000, 60, 1000, 10000, 90]
        for (i, delay) in delays.enumerated() { f.arm(Int32(i), now + delay * 1_000_000) }
        let expected = delays.indices.sorted { delays[$0] < delays[$1] }.map { Int32($0) }
        #expect(f.popAll(now + 20 * Self.second) == expected)
    }

    @Test(arguments: beginnings)
    func timeoutReachesTheNextEntry(now: UInt64) {
        for delayMs in [UInt64(1), 5, 100, 250, 1000, 17000] {
            let f = Fixture(nowNs: now)
            f.arm(1, now + delayMs * 1_000_000)
            f.arm(2, now + 17100 * 1_000_000)
            let timeout = UInt64(f.wheel.timeoutMs(nowNs: now))
            #expect(timeout >= delayMs && timeout <= delayMs + 6, "\(timeout) for \(delayMs)")
            #expect(f.popAll(now + timeout * 1_000_000) == [1], "the sleep is long enough")
        }
    }

    @Test func timeoutIsZeroWhenSomethingIsDue() {
        let f = Fixture(nowNs: 0)
        f.arm(1, Self.second)
        #expect(f.wheel.timeoutMs(nowNs: 2 * Self.second) == 0)
        #expect(f.wheel.timeoutMs(nowNs: 200 * Self.second) == 0)
        #expect(f.popAll(2 * Self.second) == [1])
    }

    @Test func deadlinesInThePastFireAtTheNextTick() {
        let now = 1000 * Self.second
        let f = Fixture(nowNs: now)
        f.arm(1, 0)
        f.arm(2, now - Self.second)
        f.arm(3, now)
        #expect(f.popAll(now).isEmpty, "nothing fires in the tick that armed it")
        #expect(Set(f.popAll(now + 2 * Self.tick)) == [1, 2, 3])
    }

    /// Entries of one tick stand in a chain: taking out the first, one in the middle, and the last.
    @Test(arguments: [[Int32(0)], [1], [2], [0, 1], [1, 2], [0, 2], [2, 0], [2, 1, 0], [0, 1, 2]])
    func cancel(removed: [Int32]) {
        let f = Fixture(nowNs: 0)
        for entry in Int32(0)..<3 { f.arm(entry, Self.second) }
        for entry in removed {
            f.remove(entry)
            #expect(!f.isArmed(entry))
            f.remove(entry)
        }
        if removed.count == 3 { #expect(f.wheel.timeoutMs(nowNs: 0) == -1) }
        #expect(Set(f.popAll(2 * Self.second)) == Set(0..<3).subtracting(removed))
    }

    @Test func cancelLeavesNeighboursOfTheSameWord() {
        let f = Fixture(nowNs: 0)
        f.arm(1, 10 * Self.tick)
        f.arm(2, 11 * Self.tick)
        f.remove(1)
        #expect(f.popAll(Self.second) == [2])
    }

    @Test func armingEarlierMovesAnEntry() {
        let f = Fixture(nowNs: 0)
        f.arm(1, 10 * Self.second)
        f.arm(1, Self.second)
        #expect(f.popAll(Self.second + Self.tick) == [1])
        #expect(f.popAll(20 * Self.second).isEmpty, "it stands in the wheel once")
    }

    /// A deadline that moves away costs nothing: the entry fires at the earlier one and its owner arms it again.
    @Test func armingLaterKeepsTheEarlierDeadline() {
        let f = Fixture(nowNs: 0)
        f.arm(1, Self.second)
        f.arm(1, 10 * Self.second)
        #expect(f.popAll(Self.second + Self.tick) == [1])
        f.arm(1, 10 * Self.second)
        #expect(f.popAll(10 * Self.second - 1).isEmpty)
        #expect(f.popAll(10 * Self.second + Self.tick) == [1])
    }

    /// Delays longer than a turn: fires early, armed again each time, and at last on time.
    @Test(arguments: beginnings)
    func longDelays(begin: UInt64) {
        let f = Fixture(nowNs: begin)
        let deadline = begin + 3600 * Self.second
        f.arm(1, deadline)
        var now = begin
        var wakeUps = 0
        while now < deadline {
            let timeout = f.wheel.timeoutMs(nowNs: now)
            guard timeout > 0 else {
                Issue.record("timeout \(timeout)")
                break
            }
            now += UInt64(timeout) * 1_000_000
            wakeUps += 1
            if f.popAll(now) == [1], now < deadline { f.arm(1, deadline) }
        }
        #expect(now <= deadline + 2 * Self.tick)
        #expect(wakeUps <= 3600 / 17 + 2, "about one in a turn of the wheel, but \(wakeUps)")
    }

    /// Whatever is armed and removed, the next time to wake up is that of the earliest entry.
    @Test(arguments: beginnings)
    func theNextOneIsFound(begin: UInt64) {
        let f = Fixture(nowNs: begin, capacity: 256)
        var seed = begin | 1
        func random(_ limit: UInt64) -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (seed >> 33) % limit
        }
        for step in 0..<5000 {
            let entry = Int32(random(256))
            // Few at a time and many, near and far.
            let isSparse = step / 500 % 2 == 0
            if random(10) < (isSparse ? 3 : 7) {
                f.arm(entry, begin + random(isSparse ? 16 * Self.second : 200 * Self.tick))
            } else {
                f.remove(entry)
            }
            let ticks = (0..<256).map { f.links[$0].tick }.filter { $0 != 0 }
            guard let earliest = ticks.min() else {
                #expect(f.wheel.timeoutMs(nowNs: begin) == -1, "step \(step)")
                continue
            }
            let left = (earliest << TimerWheel.tickShift) - begin
            #expect(f.wheel.timeoutMs(nowNs: begin) == Int32(left / 1_000_000 + 1), "step \(step)")
        }
    }

    @Test func infiniteDeadlinesDoNotOverflow() {
        let f = Fixture(nowNs: Self.second)
        f.arm(1, .max)
        #expect(f.wheel.timeoutMs(nowNs: Self.second) > 17000)
        #expect(f.popAll(16 * Self.second).isEmpty)
    }

    /// The loop sleeps long and arms before it pops: the wheel's clock is far behind.
    @Test func armingAfterALongSleep() {
        let f = Fixture(nowNs: 0)
        let now = 1000 * Self.second
        f.arm(1, now + Self.second)
        var fired: UInt64 = 0
        for step in 0..<400 where fired == 0 {
            let time = now + UInt64(step) * 5_000_000
            for entry in f.popAll(time) {
                if time >= now + Self.second { fired = time } else { f.arm(entry, now + Self.second) }
            }
        }
        #expect(fired >= now + Self.second && fired <= now + Self.second + 2 * Self.tick + 5_000_000)
    }

    /// Random use against a dictionary of the ticks at which entries have to fire.
    @Test(arguments: UInt64(1)...4)
    func sameAsADictionary(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var now = Self.beginnings[Int(seed) * 2 - 1]
        let f = Fixture(nowNs: now)
        var model: [Int32: UInt64] = [:]
        for _ in 0..<4000 {
            let entry = Int32.random(in: 0..<64, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0...3:
                let deadline = now + UInt64.random(in: 0...25 * Self.second, using: &generator)
                let clock = now / Self.tick
                let due = min(max(deadline / Self.tick, clock) + 1, clock + UInt64(TimerWheel.slots) - 1)
                model[entry] = min(model[entry] ?? .max, due)
                f.arm(entry, deadline)
            case 4:
                f.remove(entry)
                model[entry] = nil
            default:
                let jump = Int.random(in: 0..<20, using: &generator) == 0 ? 40 * Self.second : Self.second / 4
                now += UInt64.random(in: 0...jump, using: &generator)
                let fired = f.popAll(now)
                let due = model.filter { $0.value <= now / Self.tick }
                #expect(Set(fired) == Set(due.keys) && fired.count == due.count)
                #expect(fired.map { due[$0] ?? 0 } == due.values.sorted(), "in the order of their ticks")
                for entry in fired { model[entry] = nil }
            }
            let timeout = f.wheel.timeoutMs(nowNs: now)
            if let next = model.values.min() {
                #expect(UInt64(timeout) == (next * Self.tick - now) / 1_000_000 + 1)
            } else {
                #expect(timeout == -1)
            }
        }
    }
}
