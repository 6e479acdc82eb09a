import CLinux
import Glibc

extension SharedRegion {
    /// Attaches to the region of the anchor's base id, or makes it.
    ///
    /// - Parameters:
    ///   - reset: start afresh; only when nobody else holds the region.
    ///   - rebuild: how what one region counted gets into a new one; nil: it does not.
    public static func attach(
        _ anchor: Anchor, reset: Bool = false, rebuild: RegionRebuild? = nil
    ) throws(RegionError) -> (SharedRegion, Origin) {
        let baseID = anchor.baseID
        let path = RegionName.path(baseID: baseID)
        var origin = Origin.continued
        var generation: UInt64 = 1
        // A region may be removed or replaced between our open and our look at the name: then once more.
        for _ in 0..<16 {
            RegionFile.settlePredecessor(baseID: baseID)
            let opened: Int32
            do {
                opened = try RegionFile.open(path, writable: true)
            } catch .missing {
                if case .continued = origin { origin = .created }
                let fd = try RegionFile.create(baseID: baseID, generation: generation)
                return (try SharedRegion(baseID: baseID, descriptor: fd).mappedWhole(), origin)
            } catch {
                throw error
            }
            defer { _ = cl_close(opened) }
            guard let header = RegionFile.header(opened) else {
                throw .system(call: "pread", path: path, code: EIO)
            }
            let extent = try RegionFile.extent(opened, path: path)
            var mismatch = RegionFile.mismatch(header, extent, toWrite: true)
            var attached: SharedRegion?
            if mismatch == nil, !reset {
                do {
                    attached = try SharedRegion(baseID: baseID, descriptor: copy(opened, path)).mappedWhole()
                } catch .foreign(_, let found) {
                    // A directory that cannot be is no better than a header that cannot be.
                    mismatch = found
                } catch {
                    throw error
                }
            }
            let isHeld = RegionFile.hasHolder(opened) || RegionFile.hasHolderOfPredecessor(baseID: baseID)
            if let rebuild, !reset, case .continued = origin {
                switch try renew(rebuild, anchor, attached, header, mismatch, isHeld: isHeld) {
                case .unneeded: break
                case .impossible(let found): mismatch = found
                case .kept(let reason): origin = .kept(reason: reason)
                case .done(let how):
                    origin = how
                    continue
                }
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

    /// What came of the question whether the region wants a new generation.
    private enum Renewal {
        case unneeded
        case done(Origin)
        /// The region goes on as it is: why there should be a new one, and why there is none.
        case kept(String)
        /// What it counted cannot be read: what was found.
        case impossible(String)
    }

    private static func renew(
        _ rebuild: RegionRebuild, _ anchor: Anchor, _ attached: SharedRegion?, _ header: cl_region_header,
        _ mismatch: String?, isHeld: Bool
    ) throws(RegionError) -> Renewal {
        if isHeld {
            guard let attached, attached.isBeyondRepair else { return .unneeded }
            let reason = "its mutex cannot be recovered"
            do {
                try rebuild.makeBeside(anchor.baseID)
                return .done(.beside(reason: reason))
            } catch {
                return .kept("\(reason); \(error)")
            }
        }
        guard let reason = try rebuild.reason(anchor.baseID, attached, header, mismatch) else { return .unneeded }
        do {
            try rebuild.run(anchor.baseID, major: header.layout_major)
            return .done(.rebuilt(reason: reason))
        } catch {
            // No memory for two of them, for one: then it goes on as it is, if it can.
            if attached != nil { return .kept("\(reason); \(error)") }
            if case .foreign(_, let found) = error {
                return .impossible("\(reason), which cannot be imported: \(found)")
            }
            throw error
        }
    }

    /// Whether its mutex can never be locked again. Waits for nobody.
    private var isBeyondRepair: Bool {
        do throws(RegionError) {
            try withLock(waiting: false) {}
            return false
        } catch .unrecoverable {
            return true
        } catch {
            return false
        }
    }

    /// The same open file description, for a region that closes its own.
    private static func copy(_ descriptor: Int32, _ path: String) throws(RegionError) -> Int32 {
        let copy = cl_dup(descriptor)
        guard copy >= 0 else { throw .system(call: "dup", path: path, code: -copy) }
        return copy
    }

    /// Removes a region that nobody holds, with the one before it.
    public static func remove(_ anchor: Anchor) throws(RegionError) {
        let path = RegionName.path(baseID: anchor.baseID)
        RegionFile.settlePredecessor(baseID: anchor.baseID)
        let fd = try RegionFile.open(path, writable: true)
        defer { _ = cl_close(fd) }
        guard !RegionFile.hasHolder(fd), !RegionFile.hasHolderOfPredecessor(baseID: anchor.baseID) else {
            throw .busy(path: path, holder: "a live process")
        }
        guard unlink(path) == 0 else { throw .system(call: "unlink", path: path, code: errno) }
        // After it: nobody refers to the older one any more, and the next start would remove it too.
        unlink(RegionName.predecessorPath(baseID: anchor.baseID))
    }
}
