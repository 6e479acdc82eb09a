import CLinux
import Glibc

/// What a process says of itself in its slot.
public struct SlotInfo: Sendable, Equatable {
    /// What a process does for the base id.
    public enum Role: UInt32, Sendable {
        /// It has not begun to serve.
        case starting = 0
        /// It accepts connections.
        case serving = 1
        /// Holds duplicates of the listeners and serves again if its child dies.
        case standby = 2
        /// Lets its last connections finish; it will not serve again.
        case draining = 3
    }
    /// The generation of the region whose slot it is.
    public var generation: UInt64
    /// Which slot of the region.
    public var index: Int
    /// The process, as its own PID namespace calls it.
    public var pid: UInt32
    /// CLOCK_REALTIME when it attached.
    public var startNs: UInt64
    /// Its restart epoch.
    public var epoch: UInt32
    /// How many processes have had this slot, with it.
    public var incarnation: UInt32
    /// 0 while it starts; the higher, the newer.
    public var committed: UInt64
    /// What it does for the base id.
    public var role: Role
    /// Its restart socket, `@` for an abstract name; empty: none.
    public var socketPath: String
    /// The higher, the later it began.
    public var ordinal: UInt64
    /// Whether it lives: its slot's lock is held.
    public var isLive: Bool

    init(generation: UInt64, index: Int, slot: UnsafeMutablePointer<cl_slot>, isLive: Bool) {
        let value = slot.pointee
        self.generation = generation
        self.index = index
        pid = value.pid
        startNs = value.start_ns
        epoch = value.epoch
        incarnation = value.incarnation
        committed = cl_load_acquire(cl_slot_committed(slot))
        role = Role(rawValue: value.role) ?? .starting
        ordinal = value.ordinal
        let length = min(Int(value.path_length), Int(CL_SLOT_PATH))
        socketPath = String(
            decoding: UnsafeBufferPointer(start: cl_slot_path(slot), count: length), as: UTF8.self)
        self.isLive = isLive
    }
}

extension SharedRegion {
    /// Takes a free process slot and says who we are. Hold the anchor.
    public func claimSlot(epoch: UInt32, socketPath: String) throws(RegionError) {
        precondition(slot < 0, "one slot a process")
        for index in 0..<RegionLayout.slots {
            guard cl_ofd_is_locked(descriptor, RegionLayout.locks + Int64(index), 1) == 0 else { continue }
            let entry = cl_region_slot(region, Int32(index))
            // The incarnation first, then the lock: at no moment is the slot live and its planes still the dead one's.
            cl_store_release(cl_slot_committed(entry), 0)
            cl_store32_release(cl_slot_incarnation(entry), entry.pointee.incarnation &+ 1)
            Fault.reached(.slotRenewed)
            guard cl_ofd_lock(descriptor, RegionLayout.locks + Int64(index), 1) == 0 else { continue }
            let path = Array(socketPath.utf8.prefix(Int(CL_SLOT_PATH)))
            entry.pointee.state = 1
            entry.pointee.pid = UInt32(getpid())
            entry.pointee.start_ns = cl_realtime_ns()
            entry.pointee.epoch = epoch
            entry.pointee.role = SlotInfo.Role.starting.rawValue
            entry.pointee.path_length = UInt32(path.count)
            for (i, byte) in path.enumerated() { cl_slot_path(entry)[i] = byte }
            slot = index
            incarnation = entry.pointee.incarnation
            region.pointee.header.process_starts &+= 1
            entry.pointee.ordinal = region.pointee.header.process_starts
            ordinal = entry.pointee.ordinal
            return
        }
        throw .full(path: path, what: "all \(RegionLayout.slots) process slots are in use")
    }

    /// The slots of live processes other than this one, with those in the region before or after this one.
    public func liveSlots() -> [SlotInfo] { lockedSlots() + (neighbour()?.lockedSlots() ?? []) }

    /// Those of this region alone.
    private func lockedSlots() -> [SlotInfo] {
        RegionFile.lockedSlots(descriptor).enumerated().compactMap { index, isLocked in
            isLocked && index != slot ? info(index, isLive: true) : nil
        }
    }

    private func info(_ index: Int, isLive: Bool) -> SlotInfo {
        SlotInfo(
            generation: header.generation, index: index, slot: cl_region_slot(region, Int32(index)), isLive: isLive)
    }

    /// Says that this process serves from now on: its never-import gauges are the ones that count.
    ///
    /// - Parameter predecessor: the commit number of the process whose place is taken. When a live process has begun to
    ///   serve after that one, nothing is written: of several that would take its place, the first one does.
    /// - Returns: the process that was first; nil when this one serves now.
    @discardableResult
    public func commitSlot(after predecessor: UInt64 = .max) throws(RegionError) -> SlotInfo? {
        let commit = { () throws(RegionError) -> SlotInfo? in
            if let first = self.liveSlots().first(where: { $0.role == .serving && $0.committed > predecessor }) {
                return first
            }
            // One sequence over both regions: who began to serve last is the newest, wherever it counts.
            let last = max(self.header.commit_sequence, self.neighbour()?.header.commit_sequence ?? 0)
            self.region.pointee.header.commit_sequence = last &+ 1
            Fault.reached(.commitTaken)
            let entry = cl_region_slot(self.region, Int32(self.slot))
            entry.pointee.role = SlotInfo.Role.serving.rawValue
            cl_store_release(cl_slot_committed(entry), last &+ 1)
            Fault.reached(.commitPublished)
            // Last: what the one before used is left over only when there is one after it.
            if !self.hasNamesToCome { self.region.pointee.header.last_ordinal = self.ordinal }
            return nil
        }
        return try withOrderingLock(commit)
    }

    /// This process has asked for all the names that it uses: what only processes before it used is left over from here on.
    /// Nothing happens unless it said before that there were names to come, and serves, and none has begun to serve since.
    public func namesAreComplete() throws(RegionError) {
        guard hasNamesToCome, slot >= 0 else { return }
        hasNamesToCome = false
        try withOrderingLock { () throws(RegionError) in
            let committed = cl_region_slot(self.region, Int32(self.slot)).pointee.committed
            let last = max(self.header.commit_sequence, self.neighbour()?.header.commit_sequence ?? 0)
            if committed > 0, committed == last { self.region.pointee.header.last_ordinal = self.ordinal }
        }
    }

    /// With the mutex that orders who serves.
    private func withOrderingLock<T>(_ body: () throws(RegionError) -> T) throws(RegionError) -> T {
        do throws(RegionError) {
            return try withLock(body)
        } catch .unrecoverable(let path) {
            // Whoever attached since then is in the region that has the name now, and its mutex orders those of both.
            guard let successor = neighbour(), successor.header.predecessor == header.generation else {
                throw .unrecoverable(path: path)
            }
            return try successor.withLock(body)
        }
    }

    /// The epoch that this process has after all: another one may have been first in the queue.
    public func setEpoch(_ epoch: UInt32) {
        guard slot >= 0 else { return }
        cl_region_slot(region, Int32(slot)).pointee.epoch = epoch
    }

    /// What this process does from now on.
    public func setRole(_ role: SlotInfo.Role) {
        guard slot >= 0 else { return }
        cl_region_slot(region, Int32(slot)).pointee.role = role.rawValue
    }

    /// This process has no restart socket after all.
    public func forgetSocketPath() {
        guard slot >= 0 else { return }
        cl_region_slot(region, Int32(slot)).pointee.path_length = 0
    }

    /// The live slot of the process that calls itself `pid`: the youngest, should there be several PID namespaces.
    public func liveSlot(pid: UInt32) -> SlotInfo? {
        liveSlots().filter { $0.pid == pid }.max { $0.startNs < $1.startNs }
    }

    /// What the slot `index` says now, whether its process lives or not.
    public func slotInfo(_ index: Int) -> SlotInfo? {
        guard index >= 0, index < RegionLayout.slots else { return nil }
        let live = index == slot || cl_ofd_is_locked(descriptor, RegionLayout.locks + Int64(index), 1) == 1
        return info(index, isLive: live)
    }

    /// What a slot says now that was seen before, in this region or in the one before or after it; nil: there is no such
    /// region any more.
    public func slotInfo(again slot: SlotInfo) -> SlotInfo? {
        if slot.generation == header.generation { return slotInfo(slot.index) }
        guard let other = neighbour(), other.header.generation == slot.generation else { return nil }
        return other.slotInfo(slot.index)
    }

    /// What of the slots a plane's owner word names is live: as `liveOwners` of a reader.
    func isLive(owner: UInt64) -> Bool {
        let index = Int(owner & 0xffff_ffff) - 1
        guard index >= 0, index < RegionLayout.slots else { return false }
        if index == slot { return UInt32(owner >> 32) == incarnation }
        return cl_ofd_is_locked(descriptor, RegionLayout.locks + Int64(index), 1) == 1
            && cl_region_slot(region, Int32(index)).pointee.incarnation == UInt32(owner >> 32)
    }
}
