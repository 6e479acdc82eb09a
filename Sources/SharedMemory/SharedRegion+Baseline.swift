import CLinux

extension SharedRegion {
    /// Resets counters without touching the cells of other threads: what they have counted so far becomes a baseline that
    /// readers subtract. There are two, in planes that no thread has; the one that does not count is written, then one
    /// store makes it the one that does. The mutex is held meanwhile: of two processes that reset at once, the second
    /// begins where the first is done.
    ///
    /// - Parameter fill: writes every counter's sum into the cell that it is given for the value; the cells hold older
    ///   ones. nil for a value index that came after the call.
    public func reset(
        _ fill: ((UInt32) -> UnsafeMutablePointer<UInt64>?) throws(RegionError) -> Void
    ) throws(RegionError) {
        // Growing takes the mutex itself, so it comes first, for both: which is the next one is not known before.
        var planes: [Plane] = []
        for which in 0..<2 {
            let plane = try Plane(region: self, index: RegionLayout.baselinePlane + which)
            let values = min(valueCount, Int(Int32.max))
            if values > 0 { _ = try plane.cell(UInt32(values - 1), cells: 1) }
            planes.append(plane)
        }
        try withLock { () throws(RegionError) in
            let word = cl_load_acquire(cl_region_baseline(region))
            let which = word == 0 ? 0 : 1 - Int(word & 1)
            try fill { planes[which].existing($0) }
            Fault.reached(.baselineWritten)
            cl_store_release(cl_region_baseline(region), ((word >> 1) &+ 1) << 1 | UInt64(which))
        }
    }

    /// The plane into which the next closed interval of the histograms is written: the one of the two that does not count.
    /// It holds an older interval.
    public func nextInterval() throws(RegionError) -> Plane {
        try Plane(region: self, index: RegionLayout.intervalPlane + nextIntervalIndex)
    }

    /// Makes what was written into `nextInterval()` the interval that readers see.
    public func publishInterval() {
        let word = cl_load_acquire(cl_region_interval(region))
        cl_store_release(cl_region_interval(region), ((word >> 1) &+ 1) << 1 | UInt64(nextIntervalIndex))
    }

    /// 0 or 1.
    public var nextIntervalIndex: Int {
        let word = cl_load_acquire(cl_region_interval(region))
        return word == 0 ? 0 : 1 - Int(word & 1)
    }

    /// Keeps what had been counted when this process began to serve, in a plane that no thread has. The word that says
    /// whose it is goes first and comes back last, so that whoever dies in between leaves none, not a wrong one.
    ///
    /// - Parameters:
    ///   - grow: makes room in the plane; it takes the mutex.
    ///   - fill: writes all of it, with the mutex held; the cells hold what an earlier process wrote.
    public func keepStart(
        grow: (Plane) throws(RegionError) -> Void, fill: (Plane) throws(RegionError) -> Void
    ) throws(RegionError) {
        guard slot >= 0 else { return }
        let committed = cl_load_acquire(cl_slot_committed(cl_region_slot(region, Int32(slot))))
        let plane = try Plane(region: self, index: RegionLayout.startPlane)
        let values = min(valueCount, Int(Int32.max))
        if values > 0 { _ = try plane.cell(UInt32(values - 1), cells: 1) }
        try grow(plane)
        try withLock { () throws(RegionError) in
            // A younger one serves already: the plane is for what it began with.
            guard committed > 0, region.pointee.header.commit_sequence == committed else { return }
            cl_store_release(cl_region_start(region), 0)
            cl_fence()
            try fill(plane)
            Fault.reached(.startWritten)
            cl_store_release(cl_region_start(region), committed)
        }
    }
}
