import CLinux
import Glibc

/// How a region that nobody holds gets a new generation without losing what was counted: into a file that is not yet
/// published and then takes the name of the old one in one step. Killed at any moment, the next start finds either the
/// old region or the new one, whole.
public struct RegionRebuild: Sendable {
    /// Why a region that could be used as it is should be rebuilt, nil: no need. Names that no process uses any more are
    /// a reason.
    public var wish: @Sendable (RegionReader) -> String?
    /// Writes into the empty new region what the old one counted.
    public var fill: @Sendable (RegionReader, SharedRegion) throws(RegionError) -> Void

    public init(
        wish: @escaping @Sendable (RegionReader) -> String?,
        fill: @escaping @Sendable (RegionReader, SharedRegion) throws(RegionError) -> Void
    ) {
        self.wish = wish
        self.fill = fill
    }

    /// Why to rebuild, nil: attach as it is, or it cannot be read at all.
    func reason(_ baseID: UInt32, _ attached: SharedRegion?, _ mismatch: String?) throws(RegionError) -> String? {
        let reader: RegionReader
        do { reader = try RegionReader(baseID: baseID) } catch .foreign { return nil } catch { throw error }
        // It can be read but not written: made by another C library.
        guard let attached else { return mismatch }
        do throws(RegionError) {
            try attached.withLock {}
        } catch .unrecoverable {
            return "its mutex cannot be recovered"
        } catch .busy {
            // Whoever counts here holds a slot, and nobody does.
            return "its mutex is locked, and nobody is there who could unlock it"
        } catch {
            return nil
        }
        return wish(reader)
    }

    func run(_ baseID: UInt32) throws(RegionError) {
        let old = try RegionReader(baseID: baseID)
        let made = try RegionFile.createUnpublished(baseID: baseID, generation: old.header.generation &+ 1)
        do throws(RegionError) {
            try write(old, baseID, made.descriptor)
        } catch {
            unlink(made.path)
            throw error
        }
        Fault.reached(.regionFilled)
        guard rename(made.path, RegionName.path(baseID: baseID)) == 0 else {
            let code = errno
            unlink(made.path)
            throw .system(call: "rename", path: made.path, code: code)
        }
    }

    /// Fills the new region as a process of its own that is gone afterwards.
    private func write(_ old: RegionReader, _ baseID: UInt32, _ descriptor: Int32) throws(RegionError) {
        let region = try SharedRegion(baseID: baseID, descriptor: descriptor).mappedWhole()
        try region.claimSlot(epoch: 0, socketPath: "")
        try fill(old, region)
        // The counts go on, so their beginning is the old one.
        region.region.pointee.header.created_ns = old.header.created_ns
        region.region.pointee.header.process_starts = old.header.process_starts
        region.region.pointee.header.last_ordinal = old.header.last_ordinal
        region.region.pointee.header.repairs = old.header.repairs
        region.region.pointee.header.overflows = old.header.overflows
        region.region.pointee.header.commit_sequence = old.header.commit_sequence
        // How often it was reset, over a baseline of zeros: the counts came without what was reset.
        region.region.pointee.header.baseline = old.header.baseline & ~1
    }
}
