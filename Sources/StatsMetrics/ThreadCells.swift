import CLinux
import Glibc
import Stats

/// What one thread has found so far: for every stat its cell. Only that thread touches it; when the thread ends, the next
/// new one goes on with it, plane and all.
struct ThreadCells {
    struct Slot {
        var counter: Counter?
        var histogram: Histogram?
        /// What a floating-point counter counted too little: at most half a millionth, either way.
        var carry = 0.0
    }

    let backend: StatsBackend
    let writer: StatsWriter
    /// Other threads write to the same cells.
    let isShared: Bool
    private(set) var slots: UnsafeMutablePointer<Slot>
    private(set) var count = 0
    /// Handlers that this thread has asked for, so that it need not ask under the lock again.
    var handlers: [HandlerKey: any AnyObject & Sendable] = [:]

    init(backend: StatsBackend, writer: StatsWriter, isShared: Bool) {
        self.backend = backend
        self.writer = writer
        self.isShared = isShared
        slots = .allocate(capacity: 0)
    }

    /// Makes room for the slot `index`.
    mutating func reach(_ index: Int) {
        guard index >= count else { return }
        let wanted = max(index + 1, count * 2, 16)
        let larger = UnsafeMutablePointer<Slot>.allocate(capacity: wanted)
        larger.moveInitialize(from: slots, count: count)
        (larger + count).initialize(repeating: Slot(), count: wanted - count)
        slots.deallocate()
        slots = larger
        count = wanted
    }
}

/// A pointer that one thread has at a time, handed on under the backend's lock.
struct ThreadCellsPointer: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<ThreadCells>
}

/// Where a handler finds its cell in the table of the thread that calls.
struct SlotPlace: Sendable {
    let backend: StatsBackend
    let key: pthread_key_t
    let index: Int

    @inline(__always)
    private func found() -> UnsafeMutablePointer<ThreadCells>? {
        pthread_getspecific(key)?.assumingMemoryBound(to: ThreadCells.self)
    }

    /// Adds to a counter.
    @inline(__always)
    func add(_ amount: UInt64) {
        if let cells = found(), index < cells.pointee.count, !cells.pointee.isShared,
            let counter = cells.pointee.slots[index].counter
        {
            counter.add(amount)
        } else {
            slowAdd(amount)
        }
    }

    @inline(never)
    private func slowAdd(_ amount: UInt64) {
        let cells = backend.resolve(index)
        guard let counter = cells.pointee.slots[index].counter else { return }
        if cells.pointee.isShared { counter.addAmongOthers(amount) } else { counter.add(amount) }
    }

    /// Adds millionths to a counter; what is lost in rounding waits for the next call.
    func addMillionths(_ amount: Double) {
        let cells = backend.resolve(index)
        let sum = amount + cells.pointee.slots[index].carry
        let whole = sum.rounded()
        cells.pointee.slots[index].carry = sum - whole
        if let whole = UInt64(exactly: whole), whole > 0 { add(whole) }
    }

    /// Counts a value in a histogram.
    @inline(__always)
    func record(_ value: UInt64) {
        if let cells = found(), index < cells.pointee.count, !cells.pointee.isShared,
            let histogram = cells.pointee.slots[index].histogram, histogram.hasBins(for: value)
        {
            histogram.record(value)
        } else {
            slowRecord(value)
        }
    }

    @inline(never)
    private func slowRecord(_ value: UInt64) {
        let cells = backend.resolve(index)
        guard let histogram = cells.pointee.slots[index].histogram else { return }
        if cells.pointee.isShared {
            backend.recordAmongOthers(histogram, value)
        } else {
            if !histogram.hasBins(for: value) { backend.topUp() }
            histogram.record(value)
        }
    }
}
