import CLinux
import SharedMemory

/// A counter in one writer's plane. Only the owning thread adds: load, add, store, no lock prefix.
@frozen
public struct Counter: BitwiseCopyable {
    @usableFromInline let cell: UnsafeMutablePointer<UInt64>
    @inlinable init(cell: UnsafeMutablePointer<UInt64>) { self.cell = cell }
    /// Adds `amount`; past the largest number it begins at zero again.
    @inlinable @inline(__always) public func add(_ amount: UInt64) { cl_owner_add(cell, amount) }
    /// Adds one.
    @inlinable @inline(__always) public func increment() { cl_owner_add(cell, 1) }
}

/// A gauge in one writer's plane; what other planes hold is added by readers, so that a plane's own part may go below
/// zero (two's complement).
@frozen
public struct Gauge: BitwiseCopyable {
    @usableFromInline let cell: UnsafeMutablePointer<UInt64>
    @inlinable init(cell: UnsafeMutablePointer<UInt64>) { self.cell = cell }
    /// Adds `amount` to this plane's part.
    @inlinable @inline(__always) public func add(_ amount: UInt64) { cl_owner_add(cell, amount) }
    /// Takes `amount` from this plane's part.
    @inlinable @inline(__always) public func sub(_ amount: UInt64) { cl_owner_add(cell, 0 &- amount) }
    /// Makes this plane's part `value`, whatever the others hold.
    @inlinable @inline(__always) public func set(_ value: UInt64) { cl_store_relaxed(cell, value) }
    /// This plane's part. Any thread may read it; only the sum of all planes says how many there are.
    @inlinable @inline(__always) public var part: UInt64 { cl_load_relaxed(cell) }
}

/// A histogram in one writer's plane.
@frozen
public struct Histogram: BitwiseCopyable {
    @usableFromInline let local: UnsafeMutablePointer<LocalHistogram>
    @inlinable init(local: UnsafeMutablePointer<LocalHistogram>) { self.local = local }

    /// Counts `value` in its bin of two significant decimal digits.
    @inlinable @inline(__always)
    public func record(_ value: UInt64) {
        let shared = local.pointee.cells
        cl_owner_add(shared + 1, value)
        guard value != 0 else {
            cl_owner_add(shared, 1)
            return
        }
        let place = HistogramBins.place(value)
        let block = local.pointee.decades[place.decade] ?? local.pointee.makeBlock(place.decade)
        cl_owner_add(block + place.bin, 1)
    }
}

/// What a writer keeps of one histogram beside the shared cells: where its decades are.
@usableFromInline
struct LocalHistogram {
    /// `HistogramBins.cells` cells: zero count, sum, block numbers.
    @usableFromInline let cells: UnsafeMutablePointer<UInt64>
    @usableFromInline let decades: UnsafeMutablePointer<UnsafeMutablePointer<UInt64>?>
    let reserve: UnsafeMutablePointer<BlockReserve>?
    let overflow: UnsafeMutablePointer<UInt64>
    /// The addresses of the decades that live on the heap, 0: none; what the main thread reads of them.
    let heapDecades: UnsafeMutablePointer<UInt64>

    /// Words of memory that one takes beside its cells.
    static let words = 2 * HistogramBins.decades

    /// - Parameter memory: `words` of them, whatever they hold.
    init(
        cells: UnsafeMutablePointer<UInt64>, reserve: UnsafeMutablePointer<BlockReserve>?,
        overflow: UnsafeMutablePointer<UInt64>, memory: UnsafeMutablePointer<UInt64>
    ) {
        self.cells = cells
        self.reserve = reserve
        self.overflow = overflow
        memory.initialize(repeating: 0, count: Self.words)
        heapDecades = memory
        decades = UnsafeMutableRawPointer(memory + HistogramBins.decades).bindMemory(
            to: UnsafeMutablePointer<UInt64>?.self, capacity: HistogramBins.decades)
        decades.initialize(repeating: nil, count: HistogramBins.decades)
        guard let reserve else { return }
        // A plane taken over from a dead process goes on in the blocks it has.
        for decade in 0..<HistogramBins.decades {
            let number = cl_load_relaxed(cells + HistogramBins.firstBlockCell + decade)
            if number > 0, number <= UInt64(UInt32.max) { decades[decade] = reserve.pointee.block(Int(number - 1)) }
        }
    }

    /// The first value of a decade: takes a block of the plane's reserve, or heap memory when that is used up.
    @usableFromInline @inline(never)
    func makeBlock(_ decade: Int) -> UnsafeMutablePointer<UInt64> {
        if let reserve, let taken = reserve.pointee.take() {
            decades[decade] = taken.cells
            cl_store_release(cells + HistogramBins.firstBlockCell + decade, UInt64(taken.index + 1))
            return taken.cells
        }
        let block = UnsafeMutablePointer<UInt64>.allocate(capacity: RegionLayout.blockCells)
        block.initialize(repeating: 0, count: RegionLayout.blockCells)
        decades[decade] = block
        cl_store_release(heapDecades + decade, UInt64(UInt(bitPattern: block)))
        if reserve != nil { _ = cl_fetch_add(overflow, 1) }
        return block
    }
}
