import CLinux
import Glibc

/// Opening, checking, making and removing region files; nothing of it touches a mutex or a cell.
package enum RegionFile {
    /// Opens a region that exists and checks whether it can be trusted (owner, mode, kind, size).
    static func open(_ path: String, writable: Bool) throws(RegionError) -> Int32 {
        // O_NONBLOCK: a FIFO that somebody put there must be refused, not waited for.
        let fd = cl_open(path, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK, 0)
        if fd == -ENOENT { throw .missing(path: path) }
        guard fd >= 0 else {
            var status = cl_file_status()
            if fd == -EACCES, cl_stat(path, &status) == 0 {
                throw .untrusted(path: path, found: "it belongs to uid \(status.uid), and this is uid \(geteuid())")
            }
            throw .system(call: "open", path: path, code: -fd)
        }
        var status = cl_file_status()
        let rc = cl_fstat(fd, &status)
        var problem: String?
        if rc < 0 {
            problem = "it cannot be examined"
        } else if !cl_is_regular(&status) {
            problem = "it is not a regular file"
        } else if status.uid != geteuid() && (writable || geteuid() != 0) {
            problem = "it belongs to uid \(status.uid), and this is uid \(geteuid())"
        } else if status.mode & 0o777 != 0o600 {
            problem = "its mode is \(String(status.mode & 0o777, radix: 8)) instead of 600"
        } else if writable && status.links != 1 {
            problem = "it has \(status.links) links instead of 1"
        } else if status.size < Int64(RegionLayout.data) || status.size > Int64(RegionLayout.largest) {
            problem = "its size is \(status.size) bytes"
        }
        if let problem {
            _ = cl_close(fd)
            throw .untrusted(path: path, found: problem)
        }
        return fd
    }

    /// How much of a file there is.
    struct Extent {
        var size: Int
        /// Bytes that have memory: a hole costs whoever made it nothing.
        var allocated: Int
    }

    /// The size of an open region. Ask after its header was read: a live process may be growing it, memory first, so that
    /// a size from before the header can be too small for what the header says.
    static func extent(_ descriptor: Int32, path: String) throws(RegionError) -> Extent {
        var status = cl_file_status()
        let rc = cl_fstat(descriptor, &status)
        guard rc == 0 else { throw .system(call: "fstat", path: path, code: -rc) }
        guard status.size <= Int64(RegionLayout.largest) else {
            throw .untrusted(path: path, found: "its size is \(status.size) bytes")
        }
        return Extent(size: Int(status.size), allocated: Int(status.allocated))
    }

    /// Whether this build can use what the header says; nil when it can.
    static func mismatch(_ header: cl_region_header, _ extent: Extent, toWrite: Bool) -> String? {
        if header.magic != CL_REGION_MAGIC { return "no region magic" }
        if header.byte_order != CL_REGION_BYTE_ORDER { return "another byte order" }
        if header.layout_major != RegionLayout.major {
            return "layout \(header.layout_major).\(header.layout_minor), this build has \(RegionLayout.major)"
        }
        if header.header_length != UInt32(RegionLayout.page)
            || Int(header.record_length) < MemoryLayout<cl_record>.size || header.record_length > 1024
        {
            return "header of \(header.header_length) and records of \(header.record_length) bytes"
        }
        if toWrite, header.mutex_tag != cl_mutex_tag() || header.mutex_size != UInt32(CL_MUTEX_WORDS * 8) {
            return "made by another C library"
        }
        if toWrite, !withUnsafePointer(to: header, { cl_header_mutex_has_our_kind($0) }) { return "no mutex of ours" }
        if Int(header.segment_count) > RegionLayout.segments || Int(header.plane_count) > RegionLayout.planes {
            return "\(header.segment_count) segments and \(header.plane_count) planes"
        }
        // A value takes at least two bytes of the log (16 in a record of 32 bytes). Readers need memory for each.
        if header.value_count > UInt64(extent.allocated / 2) || header.log_tail > UInt64(extent.allocated) {
            return "\(header.value_count) values and \(header.log_tail) bytes of names in \(extent.allocated) bytes"
        }
        if header.committed > UInt64(extent.size) {
            return "cut short: \(extent.size) of \(header.committed) bytes"
        }
        return nil
    }

    /// Makes an empty region and publishes it whole: nobody sees half of one. Hold the anchor.
    static func create(baseID: UInt32, generation: UInt64) throws(RegionError) -> Int32 {
        let path = RegionName.path(baseID: baseID)
        let made = try createUnpublished(baseID: baseID, generation: generation)
        Fault.reached(.regionFilled)
        let rc = cl_rename_noreplace(made.path, path)
        guard rc == 0 else {
            _ = cl_close(made.descriptor)
            unlink(made.path)
            throw .system(call: "renameat2", path: path, code: -rc)
        }
        return made.descriptor
    }

    /// Makes an empty region under a name of its own.
    static func createUnpublished(
        baseID: UInt32, generation: UInt64
    ) throws(RegionError) -> (descriptor: Int32, path: String) {
        removeUnpublished(baseID: baseID)
        let temporary = "\(RegionName.path(baseID: baseID)).new.\(getpid())"
        let fd = cl_open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        guard fd >= 0 else { throw .system(call: "open", path: temporary, code: -fd) }
        do throws(RegionError) {
            let mode = fchmod(fd, 0o600)
            guard mode == 0 else { throw .system(call: "fchmod", path: temporary, code: errno) }
            var rc = cl_fallocate(fd, 0, Int64(RegionLayout.data))
            guard rc == 0 else {
                throw rc == -ENOSPC
                    ? .full(path: temporary, what: "no shared memory is left")
                    : .system(call: "posix_fallocate", path: temporary, code: -rc)
            }
            guard let base = cl_reserve(RegionLayout.data) else {
                throw .system(call: "mmap", path: temporary, code: errno)
            }
            defer { cl_unmap(base, RegionLayout.data) }
            rc = cl_map_at(base, RegionLayout.data, fd, 0)
            guard rc == 0 else { throw .system(call: "mmap", path: temporary, code: -rc) }
            let region = base.assumingMemoryBound(to: cl_region.self)
            fill(&region.pointee.header, baseID: baseID, generation: generation)
            rc = cl_mutex_init(cl_region_mutex(region))
            guard rc == 0 else { throw .system(call: "pthread_mutex_init", path: temporary, code: -rc) }
        } catch {
            _ = cl_close(fd)
            unlink(temporary)
            throw error
        }
        return (fd, temporary)
    }

    /// What processes that were killed while they made a region have left behind. Hold the anchor.
    private static func removeUnpublished(baseID: UInt32) {
        let prefix = "envoyd-\(baseID).new."
        for name in RegionName.files() where name.hasPrefix(prefix) { unlink("\(RegionName.directory)/\(name)") }
    }

    private static func fill(_ header: inout cl_region_header, baseID: UInt32, generation: UInt64) {
        header.magic = CL_REGION_MAGIC
        header.byte_order = CL_REGION_BYTE_ORDER
        header.layout_major = RegionLayout.major
        header.layout_minor = RegionLayout.minor
        header.header_length = UInt32(RegionLayout.page)
        header.record_length = UInt32(MemoryLayout<cl_record>.size)
        header.mutex_tag = cl_mutex_tag()
        header.mutex_size = UInt32(CL_MUTEX_WORDS * 8)
        header.generation = generation
        header.created_ns = cl_realtime_ns()
        header.committed = UInt64(RegionLayout.data)
        header.base_id = baseID
        header.uid = geteuid()
        var text = [UInt8](repeating: 0, count: 64)
        let fd = cl_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0)
        guard fd >= 0 else { return }
        let n = cl_read(fd, &text, text.count)
        _ = cl_close(fd)
        // 36 characters of hexadecimal digits and dashes: 16 bytes.
        let digits = text.prefix(max(n, 0)).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count >= 32 else { return }
        withUnsafeMutableBytes(of: &header.boot_id) { bytes in
            for i in 0..<16 { bytes[i] = UInt8(digits[2 * i] << 4 | digits[2 * i + 1]) }
        }
    }

    /// The header as it is, whatever it says; nil when there is none.
    static func header(_ descriptor: Int32) -> cl_region_header? {
        var header = cl_region_header()
        let got = withUnsafeMutableBytes(of: &header) { pread(descriptor, $0.baseAddress, $0.count, 0) }
        return got == MemoryLayout<cl_region_header>.size ? header : nil
    }

    /// Which process slots are held by another open file description. Two questions for each that is, and one more,
    /// instead of one for each that there is.
    package static func lockedSlots(_ descriptor: Int32) -> [Bool] {
        var locked = [Bool](repeating: false, count: RegionLayout.slots)
        var unknown = [0..<RegionLayout.slots]
        while let range = unknown.popLast() {
            guard !range.isEmpty else { continue }
            var (start, length) = (Int64(0), Int64(0))
            let found = cl_ofd_find_lock(
                descriptor, RegionLayout.locks + Int64(range.lowerBound), Int64(range.count), &start, &length)
            guard found == 1 else { continue }
            let first = Int(clamping: start - RegionLayout.locks)
            // A length of 0: all that follows.
            let end = length == 0 ? range.upperBound : first.addingReportingOverflow(Int(length)).partialValue
            let held = (first..<max(first, end)).clamped(to: range)
            // It is of the range, or the kernel is not what we know: then all of it counts as held.
            for index in held.isEmpty ? range : held { locked[index] = true }
            guard !held.isEmpty else { continue }
            unknown += [range.lowerBound..<held.lowerBound, held.upperBound..<range.upperBound]
        }
        return locked
    }

    /// Whether any process slot of this file is held by another open file description.
    static func hasHolder(_ descriptor: Int32) -> Bool {
        cl_ofd_is_locked(descriptor, RegionLayout.locks, 1024) == 1
    }
}
