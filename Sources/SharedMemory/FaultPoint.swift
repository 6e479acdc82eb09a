/// Places inside a change of the region at which a test may kill the process, to see the next one repair it.
public enum FaultPoint: String, Sendable, CaseIterable {
    /// A name record is written, its value index is not given out.
    case recordWritten = "record-written"
    /// The value index is given out, the record is not published.
    case valueTaken = "value-taken"
    /// Memory is there, the directory does not know it.
    case memoryCommitted = "memory-committed"
    /// The directory entry is written, its count is not.
    case segmentWritten = "segment-written"
    /// The gauges of a dead plane are zero, it still belongs to the dead.
    case planeZeroed = "plane-zeroed"
    /// The plane belongs to us, the count of planes does not have it.
    case planeOwned = "plane-owned"
    /// A slot has its new incarnation, not its lock.
    case slotRenewed = "slot-renewed"
    /// The reset's baseline is written, the old one still counts.
    case baselineWritten = "baseline-written"
    /// What was counted before the start is written, the word that says whose start is not.
    case startWritten = "start-written"
    /// A new region is filled under its temporary name.
    case regionFilled = "region-filled"
    /// The commit number is taken, the slot does not have it.
    case commitTaken = "commit-taken"
    /// The slot has its commit number, the region does not know its ordinal.
    case commitPublished = "commit-published"
    /// A region that is still held has its second name; the new one does not have the first.
    case predecessorLinked = "predecessor-linked"
    /// A new region has its name; a predecessor that it took over is not removed.
    case regionPublished = "region-published"
}

/// The test hook. Nothing of it is on a path that counts.
public enum Fault {
    /// Called at each point; nil outside of tests. Set before any region is used.
    nonisolated(unsafe) public static var hook: ((FaultPoint) -> Void)?

    static func reached(_ point: FaultPoint) { hook?(point) }
}
