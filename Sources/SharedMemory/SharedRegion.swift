import CLinux
import Glibc

/// A region this process counts in. Used by one thread, the main thread; cells and blocks that it hands out are written
/// by the thread that owns their plane.
public final class SharedRegion {
    /// How `attach` came by the region.
    public enum Origin: Sendable, Equatable {
        /// There was none.
        case created
        /// It was there.
        case continued
        /// There was one that this build cannot use and that nobody holds: a new generation took its place.
        case replaced(reason: String)
        /// The caller wanted a fresh one.
        case reset
        /// There was one that nobody holds; what it counted is in a new generation.
        case rebuilt(reason: String)
        /// There was one that live processes hold and whose mutex cannot be recovered: a new one has its name, which
        /// refers to it for as long as they live.
        case beside(reason: String)
        /// There is a reason for a new one, and that failed: it goes on as it was.
        case kept(reason: String)
    }

    /// Whose region it is.
    public let baseID: UInt32
    /// Under which name it was attached to.
    public let path: String
    let descriptor: Int32
    let base: UnsafeMutableRawPointer
    /// The log segment that a name was added to last.
    var logSegment = 0
    /// How much of the reserved address space shows the file.
    private(set) var mapped = 0
    /// This process's slot, -1 before `claimSlot`.
    public internal(set) var slot = -1
    var incarnation: UInt32 = 0
    /// How many processes had begun when this one did.
    public internal(set) var ordinal: UInt64 = 0
    /// This process begins to serve before it has asked for all the names that it uses: until `namesAreComplete()` those
    /// of the process before it count as in use, so that nobody leaves them behind. Set before `commitSlot`.
    public var hasNamesToCome = false
    private var guardSlot: Int32 = -1
    /// The region before or after this one, once somebody asked for it.
    var other: SharedRegion?
    /// How long the mutex may be waited for: a stopped owner must not stop us.
    public var lockLimitMs: UInt32 = 300
    /// After a wait in vain the mutex is only tried, until then.
    private var restingUntilNs: UInt64 = 0

    init(baseID: UInt32, descriptor: Int32) throws(RegionError) {
        path = RegionName.path(baseID: baseID)
        guard let space = cl_reserve(RegionLayout.largest) else {
            throw .system(call: "mmap", path: path, code: errno)
        }
        base = space
        self.baseID = baseID
        self.descriptor = descriptor
        guardSlot = cl_guard(space, RegionLayout.largest)
    }

    deinit {
        cl_unguard(guardSlot)
        cl_unmap(base, RegionLayout.largest)
        // Frees the slot's lock too.
        _ = cl_close(descriptor)
    }

    var region: UnsafeMutablePointer<cl_region> { base.assumingMemoryBound(to: cl_region.self) }
    /// The header as it is now.
    public var header: cl_region_header { region.pointee.header }
    /// Bytes of a name record before its name.
    public var recordLength: Int { Int(region.pointee.header.record_length) }
    /// Value indices given out.
    public var valueCount: Int { Int(clamping: region.pointee.header.value_count) }
    /// Names that there may be: for making room, and no more than a million, whatever the header says.
    public var estimatedNames: Int {
        let shortest = UInt64(MemoryLayout<cl_record>.size + 8)
        return min(valueCount, Int(clamping: cl_load_acquire(cl_region_tail(region)) / shortest), 1 << 20)
    }

    func mappedWhole() throws(RegionError) -> SharedRegion {
        try map(upTo: RegionLayout.data)
        try map(upTo: endOfSegments())
        return self
    }

    /// Makes the file visible up to `end` bytes.
    func map(upTo end: Int) throws(RegionError) {
        guard end > mapped else { return }
        guard end <= RegionLayout.largest else { throw .full(path: path, what: "the region is at its largest") }
        var status = cl_file_status()
        let rc = cl_fstat(descriptor, &status)
        guard rc == 0 else { throw .system(call: "fstat", path: path, code: -rc) }
        guard status.size >= Int64(end) else { throw .foreign(path: path, found: "cut short: \(status.size) bytes") }
        let done = cl_map_at(base + mapped, end - mapped, descriptor, Int64(mapped))
        guard done == 0 else { throw .system(call: "mmap", path: path, code: -done) }
        mapped = end
    }

    /// Where the next segment would begin; published segments only.
    func endOfSegments() throws(RegionError) -> Int {
        var page = RegionLayout.dataPage
        let count = try segmentCount()
        for i in 0..<count {
            let segment = try segment(i)
            guard Int(segment.page) >= page else {
                throw .foreign(path: path, found: "two segments at page \(segment.page)")
            }
            page = Int(segment.page) + Int(segment.pages)
        }
        return page * RegionLayout.page
    }

    func segmentCount() throws(RegionError) -> Int {
        let count = Int(cl_load32_acquire(cl_region_segment_count(region)))
        guard count <= RegionLayout.segments else { throw .foreign(path: path, found: "\(count) segments") }
        return count
    }

    /// A published segment; an error when it lies in the header or past what a region can have, or holds what would.
    func segment(_ index: Int) throws(RegionError) -> cl_segment {
        let segment = cl_region_segment(region, UInt32(index)).pointee
        guard segment.page >= RegionLayout.dataPage,
            Int(segment.page) + Int(segment.pages) <= RegionLayout.largest / RegionLayout.page
        else {
            throw .foreign(path: path, found: "a segment of \(segment.pages) pages at page \(segment.page)")
        }
        guard Int(segment.first) + Int(segment.pages) <= RegionLayout.largest / RegionLayout.chunkCells else {
            throw .foreign(path: path, found: "a segment that begins with number \(segment.first)")
        }
        return segment
    }

    /// Pages of the file that were missing when this process came to them, and are its own since then.
    public var pagesCut: Int { Int(clamping: cl_guard_hits(guardSlot)) }

    // MARK: - The mutex

    /// Runs `body` with the mutex held. A dead owner's work past the published counts is dropped and a repair counted.
    ///
    /// - Parameter waiting: false: an error at once when somebody has it.
    func withLock<T>(waiting: Bool = true, _ body: () throws(RegionError) -> T) throws(RegionError) -> T {
        let mutex = cl_region_mutex(region)
        // A header of zeros has no mutex, gives out values again and is nobody else's.
        guard region.pointee.header.magic == CL_REGION_MAGIC, pagesCut == 0 else {
            throw .foreign(path: path, found: "cut short by somebody while it was in use")
        }
        // A stopped owner must not stop us once for every name: after one long wait there is none for a while.
        let isResting = !waiting || cl_monotonic_ns() < restingUntilNs
        switch cl_mutex_lock(mutex, isResting ? 0 : lockLimitMs) {
        case 0: if waiting { restingUntilNs = 0 }
        case -EOWNERDEAD:
            // Everything is published by one store each (tail, segment count, plane owner), so what the dead owner left
            // unpublished simply does not count.
            _ = cl_fetch_add(cl_region_repairs(region), 1)
            _ = cl_mutex_mark_consistent(mutex)
        case -ETIMEDOUT:
            if !isResting { restingUntilNs = cl_monotonic_ns() &+ 5_000_000_000 }
            throw .busy(path: path, holder: "process \(region.pointee.header.mutex_pid)")
        case -ENOTRECOVERABLE: throw .unrecoverable(path: path)
        case let code: throw .system(call: "pthread_mutex_timedlock", path: path, code: -code)
        }
        region.pointee.header.mutex_pid = UInt32(getpid())
        defer { _ = cl_mutex_unlock(mutex) }
        return try body()
    }

    /// Counts something that had to live on the heap.
    public func countOverflow() { _ = cl_fetch_add(cl_region_overflows(region), 1) }

    /// The cell that counts what had to live on the heap: any thread adds to it.
    public var overflowCell: UnsafeMutablePointer<UInt64> { cl_region_overflows(region) }

    /// A descriptor of one's own to read the region with.
    ///
    /// It shows what has the base id's name: after a break of the mutex that is the region after this one, with this one's
    /// counts.
    public func openReader() throws(RegionError) -> RegionReader { try RegionReader(baseID: baseID) }
}
