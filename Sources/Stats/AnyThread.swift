import CLinux

// For cells that several threads share, at the price of a lock prefix. The hot path of a thread that has a plane of its
// own is in Cells.swift.

extension Counter {
    /// Adds to a cell that other threads of this process add to as well. Every one of them must use this one.
    @inlinable @inline(__always)
    public func addAmongOthers(_ amount: UInt64) { _ = cl_fetch_add(cell, amount) }
}

extension Histogram {
    /// Whether `record(value)` finds the bins of that decade in place. If not, it takes a block of the plane's reserve,
    /// which `StatsStore.topUp()` fills.
    @inlinable @inline(__always)
    public func hasBins(for value: UInt64) -> Bool {
        value == 0 || local.pointee.decades[HistogramBins.place(value).decade] != nil
    }
}
