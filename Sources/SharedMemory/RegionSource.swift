import CLinux
import Glibc

/// A region's file as a source of what was counted, whatever its layout: bytes that were read, never mapped, never past
/// the end.
public struct RegionSource: ~Copyable {
    /// Whose region it is.
    public let baseID: UInt32
    /// The file.
    public let path: String
    /// Its bytes, as many as there were when it was opened.
    public let size: Int
    private let descriptor: Int32

    init(baseID: UInt32) throws(RegionError) {
        let path = RegionName.path(baseID: baseID)
        let fd = try RegionFile.open(path, writable: false)
        do throws(RegionError) {
            size = try RegionFile.extent(fd, path: path).size
        } catch {
            _ = cl_close(fd)
            throw error
        }
        descriptor = fd
        self.baseID = baseID
        self.path = path
    }

    deinit { _ = cl_close(descriptor) }

    /// The region as one of this build's layout, with the one before it.
    public func reader() throws(RegionError) -> RegionReader { try RegionReader(baseID: baseID) }

    /// `count` bytes at an offset of the file; an error when it does not have them.
    public func bytes(at offset: Int, count: Int) throws(RegionError) -> [UInt8] {
        guard offset >= 0, count >= 0, count <= size, offset <= size - count else {
            throw .foreign(path: path, found: "\(count) bytes at \(offset) of \(size)")
        }
        var got = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            got = count == 0 ? 0 : pread(descriptor, buffer.baseAddress, count, off_t(offset))
            filled = max(got, 0)
        }
        guard got == count else { throw .foreign(path: path, found: "cut short at \(offset + max(got, 0))") }
        return bytes
    }

    /// The little-endian number at an offset of the file.
    public func number<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, at offset: Int
    ) throws(RegionError) -> T {
        let bytes = try bytes(at: offset, count: MemoryLayout<T>.size)
        return T(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(as: T.self) })
    }
}

/// What a new region goes on with beside its stats: how old the counts are, and how often things happened.
public struct RegionHistory: Sendable {
    /// The generation that the counts are from; the new one is one higher.
    public var generation: UInt64
    /// CLOCK_REALTIME when counting began.
    public var createdNs: UInt64
    /// Processes that began.
    public var processStarts: UInt64 = 0
    /// The ordinal of the process that began to serve last.
    public var lastOrdinal: UInt64 = 0
    /// Processes that began to serve.
    public var commitSequence: UInt64 = 0
    /// Times the mutex of a dead owner was taken over.
    public var repairs: UInt64 = 0
    /// What had to live on a heap.
    public var overflows: UInt64 = 0
    /// How often counters were reset.
    public var resets: UInt64 = 0
    /// The generation of the predecessor whose counts are among them; 0: none.
    public var imported: UInt64 = 0

    /// A history of which only the beginning is known.
    public init(generation: UInt64, createdNs: UInt64) {
        self.generation = generation
        self.createdNs = createdNs
    }

    /// That of a region of this build's layout, with the one before it.
    public init(_ reader: RegionReader) {
        let header = reader.header
        self.init(generation: header.generation, createdNs: header.created_ns)
        let old = reader.predecessor?.header
        processStarts = header.process_starts
        lastOrdinal = reader.lastOrdinal
        commitSequence = max(header.commit_sequence, old?.commit_sequence ?? 0)
        repairs = header.repairs &+ (old?.repairs ?? 0)
        overflows = header.overflows &+ (old?.overflows ?? 0)
        resets = header.baseline >> 1
        imported = max(header.imported, header.predecessor)
    }

    func write(into header: inout cl_region_header) {
        header.created_ns = createdNs
        header.process_starts = processStarts
        header.last_ordinal = lastOrdinal
        header.commit_sequence = commitSequence
        header.repairs = repairs
        header.overflows = overflows
        // How often it was reset, over a baseline of zeros: the counts come without what was reset.
        header.baseline = resets << 1
        header.imported = imported
    }
}

/// How what a region of one layout counted gets into a new region.
public struct RegionImporter: Sendable {
    /// The layout's major number.
    public let major: UInt16
    /// Writes it into the empty new region. A file that cannot be what it says is an error of kind
    /// ``RegionError/foreign(path:found:)``.
    public let run: @Sendable (borrowing RegionSource, SharedRegion) throws(RegionError) -> RegionHistory

    /// An importer of one layout.
    public init(
        major: UInt16,
        run: @escaping @Sendable (borrowing RegionSource, SharedRegion) throws(RegionError) -> RegionHistory
    ) {
        self.major = major
        self.run = run
    }
}
