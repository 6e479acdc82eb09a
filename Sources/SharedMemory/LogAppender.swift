import CLinux

/// Adds name records to the log of a region while its mutex is held. Each is published as soon as it is whole, as if it had
/// come alone: killed between two of them, a process leaves the first.
public struct LogAppender {
    private let region: SharedRegion
    /// What is free behind the last record, as long as nobody else can add one.
    private var room = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    init(_ region: SharedRegion) { self.region = region }

    /// The first cell that a value of so many takes in every plane: a multiple of `cells`.
    public func nextValue(cells: Int) throws(RegionError) -> UInt32 {
        let free = region.valueCount
        guard free <= Int(Int32.max) else { throw .foreign(path: region.path, found: "\(free) values") }
        let value = (free + cells - 1) / cells * cells
        guard value + cells <= Int(Int32.max) else { throw .full(path: region.path, what: "no value index is left") }
        return UInt32(value)
    }

    /// Adds a record of `length` bytes, a multiple of 8. `write` writes all of them: what a process that was killed has
    /// left there is no zeros.
    ///
    /// - Parameter value: what `nextValue` said.
    public mutating func add(
        _ value: UInt32, cells: Int, length: Int, _ write: (UnsafeMutableRawPointer) -> Void
    ) throws(RegionError) {
        precondition(length % 8 == 0 && length <= RegionLayout.longestRecord)
        if room.count < length { room = try region.room(forRecord: length) }
        guard let place = room.baseAddress else { throw .full(path: region.path, what: "no room for a name") }
        write(place)
        Fault.reached(.recordWritten)
        region.region.pointee.header.value_count = UInt64(Int(value) + cells)
        Fault.reached(.valueTaken)
        let tail = cl_region_tail(region.region)
        cl_store_release(tail, tail.pointee &+ UInt64(length))
        room = UnsafeMutableRawBufferPointer(rebasing: room[length...])
    }
}
