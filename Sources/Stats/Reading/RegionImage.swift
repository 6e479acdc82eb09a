import CLinux
import Glibc
import SharedMemory

/// A region's file as bytes that were read, whatever they say: for those who look for what is wrong with it. Nothing is
/// mapped, so that a file that shrinks meanwhile does no harm.
public final class RegionImage {
    /// The file that was read.
    public let path: String
    /// The file's size, mode, owner and links.
    public let status: cl_file_status
    /// Whether each slot's lock was held just before the head was read.
    public let isLocked: [Bool]
    private let head: UnsafeMutablePointer<cl_region>
    private let descriptor: Int32
    /// What was read last: records are small and lie one after the other.
    private var window: [UInt8] = []
    private var windowStart = 0
    private static let windowBytes = 1 << 16

    /// What has the base id's name.
    public convenience init(baseID: UInt32) throws(RegionError) {
        try self.init(path: RegionName.path(baseID: baseID))
    }

    /// Any file.
    public init(path: String) throws(RegionError) {
        self.path = path
        // O_NONBLOCK: a FIFO that somebody put there is looked at, not waited for.
        let fd = cl_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
        if fd == -ENOENT { throw .missing(path: path) }
        guard fd >= 0 else { throw .system(call: "open", path: path, code: -fd) }
        var status = cl_file_status()
        let rc = cl_fstat(fd, &status)
        guard rc == 0, cl_is_regular(&status) else {
            _ = cl_close(fd)
            throw .untrusted(path: path, found: "it is not a regular file")
        }
        isLocked = RegionFile.lockedSlots(fd)
        head = .allocate(capacity: 1)
        memset(head, 0, MemoryLayout<cl_region>.size)
        let got = pread(fd, head, MemoryLayout<cl_region>.size, 0)
        // What the head speaks of was made before it.
        _ = cl_fstat(fd, &status)
        self.status = status
        descriptor = fd
        guard got >= MemoryLayout<cl_region_header>.size else {
            throw .foreign(path: path, found: "cut short: \(max(got, 0)) bytes")
        }
    }

    deinit {
        head.deallocate()
        _ = cl_close(descriptor)
    }

    /// The region that this one, which has a base id's name, names as the one before it; nil: it names none.
    ///
    /// The error is `RegionError.foreign` when the file that should be it is another region.
    public func predecessor() throws(RegionError) -> RegionImage? {
        guard header.magic == CL_REGION_MAGIC, header.layout_major == RegionLayout.major, header.hasPredecessor else {
            return nil
        }
        let old = try RegionImage(path: path + ".old")
        guard old.header.isPredecessor(of: header) else {
            throw .foreign(path: old.path, found: "generation \(old.header.generation) of another region")
        }
        return old
    }

    /// What the file begins with, unchecked.
    public var header: cl_region_header { head.pointee.header }
    /// The file's size in bytes.
    public var size: Int { Int(clamping: status.size) }

    /// A process slot, unchecked.
    ///
    /// - Parameter index: below `RegionLayout.slots`.
    public func slot(_ index: Int) -> cl_slot { cl_region_slot(head, Int32(index)).pointee }

    /// The restart socket of a slot; empty: none.
    public func socketPath(slot index: Int) -> String {
        let slot = cl_region_slot(head, Int32(index))
        let length = min(Int(slot.pointee.path_length), Int(CL_SLOT_PATH))
        return String(decoding: UnsafeBufferPointer(start: cl_slot_path(slot), count: length), as: UTF8.self)
    }

    /// The published segments, no more than a directory has.
    public var segments: [cl_segment] {
        (0..<min(Int(header.segment_count), RegionLayout.segments)).map {
            cl_region_segment(head, UInt32($0)).pointee
        }
    }

    /// The planes that were ever claimed, no more than the table has.
    public var planes: [cl_plane] {
        (0..<min(Int(header.plane_count), RegionLayout.planes)).map { cl_region_plane(head, UInt32($0)).pointee }
    }

    /// `count` bytes at a file offset; nil when the file does not have them.
    func bytes(at offset: Int, count: Int) -> ArraySlice<UInt8>? {
        guard offset >= 0, count >= 0, count <= Self.windowBytes, offset <= size - count else { return nil }
        if offset < windowStart || offset + count > windowStart + window.count {
            let wanted = min(Self.windowBytes, size - offset)
            window = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                filled = max(pread(descriptor, buffer.baseAddress, wanted, off_t(offset)), 0)
            }
            windowStart = offset
            guard window.count >= count else { return nil }
        }
        return window[offset - windowStart..<offset - windowStart + count]
    }

    /// `count` words at a file offset, past the window: cells lie apart.
    func words(at offset: Int, count: Int) -> [UInt64]? {
        guard offset >= 0, offset <= size - count * 8 else { return nil }
        var complete = false
        let words = [UInt64](unsafeUninitializedCapacity: count) { buffer, filled in
            complete = pread(descriptor, buffer.baseAddress, count * 8, off_t(offset)) == count * 8
            filled = complete ? count : 0
        }
        return complete ? words : nil
    }
}
