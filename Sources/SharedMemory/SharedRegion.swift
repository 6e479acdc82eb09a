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
        /// There is a reason to rebuild it, and that failed: it goes on as it was.
        case kept(reason: String)
    }

    public let baseID: UInt32
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
    private var guardSlot: Int32 = -1
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
    public var header: cl_region_header { region.pointee.header }
    /// Bytes of a name record before its name.
    public var recordLength: Int { Int(region.pointee.header.record_length) }
    /// Value indices given out.
    public var valueCount: Int { Int(clamping: region.pointee.header.value_count) }

    /// Attaches to the region of the anchor's base id, or makes it.
    ///
    /// - Parameters:
    ///   - reset: start afresh; only when nobody else holds the region.
    ///   - rebuild: how what one region counted gets into a new one; nil: it does not.
    public static func attach(
        _ anchor: Anchor, reset: Bool = false, rebuild: RegionRebuild? = nil
    ) throws(RegionError) -> (SharedRegion, Origin) {
        let path = RegionName.path(baseID: anchor.baseID)
        var origin = Origin.continued
        var generation: UInt64 = 1
        // A region may be removed or replaced between our open and our look at the name: then once more.
        for _ in 0..<16 {
            let opened: Int32
            do {
                opened = try RegionFile.open(baseID: anchor.baseID, writable: true)
            } catch .missing {
                if case .continued = origin { origin = .created }
                let fd = try RegionFile.create(baseID: anchor.baseID, generation: generation)
                return (try SharedRegion(baseID: anchor.baseID, descriptor: fd).mappedWhole(), origin)
            } catch {
                throw error
            }
            defer { _ = cl_close(opened) }
            var header = cl_region_header()
            let got = withUnsafeMutableBytes(of: &header) { pread(opened, $0.baseAddress, $0.count, 0) }
            guard got == MemoryLayout<cl_region_header>.size else {
                throw .system(call: "pread", path: path, code: got < 0 ? errno : EIO)
            }
            let extent = try RegionFile.extent(opened, path: path)
            var mismatch = RegionFile.mismatch(header, extent, toWrite: true)
            var attached: SharedRegion?
            if mismatch == nil, !reset {
                do {
                    attached = try SharedRegion(baseID: anchor.baseID, descriptor: copy(opened, path)).mappedWhole()
                } catch .foreign(_, let found) {
                    // A directory that cannot be is no better than a header that cannot be.
                    mismatch = found
                } catch {
                    throw error
                }
            }
            let isHeld = RegionFile.hasHolder(opened)
            if let rebuild, !reset, !isHeld, case .continued = origin,
                let reason = try rebuild.reason(anchor.baseID, attached, mismatch)
            {
                do {
                    try rebuild.run(anchor.baseID)
                    origin = .rebuilt(reason: reason)
                } catch {
                    // No memory for two of them, for one: then it goes on as it is, if it can.
                    guard attached != nil else { throw error }
                    origin = .kept(reason: "\(reason); \(error)")
                }
                continue
            }
            guard let attached else {
                guard !isHeld else {
                    throw .foreign(path: path, found: "\(mismatch ?? "to be reset"), and a live process holds it")
                }
                generation = header.magic == CL_REGION_MAGIC ? header.generation &+ 1 : 1
                origin = mismatch.map { .replaced(reason: $0) } ?? .reset
                guard unlink(path) == 0 || errno == ENOENT else {
                    throw .system(call: "unlink", path: path, code: errno)
                }
                continue
            }
            var ours = cl_file_status()
            var named = cl_file_status()
            guard cl_fstat(opened, &ours) == 0, cl_stat(path, &named) == 0, ours.device == named.device,
                ours.inode == named.inode
            else { continue }
            return (attached, origin)
        }
        throw .busy(path: path, holder: "processes that keep replacing it")
    }

    /// The same open file description, for a region that closes its own.
    private static func copy(_ descriptor: Int32, _ path: String) throws(RegionError) -> Int32 {
        let copy = cl_dup(descriptor)
        guard copy >= 0 else { throw .system(call: "dup", path: path, code: -copy) }
        return copy
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
    func withLock<T>(_ body: () throws(RegionError) -> T) throws(RegionError) -> T {
        let mutex = cl_region_mutex(region)
        // A header of zeros has no mutex, gives out values again and is nobody else's.
        guard region.pointee.header.magic == CL_REGION_MAGIC, pagesCut == 0 else {
            throw .foreign(path: path, found: "cut short by somebody while it was in use")
        }
        // A stopped owner must not stop us once for every name: after one long wait there is none for a while.
        let isResting = cl_monotonic_ns() < restingUntilNs
        switch cl_mutex_lock(mutex, isResting ? 0 : lockLimitMs) {
        case 0: restingUntilNs = 0
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

    public func countOverflow() { _ = cl_fetch_add(cl_region_overflows(region), 1) }

    /// The cell that counts what had to live on the heap: any thread adds to it.
    public var overflowCell: UnsafeMutablePointer<UInt64> { cl_region_overflows(region) }

    /// A descriptor of one's own to read the region with.
    public func openReader() throws(RegionError) -> RegionReader { try RegionReader(baseID: baseID) }

    /// Removes a region that nobody holds.
    public static func remove(_ anchor: Anchor) throws(RegionError) {
        let path = RegionName.path(baseID: anchor.baseID)
        let fd = try RegionFile.open(baseID: anchor.baseID, writable: true)
        defer { _ = cl_close(fd) }
        guard !RegionFile.hasHolder(fd) else { throw .busy(path: path, holder: "a live process") }
        guard unlink(path) == 0 else { throw .system(call: "unlink", path: path, code: errno) }
    }
}
