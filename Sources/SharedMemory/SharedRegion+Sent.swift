import CLinux

/// What stats sinks have got of the counts, which the process that serves keeps in a plane that no thread has: the next one
/// goes on from there, however this one ends.
extension SharedRegion {
    /// The plane. One process at a time writes it: see `beginSending`.
    public func sentPlane() throws(RegionError) -> Plane { try Plane(region: self, index: RegionLayout.sentPlane) }

    private var senderWord: UnsafeMutablePointer<UInt64> {
        cl_plane_owner(cl_region_plane(region, UInt32(RegionLayout.sentPlane)))
    }

    /// Which process sent last, by its `committed`; 0: the plane says nothing.
    public var lastSender: UInt64 { cl_load_acquire(senderWord) }

    /// From here on the plane says what sinks have got.
    public func noteSender() { cl_store_release(senderWord, committed) }

    /// The same, of the region that this one takes the place of.
    public func noteSender(_ other: UInt64) { cl_store_release(senderWord, other) }

    /// Nobody sends any more: what is counted from now on is not owed to a sink that comes later.
    public func forgetSender() { cl_store_release(senderWord, 0) }

    private var committed: UInt64 {
        slot < 0 ? 0 : cl_load_acquire(cl_slot_committed(cl_region_slot(region, Int32(slot))))
    }

    /// Takes the right to send, which the kernel takes back when the process ends. False: another process is at it, or has
    /// begun to serve after this one.
    public func beginSending() -> Bool {
        guard cl_ofd_lock(descriptor, RegionLayout.sendLock, 1) == 0 else { return false }
        if isNewestToServe { return true }
        endSending()
        return false
    }

    /// Gives it back.
    public func endSending() { _ = cl_ofd_unlock(descriptor, RegionLayout.sendLock, 1) }

    /// Whether no process has begun to serve after this one, here or in a region before or after this one.
    public var isNewestToServe: Bool {
        let mine = committed
        return mine > 0 && mine >= max(header.commit_sequence, neighbour()?.header.commit_sequence ?? 0)
    }

    /// The same for another thread than the main one, which sees this region alone.
    public var isNewestHere: Bool { committed >= cl_load_acquire(commitSequence) }

    private var commitSequence: UnsafeMutablePointer<UInt64> {
        (UnsafeMutableRawPointer(region) + MemoryLayout<cl_region_header>.offset(of: \.commit_sequence)!)
            .assumingMemoryBound(to: UInt64.self)
    }
}
