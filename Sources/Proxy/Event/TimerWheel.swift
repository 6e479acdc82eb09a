/// Deadlines of slots: a hashed wheel whose links live in the slots themselves.
///
/// A slot is in the wheel at most once, at or before its real deadline. When it fires, the owner works out what the
/// deadline now is and arms it again if that lies ahead: so a deadline that moves away on every request (idle timeouts)
/// costs nothing per request. A bitmap of two levels finds the next occupied tick, so an idle worker sleeps without limit.
final class TimerWheel {
    /// One tick in nanoseconds (about 4 ms).
    static let tickShift: UInt64 = 22
    static let slots = 64 * words
    /// As many as a word has bits: a bit of `summary` for each.
    private static let words = 64
    private let heads: UnsafeMutablePointer<Int32>
    private let occupied: UnsafeMutablePointer<UInt64>
    /// Which words of `occupied` have a bit.
    private let summary: UnsafeMutablePointer<UInt64>
    private let clock: UnsafeMutablePointer<UInt64>
    /// The next occupied tick, if it is known; else 0.
    private let next: UnsafeMutablePointer<UInt64>

    /// The links of one entry, kept by its owner.
    struct Link: BitwiseCopyable {
        var next: Int32 = -1
        var previous: Int32 = -1
        /// The tick it is filed under; 0: not in the wheel.
        var tick: UInt64 = 0
    }

    init(nowNs: UInt64) {
        heads = .allocate(capacity: Self.slots)
        heads.initialize(repeating: -1, count: Self.slots)
        occupied = .allocate(capacity: Self.words)
        occupied.initialize(repeating: 0, count: Self.words)
        summary = .allocate(capacity: 1)
        summary.initialize(to: 0)
        clock = .allocate(capacity: 1)
        clock.initialize(to: nowNs >> Self.tickShift)
        next = .allocate(capacity: 1)
        next.initialize(to: 0)
    }

    deinit {
        heads.deallocate()
        occupied.deallocate()
        summary.deallocate()
        clock.deallocate()
        next.deallocate()
    }

    /// Makes sure that `entry` fires at or before `deadlineNs`. `link` gives the links of an entry.
    @inline(__always)
    func arm(_ entry: Int32, deadlineNs: UInt64, link: (Int32) -> UnsafeMutablePointer<Link>) {
        let own = link(entry)
        let tick = max((deadlineNs >> Self.tickShift) &+ 1, clock.pointee &+ 1)
        if own.pointee.tick != 0 {
            if own.pointee.tick <= tick { return }
            remove(entry, link: link)
        }
        insert(entry, min(tick, clock.pointee &+ UInt64(Self.slots) &- 1), link: link)
    }

    private func insert(_ entry: Int32, _ tick: UInt64, link: (Int32) -> UnsafeMutablePointer<Link>) {
        let slot = Int(tick & UInt64(Self.slots - 1))
        let own = link(entry)
        let head = heads[slot]
        own.pointee = Link(next: head, previous: -1, tick: tick)
        if head >= 0 { link(head).pointee.previous = entry }
        heads[slot] = entry
        occupied[slot >> 6] |= 1 << UInt64(slot & 63)
        summary.pointee |= 1 << UInt64(slot >> 6)
        if tick < next.pointee { next.pointee = tick }
    }

    func remove(_ entry: Int32, link: (Int32) -> UnsafeMutablePointer<Link>) {
        let own = link(entry)
        guard own.pointee.tick != 0 else { return }
        let slot = Int(own.pointee.tick & UInt64(Self.slots - 1))
        if own.pointee.previous >= 0 {
            link(own.pointee.previous).pointee.next = own.pointee.next
        } else {
            heads[slot] = own.pointee.next
            if own.pointee.next < 0 { vacate(slot) }
        }
        if own.pointee.next >= 0 { link(own.pointee.next).pointee.previous = own.pointee.previous }
        own.pointee = Link()
    }

    private func vacate(_ slot: Int) {
        // Ticks that are occupied are less than a turn of the wheel apart.
        if Int(next.pointee & UInt64(Self.slots - 1)) == slot { next.pointee = 0 }
        occupied[slot >> 6] &= ~(1 << UInt64(slot & 63))
        if occupied[slot >> 6] == 0 { summary.pointee &= ~(1 << UInt64(slot >> 6)) }
    }

    /// Moves on to now, if it is known that nothing is due; false when that is not known.
    @inline(__always)
    func passesQuietly(nowNs: UInt64) -> Bool {
        let now = nowNs >> Self.tickShift
        if next.pointee <= now { return false }
        clock.pointee = max(clock.pointee, now)
        return true
    }

    /// Takes one entry that is due, or -1. Call until it says -1.
    func pop(nowNs: UInt64, link: (Int32) -> UnsafeMutablePointer<Link>) -> Int32 {
        let now = nowNs >> Self.tickShift
        while clock.pointee <= now {
            let slot = Int(clock.pointee & UInt64(Self.slots - 1))
            if occupied[slot >> 6] == 0, clock.pointee &+ 64 <= now, slot & 63 == 0 {
                clock.pointee &+= 64
                continue
            }
            let head = heads[slot]
            if head >= 0 {
                remove(head, link: link)
                return head
            }
            if clock.pointee == now { break }
            clock.pointee &+= 1
        }
        return -1
    }

    /// Milliseconds until the next occupied tick, -1 when there is none (what epoll_wait takes).
    @inline(__always)
    func timeoutMs(nowNs: UInt64) -> Int32 {
        if next.pointee == 0 {
            if summary.pointee == 0 { return -1 }
            next.pointee = clock.pointee &+ UInt64(stepsToNext())
        }
        let due = next.pointee << Self.tickShift
        if due <= nowNs { return 0 }
        return Int32(truncatingIfNeeded: (due &- nowNs) / 1_000_000 &+ 1)
    }

    /// Ticks from the clock's to the next occupied one, of which there is one.
    @inline(never)
    private func stepsToNext() -> Int {
        let slot = Int(clock.pointee & UInt64(Self.slots - 1))
        let (word, bit) = (slot >> 6, slot & 63)
        let here = occupied[word] >> UInt64(bit)
        if here != 0 { return here.trailingZeroBitCount }
        // The words behind this one, in their order; this one's first bits come last.
        let turn = UInt64((word + 1) & 63)
        let behind = summary.pointee >> turn | summary.pointee << ((64 &- turn) & 63)
        let words = behind.trailingZeroBitCount
        return 64 - bit + 64 * words + occupied[(word + 1 + words) & 63].trailingZeroBitCount
    }
}
