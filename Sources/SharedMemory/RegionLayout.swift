import CLinux

/// Where everything in a region file is. The structs are in `cl_region.h`.
///
///     byte 0       header: magic, versions, counts, the robust mutex                         1 page
///     byte 4096    process slots: 256 × {pid, epoch, incarnation, committed, role, socket}   12 pages
///     byte 53248   segment directory: 8192 × {kind, plane, first, page, pages}               32 pages
///     byte 184320  planes: 2048 × {owner, blocks used}, the last six are no thread's         8 pages
///     byte 217088  segments, one after the other, each of whole pages:
///                   log     names, append-only; only what lies before `log_tail` counts
///                   cells   512 cells of 8 bytes a page; chunk n holds the value indices from 512 n on
///                   blocks  histogram decades of 96 cells
///     byte 2^40…   no memory: the locks of the process slots, one byte each
///
/// A process slot is live while somebody holds the open-file-description lock of its byte. A plane belongs to the
/// process whose slot and incarnation its owner word names, and only one thread of it writes there.
public enum RegionLayout {
    /// A region of another one is read by an importer of that layout, or not at all.
    public static let major: UInt16 = 1
    /// A newer one is read by the lengths that it says.
    public static let minor: UInt16 = 0
    /// Bytes of a page: segments have whole ones.
    public static let page = Int(CL_REGION_PAGE)
    /// Process slots.
    public static let slots = Int(CL_REGION_SLOTS)
    /// Entries of the segment directory.
    public static let segments = Int(CL_REGION_SEGMENTS)
    /// Planes that threads can have. After them: what stats sinks have got, what had been counted when the process that
    /// serves began, two baselines of resets, two intervals of histograms.
    public static let planes = Int(CL_REGION_PLANES) - 6
    public static let sentPlane = planes
    static let startPlane = planes + 1
    static let baselinePlane = planes + 2
    static let intervalPlane = planes + 4
    /// Where the first segment is.
    public static let data = Int(CL_REGION_DATA)
    /// The same as a page number.
    public static let dataPage = data / page
    /// Cells of a page, which is a chunk.
    public static let chunkCells = page / 8
    /// Cells of one histogram block: a decade of 90 bins, and room.
    public static let blockCells = 96
    /// The same in bytes.
    public static let blockBytes = blockCells * 8
    /// No region is larger: address space that a process reserves, and a check on what it attaches to.
    public static let largest = 1 << 32
    /// The file offset of slot 0's lock.
    public static let locks: Int64 = 1 << 40
    /// That of whoever sends to stats sinks.
    static let sendLock = locks + Int64(slots)
    /// A name record is not longer.
    public static let longestRecord = 8192
}

/// What a segment holds.
public enum SegmentKind: UInt8, Sendable {
    /// Name records.
    case log = 1
    /// The cells of a plane.
    case cells = 2
    /// The histogram blocks of a plane.
    case blocks = 3
}
