import CLinux
import Glibc

// Two regions of one base id: the one that has the name, and the one before it, while live processes still count there.
extension SharedRegion {
    /// The other region of this base id, for its slots and, in the one that has the name, for its mutex; nil: there is
    /// none. Nothing is written into the one before.
    func neighbour() -> SharedRegion? {
        if let other { return other }
        if header.hasPredecessor {
            other = Self.look(baseID, RegionName.predecessorPath(baseID: baseID)) {
                $0.isPredecessor(of: self.header)
            }
        } else {
            var named = cl_file_status()
            var ours = cl_file_status()
            guard cl_stat(path, &named) == 0, cl_fstat(descriptor, &ours) == 0,
                named.inode != ours.inode || named.device != ours.device
            else { return nil }
            other = Self.look(baseID, path) { self.header.isPredecessor(of: $0) }
        }
        return other
    }

    /// The region in a file, without a slot in it, when its header is what `isWanted` wants.
    private static func look(
        _ baseID: UInt32, _ path: String, _ isWanted: (cl_region_header) -> Bool
    ) -> SharedRegion? {
        do throws(RegionError) {
            let fd = try RegionFile.open(path, writable: true)
            guard let header = RegionFile.header(fd), isWanted(header),
                RegionFile.mismatch(header, try RegionFile.extent(fd, path: path), toWrite: true) == nil
            else {
                _ = cl_close(fd)
                return nil
            }
            let region = try SharedRegion(baseID: baseID, descriptor: fd)
            // Header and slots: nobody looks at its values through this.
            try region.map(upTo: RegionLayout.data)
            return region
        } catch {
            // What cannot be opened has nobody in it that we could know of.
            return nil
        }
    }
}

extension cl_region_header {
    /// Whether the region names one before it whose counts are not in its own cells.
    package var hasPredecessor: Bool { predecessor != 0 && predecessor > imported }

    /// Whether this is the header of the region that the other one names.
    package func isPredecessor(of new: cl_region_header) -> Bool {
        magic == CL_REGION_MAGIC && base_id == new.base_id && new.hasPredecessor && generation == new.predecessor
            && generation < new.generation && created_ns == new.created_ns
    }
}

extension RegionFile {
    /// Whether a live process counts in the region before the one that has the name. Hold the anchor.
    static func hasHolderOfPredecessor(baseID: UInt32) -> Bool {
        let fd = cl_open(RegionName.predecessorPath(baseID: baseID), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
        guard fd >= 0 else { return false }
        defer { _ = cl_close(fd) }
        return hasHolder(fd)
    }

    /// Removes a predecessor that the region does not name: what a process left behind that was killed before it published
    /// a new region, or after what the old one counted was taken over. Hold the anchor.
    static func settlePredecessor(baseID: UInt32) {
        let path = RegionName.path(baseID: baseID)
        let oldPath = RegionName.predecessorPath(baseID: baseID)
        var old = cl_file_status()
        guard cl_stat(oldPath, &old) == 0 else { return }
        var named = cl_file_status()
        // Without a region nobody refers to it. The same file: the region was to be replaced, and was not.
        if cl_stat(path, &named) == 0, named.inode != old.inode || named.device != old.device {
            let fd = cl_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
            // What cannot be read is not judged.
            guard fd >= 0 else { return }
            defer { _ = cl_close(fd) }
            guard let header = header(fd), header.magic == CL_REGION_MAGIC else { return }
            guard header.layout_major == RegionLayout.major else { return }
            let oldFD = cl_open(oldPath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
            guard oldFD >= 0 else { return }
            defer { _ = cl_close(oldFD) }
            if let oldHeader = self.header(oldFD), oldHeader.isPredecessor(of: header) { return }
        }
        unlink(oldPath)
    }
}
