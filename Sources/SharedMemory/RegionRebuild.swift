import CLinux
import Glibc

/// How a region gets a new generation without losing what was counted: in a file that is not yet published and then takes
/// the name of the old one in one step. Killed at any moment, the next start finds either the old region or the new one,
/// whole.
///
/// What nobody holds is written into the new one. What live processes still count in stays where it is, under another name,
/// and the new one refers to it; the first rebuild that finds nobody in either writes both into a third.
public struct RegionRebuild: Sendable {
    /// Why a region that could be used as it is should be rebuilt, nil: no need. Names that no process uses any more are
    /// a reason.
    public var wish: @Sendable (RegionReader) -> String?
    /// Writes into the empty new region the names of the old one, without what they counted.
    public var names: @Sendable (RegionReader, SharedRegion) throws(RegionError) -> Void
    /// By the layout of the old one; what no importer knows is set aside.
    public var importers: [RegionImporter]

    /// What a rebuild is made of.
    public init(
        wish: @escaping @Sendable (RegionReader) -> String?,
        names: @escaping @Sendable (RegionReader, SharedRegion) throws(RegionError) -> Void,
        importers: [RegionImporter]
    ) {
        self.wish = wish
        self.names = names
        self.importers = importers
    }

    /// Why to rebuild what nobody holds, nil: attach as it is, or it cannot be read at all.
    func reason(
        _ baseID: UInt32, _ attached: SharedRegion?, _ header: cl_region_header, _ mismatch: String?
    ) throws(RegionError) -> String? {
        if header.magic == CL_REGION_MAGIC, header.byte_order == CL_REGION_BYTE_ORDER,
            header.layout_major != RegionLayout.major
        {
            return importers.contains { $0.major == header.layout_major } ? mismatch : nil
        }
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
        if let found = reader.predecessorProblem {
            return "what generation \(reader.header.predecessor) counted is lost: \(found)"
        }
        if let old = reader.predecessor {
            return "nobody counts in generation \(old.header.generation) any more, which goes into the new one"
        }
        return wish(reader)
    }

    /// Makes the new generation of what nobody holds, and removes the one before it, if there is one: it is in the new one.
    func run(_ baseID: UInt32, major: UInt16) throws(RegionError) {
        let source = try RegionSource(baseID: baseID)
        guard let importer = importers.first(where: { $0.major == major }) else {
            throw .foreign(path: source.path, found: "layout \(major)")
        }
        let made = try RegionFile.createUnpublished(baseID: baseID, generation: 0)
        do throws(RegionError) {
            // As a process of its own that is gone afterwards.
            let region = try SharedRegion(baseID: baseID, descriptor: made.descriptor).mappedWhole()
            try region.claimSlot(epoch: 0, socketPath: "")
            let history = try importer.run(source, region)
            history.write(into: &region.region.pointee.header)
            region.region.pointee.header.generation = history.generation &+ 1
        } catch {
            unlink(made.path)
            throw error
        }
        Fault.reached(.regionFilled)
        try publish(made.path, baseID)
        // Nobody refers to it now: killed here, the next start removes it.
        unlink(RegionName.predecessorPath(baseID: baseID))
    }

    /// Makes the new generation beside the one that has the name, in which live processes count.
    func makeBeside(_ baseID: UInt32) throws(RegionError) {
        let path = RegionName.path(baseID: baseID)
        let oldPath = RegionName.predecessorPath(baseID: baseID)
        let old = try RegionReader(baseID: baseID)
        guard !old.header.hasPredecessor, access(oldPath, F_OK) != 0 else {
            throw .busy(path: oldPath, holder: "processes that count in it: a region has one before it at most")
        }
        let made = try RegionFile.createUnpublished(baseID: baseID, generation: old.header.generation &+ 1)
        do throws(RegionError) {
            let region = try SharedRegion(baseID: baseID, descriptor: made.descriptor).mappedWhole()
            // Nobody can add a name to the old one any more. With all of them here, a value of the old one has one here:
            // for readers to add to, and for a reset to remember.
            try names(old, region)
            var history = RegionHistory(old)
            // Both go on in the old one.
            history.repairs = 0
            history.overflows = 0
            history.write(into: &region.region.pointee.header)
            region.region.pointee.header.predecessor = old.header.generation
        } catch {
            unlink(made.path)
            throw error
        }
        Fault.reached(.regionFilled)
        // The second name first: whoever sees the new region finds the old one.
        guard link(path, oldPath) == 0 else {
            let code = errno
            unlink(made.path)
            throw .system(call: "link", path: oldPath, code: code)
        }
        Fault.reached(.predecessorLinked)
        do throws(RegionError) {
            try publish(made.path, baseID)
        } catch {
            unlink(oldPath)
            throw error
        }
    }

    private func publish(_ made: String, _ baseID: UInt32) throws(RegionError) {
        guard rename(made, RegionName.path(baseID: baseID)) == 0 else {
            let code = errno
            unlink(made)
            throw .system(call: "rename", path: made, code: code)
        }
        Fault.reached(.regionPublished)
    }
}
