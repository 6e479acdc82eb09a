import CLinux
import Glibc

/// A region as an outsider sees it: read-only, without locks, whether its processes live or not. Everything read is
/// checked against the file's size.
public final class RegionReader {
    /// The header when it was opened.
    public let header: cl_region_header
    /// Which file was opened.
    public let path: String
    /// All process slots of this region, used or not.
    public let slots: [SlotInfo]
    /// The region before this one, which counts as well: live processes held it when its mutex broke.
    public private(set) var predecessor: RegionReader?
    /// Why a predecessor that the header names is not read; nil: it is, or there is none.
    public private(set) var predecessorProblem: String?
    /// Whether the newest process counts in the region before or after this one.
    private var newestIsElsewhere = false
    /// A name that was last asked for by a process before this one is left over from an older configuration.
    public private(set) var oldestOrdinalInUse: UInt64 = 0
    /// The ordinal of the process that began to serve last, in this region or in the one before.
    public private(set) var lastOrdinal: UInt64 = 0
    /// Which process, by its `committed`, sent stats to sinks last; 0: `RegionLayout.sentPlane` says nothing.
    public let lastSender: UInt64
    private let base: UnsafeRawPointer
    private let size: Int
    private let segments: [cl_segment]
    private let owners: [UInt64]
    private let guardSlot: Int32

    /// Opens what has the base id's name, and the region before it where that counts as well.
    public convenience init(baseID: UInt32) throws(RegionError) {
        let oldPath = RegionName.predecessorPath(baseID: baseID)
        // First of all: between the two a cold start may take over what it counted and remove it.
        let early = try? RegionReader(path: oldPath)
        try self.init(path: RegionName.path(baseID: baseID))
        guard header.hasPredecessor else { return }
        do throws(RegionError) {
            // It was there before this one had its name.
            let old: RegionReader
            if let early { old = early } else { old = try RegionReader(path: oldPath) }
            if old.header.isPredecessor(of: header) {
                join(old)
            } else {
                predecessorProblem = "\(oldPath): generation \(old.header.generation) of another region"
            }
        } catch {
            predecessorProblem = "\(error)"
        }
    }

    /// Opens one file alone, whatever has the base id's name.
    public init(path: String) throws(RegionError) {
        self.path = path
        let fd = try RegionFile.open(path, writable: false)
        defer { _ = cl_close(fd) }
        // The header and the directory are copied once, so that what was checked stays what is used.
        // Locks before slots: a slot that is taken over gets its new incarnation before its lock, so whoever sees the lock
        // sees the incarnation, and planes of the one before do not count.
        let live = RegionFile.lockedSlots(fd)
        let copy = UnsafeMutablePointer<cl_region>.allocate(capacity: 1)
        defer { copy.deallocate() }
        let got = pread(fd, copy, MemoryLayout<cl_region>.size, 0)
        guard got == MemoryLayout<cl_region>.size else {
            throw .foreign(path: path, found: "cut short: \(max(got, 0)) bytes")
        }
        let extent = try RegionFile.extent(fd, path: path)
        let size = extent.size
        if let found = RegionFile.mismatch(copy.pointee.header, extent, toWrite: false) {
            throw .foreign(path: path, found: found)
        }
        header = copy.pointee.header
        let pages = size / RegionLayout.page
        // Each lies behind the one before. Segments that overlap would be read once for each of them.
        var end = RegionLayout.dataPage
        segments = (0..<Int(header.segment_count)).map { cl_region_segment(copy, UInt32($0)).pointee }
            .filter { segment in
                guard Int(segment.page) >= end, Int(segment.page) + Int(segment.pages) <= pages,
                    Int(segment.plane) < Int(CL_REGION_PLANES)
                else { return false }
                end = Int(segment.page) + Int(segment.pages)
                return true
            }
        owners = (0..<Int(header.plane_count)).map { cl_region_plane(copy, UInt32($0)).pointee.owner }
        lastSender = cl_region_plane(copy, UInt32(RegionLayout.sentPlane)).pointee.owner
        slots = (0..<RegionLayout.slots).map { index in
            SlotInfo(
                generation: copy.pointee.header.generation, index: index, slot: cl_region_slot(copy, Int32(index)),
                isLive: live[index])
        }
        guard let mapping = cl_map_read(size, fd) else {
            throw .system(call: "mmap", path: path, code: errno)
        }
        base = UnsafeRawPointer(mapping)
        self.size = size
        // Somebody may cut the file short while it is read.
        guardSlot = cl_guard(mapping, size)
        lastOrdinal = header.last_ordinal
        oldestOrdinalInUse = oldestOrdinal(slots)
    }

    /// Both say from now on what is true of the two of them.
    private func join(_ old: RegionReader) {
        predecessor = old
        let here = newestHere?.committed ?? 0
        let there = old.newestHere?.committed ?? 0
        newestIsElsewhere = there > here
        old.newestIsElsewhere = there <= here
        // A process of the old one may have served again, after one of the new one had begun.
        if old.header.commit_sequence > header.commit_sequence { lastOrdinal = old.lastOrdinal }
        oldestOrdinalInUse = oldestOrdinal(slots + old.slots)
        old.lastOrdinal = lastOrdinal
        old.oldestOrdinalInUse = oldestOrdinalInUse
    }

    /// Not above `lastOrdinal`: whoever serves beyond it has not asked for all its names yet.
    private func oldestOrdinal(_ slots: [SlotInfo]) -> UInt64 {
        min(slots.filter(\.serves).map(\.ordinal).min() ?? lastOrdinal, lastOrdinal)
    }

    deinit {
        cl_unguard(guardSlot)
        cl_unmap(UnsafeMutableRawPointer(mutating: base), size)
    }

    /// The live slot that began to serve last; nil when nobody who serves lives.
    public var newest: SlotInfo? { newestHere ?? predecessor?.newestHere }

    /// That slot, if it is one of this region and not of the one before or after it.
    public var newestHere: SlotInfo? {
        newestIsElsewhere ? nil : slots.filter(\.serves).max { $0.committed < $1.committed }
    }

    /// The slots of live processes, those in the region before this one first.
    public var liveSlots: [SlotInfo] { (predecessor?.liveSlots ?? []) + slots.filter(\.isLive) }

    /// How many planes this region has.
    public var planeCount: Int { owners.count }

    /// The live process that owns a plane; nil: a dead one's.
    public func liveOwner(plane: Int) -> SlotInfo? {
        let index = Int(owners[plane] & 0xffff_ffff) - 1
        guard index >= 0, index < slots.count, slots[index].isLive,
            slots[index].incarnation == UInt32(owners[plane] >> 32)
        else { return nil }
        return slots[index]
    }

    /// Every published name record, in the order they were made.
    public func records(_ body: (UnsafeRawBufferPointer) -> Void) {
        for segment in segments where segment.kind == SegmentKind.log.rawValue {
            let first = UInt64(segment.first) * UInt64(RegionLayout.page)
            guard header.log_tail > first else { continue }
            let length = min(UInt64(segment.pages) * UInt64(RegionLayout.page), header.log_tail - first)
            let bytes = UnsafeRawBufferPointer(
                start: base + Int(segment.page) * RegionLayout.page, count: Int(length))
            _ = RecordWalk.walk(bytes, from: 0, body)
        }
    }

    /// The cells of a plane as (first value index, cells) runs.
    public func cells(plane: Int, _ body: (Int, UnsafeBufferPointer<UInt64>) -> Void) {
        for segment in segments where segment.kind == SegmentKind.cells.rawValue && Int(segment.plane) == plane {
            body(Int(segment.first) * RegionLayout.chunkCells, words(segment))
        }
    }

    /// What counters had counted when they were reset last, as (first value index, cells) runs; none without a reset.
    public func baseline(_ body: (Int, UnsafeBufferPointer<UInt64>) -> Void) {
        guard header.baseline != 0 else { return }
        cells(plane: RegionLayout.baselinePlane + Int(header.baseline & 1), body)
    }

    /// The plane with what had been counted when the process that serves began; nil when the region does not keep it.
    public var startPlane: Int? {
        guard let newest = newestHere, header.start == newest.committed else { return nil }
        return RegionLayout.startPlane
    }

    /// Whether nobody has begun to write another start since the region was opened. Ask after reading it.
    public var isStartWhole: Bool {
        cl_fence()
        let offset = MemoryLayout<cl_region_header>.offset(of: \.start)!
        return cl_load_acquire((base + offset).assumingMemoryBound(to: UInt64.self)) == header.start
    }

    /// The plane with the histograms' last closed interval; nil before the first, and when nobody lives.
    public var intervalPlane: Int? {
        header.interval == 0 || !slots.contains(where: \.isLive)
            ? nil : RegionLayout.intervalPlane + Int(header.interval & 1)
    }

    /// A histogram block of a plane; nil when there is none such.
    public func block(plane: Int, _ index: Int) -> UnsafeBufferPointer<UInt64>? {
        for segment in segments where segment.kind == SegmentKind.blocks.rawValue && Int(segment.plane) == plane {
            let words = words(segment)
            let at = (index - Int(segment.first)) * RegionLayout.blockCells
            if at >= 0, at + RegionLayout.blockCells <= words.count {
                return UnsafeBufferPointer(rebasing: words[at..<at + RegionLayout.blockCells])
            }
        }
        return nil
    }

    private func words(_ segment: cl_segment) -> UnsafeBufferPointer<UInt64> {
        UnsafeBufferPointer(
            start: (base + Int(segment.page) * RegionLayout.page).assumingMemoryBound(to: UInt64.self),
            count: Int(segment.pages) * RegionLayout.page / 8)
    }
}

extension SlotInfo {
    /// Whether it lives and came to serve.
    fileprivate var serves: Bool { isLive && committed > 0 }
}
