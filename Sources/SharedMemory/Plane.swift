import CLinux
import Glibc

/// A plane that this process owns: the cells and histogram blocks of one thread. Cells are looked up and blocks are
/// reserved by the main thread; the owning thread writes the cells and takes blocks.
public final class Plane {
    let region: SharedRegion
    /// Which plane of the region it is.
    public let index: Int
    /// First chunk, chunks and address of what is mapped.
    private var chunks: [(first: Int, count: Int, address: UnsafeMutablePointer<UInt64>)] = []
    /// The run in which a value was found last: the next one is nearly always there too.
    private var lastRun = 0
    /// What the owning thread sees of the blocks.
    public let blocks: UnsafeMutablePointer<BlockReserve>

    init(region: SharedRegion, index: Int) throws(RegionError) {
        self.region = region
        self.index = index
        blocks = .allocate(capacity: 1)
        blocks.initialize(to: BlockReserve(entry: cl_region_plane(region.region, UInt32(index))))
        try adoptSegments()
    }

    // The block reserve lives as long as the process: worker threads point at it.

    /// The address of a value's first cell; the plane grows if need be.
    public func cell(_ value: UInt32, cells: Int) throws(RegionError) -> UnsafeMutablePointer<UInt64> {
        let chunk = Int(value) / RegionLayout.chunkCells
        let offset = Int(value) % RegionLayout.chunkCells
        precondition(offset + cells <= RegionLayout.chunkCells, "a value does not cross a chunk")
        if let found = address(chunk) { return found + offset }
        let highest = chunks.map { $0.first + $0.count }.max() ?? 0
        try region.withLock { () throws(RegionError) in
            let values = min(region.valueCount, Int(Int32.max))
            let needed = (values + RegionLayout.chunkCells - 1) / RegionLayout.chunkCells
            // An eighth of what there is at least: the segments of a region are few.
            let pages = max(needed, chunk + 1, highest + 1) - highest + max(min(highest, 64), highest / 8)
            let segment = try region.grow(.cells, plane: index, first: UInt32(highest), pages: pages)
            add(segment)
        }
        guard let found = address(chunk) else { throw .full(path: region.path, what: "no cell for a value") }
        return found + offset
    }

    /// The cell of a value where the plane reaches that far.
    public func existing(_ value: UInt32) -> UnsafeMutablePointer<UInt64>? {
        address(Int(value) / RegionLayout.chunkCells).map { $0 + Int(value) % RegionLayout.chunkCells }
    }

    private func address(_ chunk: Int) -> UnsafeMutablePointer<UInt64>? {
        if lastRun < chunks.count, let found = address(chunk, in: chunks[lastRun]) { return found }
        for (i, run) in chunks.enumerated() {
            guard let found = address(chunk, in: run) else { continue }
            lastRun = i
            return found
        }
        return nil
    }

    @inline(__always)
    private func address(
        _ chunk: Int, in run: (first: Int, count: Int, address: UnsafeMutablePointer<UInt64>)
    ) -> UnsafeMutablePointer<UInt64>? {
        guard chunk >= run.first, chunk < run.first + run.count else { return nil }
        return run.address + (chunk - run.first) * RegionLayout.chunkCells
    }

    /// Makes sure that the owning thread has at least `wanted` histogram blocks to take.
    public func reserveBlocks(_ wanted: Int) throws(RegionError) {
        let limit = blocks.pointee.limit
        let used = Int(cl_load32_acquire(cl_plane_blocks_used(blocks.pointee.entry)))
        guard limit - used < wanted else { return }
        try region.withLock { () throws(RegionError) in
            guard blocks.pointee.hasRoom else {
                throw .full(path: region.path, what: "plane \(index) has all the runs of histogram blocks it can have")
            }
            // By half of what there is at least: the runs of a plane are few, and so are the segments of a region.
            let bytes = max(wanted - max(limit - used, 0), limit / 2) * RegionLayout.blockBytes
            let pages = max((bytes + RegionLayout.page - 1) / RegionLayout.page, 4)
            add(try region.grow(.blocks, plane: index, first: UInt32(limit), pages: pages))
        }
    }

    private func adoptSegments() throws(RegionError) {
        let count = try region.segmentCount()
        for i in 0..<count {
            let segment = try region.segment(i)
            guard Int(segment.plane) == index, segment.kind != SegmentKind.log.rawValue else { continue }
            try region.map(upTo: (Int(segment.page) + Int(segment.pages)) * RegionLayout.page)
            add(segment)
        }
    }

    private func add(_ segment: cl_segment) {
        let address = (region.base + Int(segment.page) * RegionLayout.page).assumingMemoryBound(to: UInt64.self)
        switch SegmentKind(rawValue: segment.kind) {
        case .cells: chunks.append((Int(segment.first), Int(segment.pages), address))
        case .blocks:
            let count = Int(segment.pages) * RegionLayout.page / RegionLayout.blockBytes
            blocks.pointee.add(first: Int(segment.first), count: count, address: address)
        case .log, nil: break
        }
    }
}

/// The histogram blocks of a plane, as its owning thread takes them. Memory is added by the main thread, published by
/// the release store of `runs`.
public struct BlockReserve {
    struct Run {
        var first: Int
        var count: Int
        var address: UnsafeMutablePointer<UInt64>
    }
    let entry: UnsafeMutablePointer<cl_plane>
    private let table: UnsafeMutablePointer<Run>
    private static let capacity = 64
    private let runs: UnsafeMutablePointer<UInt64>

    init(entry: UnsafeMutablePointer<cl_plane>) {
        self.entry = entry
        table = .allocate(capacity: Self.capacity)
        runs = .allocate(capacity: 1)
        runs.initialize(to: 0)
    }

    /// Blocks there are.
    var limit: Int {
        let count = Int(cl_load_acquire(runs))
        return count == 0 ? 0 : table[count - 1].first + table[count - 1].count
    }

    /// Whether another run can be added.
    var hasRoom: Bool { Int(runs.pointee) < Self.capacity }

    func add(first: Int, count: Int, address: UnsafeMutablePointer<UInt64>) {
        let n = Int(runs.pointee)
        guard n < Self.capacity else { return }
        (table + n).initialize(to: Run(first: first, count: count, address: address))
        cl_store_release(runs, UInt64(n + 1))
    }

    /// The block `index`, nil when there is none such.
    public func block(_ index: Int) -> UnsafeMutablePointer<UInt64>? {
        for i in 0..<Int(cl_load_acquire(runs)) where index >= table[i].first && index < table[i].first + table[i].count
        {
            return table[i].address + (index - table[i].first) * RegionLayout.blockCells
        }
        return nil
    }

    /// Takes a block of zeros; nil when the reserve is used up.
    public func take() -> (index: Int, cells: UnsafeMutablePointer<UInt64>)? {
        let used = cl_plane_blocks_used(entry)
        let index = Int(cl_load32_relaxed(used))
        guard let cells = block(index) else { return nil }
        // Marked as used before anybody refers to it: killed in between, the block is lost, never shared.
        cl_store32_release(used, UInt32(index + 1))
        return (index, cells)
    }
}

extension SharedRegion {
    /// Claims a plane for a thread of this process: a dead process's, or a new one.
    ///
    /// - Parameter gauges: the cells that must be zero before the plane counts as ours, as (value, cells) pairs; called
    ///   with the mutex held.
    public func claimPlane(gauges: () -> [(value: UInt32, cells: Int)]) throws(RegionError) -> Plane {
        precondition(slot >= 0, "a plane belongs to a process slot")
        let index = try withLock { () throws(RegionError) -> Int in
            let count = Int(cl_load32_acquire(cl_region_plane_count(region)))
            guard count <= RegionLayout.planes else { throw .foreign(path: path, found: "\(count) planes") }
            var chosen = count
            for i in 0..<count where !isLive(owner: cl_load_acquire(cl_plane_owner(cl_region_plane(region, UInt32(i)))))
            {
                chosen = i
                break
            }
            guard chosen < RegionLayout.planes else { throw .full(path: path, what: "all planes are in use") }
            let entry = cl_region_plane(region, UInt32(chosen))
            if chosen < count {
                try zero(plane: chosen, gauges())
                Fault.reached(.planeZeroed)
            }
            cl_store_release(cl_plane_owner(entry), UInt64(incarnation) << 32 | UInt64(slot + 1))
            Fault.reached(.planeOwned)
            if chosen == count { cl_store32_release(cl_region_plane_count(region), UInt32(count + 1)) }
            return chosen
        }
        return try Plane(region: self, index: index)
    }

    private func zero(plane: Int, _ gauges: [(value: UInt32, cells: Int)]) throws(RegionError) {
        let cells = try Plane(region: self, index: plane)
        for gauge in gauges { cells.zeroIfPresent(gauge.value, cells: gauge.cells) }
    }
}

extension Plane {
    fileprivate func zeroIfPresent(_ value: UInt32, cells: Int) {
        guard let chunk = address(Int(value) / RegionLayout.chunkCells) else { return }
        for i in 0..<cells { cl_store_relaxed(chunk + Int(value) % RegionLayout.chunkCells + i, 0) }
    }
}
