import CLinux
import Glibc
import SharedMemory

/// A base id for one test, with the processes that the test starts in it.
public final class Scratch {
    public let baseID: UInt32
    private var children: [ChildProcess] = []

    public var path: String { RegionName.path(baseID: baseID) }

    fileprivate init() {
        var id: UInt32
        repeat { id = .random(in: 1_000_000_000...4_000_000_000) } while access(RegionName.path(baseID: id), F_OK) == 0
        baseID = id
    }

    public func spawn(_ operations: String...) throws -> ChildProcess { try spawn(operations) }

    public func spawn(_ operations: [String]) throws -> ChildProcess {
        let child = try ChildProcess(baseID: baseID, operations: operations)
        children.append(child)
        return child
    }

    /// Runs it to its end.
    @discardableResult
    public func run(_ operations: String...) throws -> ChildProcess.Ending {
        let child = try ChildProcess(baseID: baseID, operations: operations)
        children.append(child)
        return child.waitForEnd()
    }

    /// One that sees a /dev/shm of its own, which has 1 MiB.
    public func spawnInTinyMemory(_ operations: String...) throws -> ChildProcess {
        let mount = "mount -t tmpfs -o size=1m none /dev/shm && exec \"$0\" \"$@\""
        let child = try ChildProcess(
            baseID: baseID, operations: operations, wrapper: ["unshare", "-m", "sh", "-c", mount])
        children.append(child)
        return child
    }

    public func attach(
        reset: Bool = false, rebuild: RegionRebuild? = nil
    ) throws -> (region: SharedRegion, origin: SharedRegion.Origin) {
        let (region, origin) = try SharedRegion.attach(try Anchor(baseID: baseID), reset: reset, rebuild: rebuild)
        return (region, origin)
    }

    /// A region with a slot of its own.
    public func member(epoch: UInt32 = 0, socketPath: String = "") throws -> SharedRegion {
        let anchor = try Anchor(baseID: baseID)
        let (region, _) = try SharedRegion.attach(anchor)
        try region.claimSlot(epoch: epoch, socketPath: socketPath)
        withExtendedLifetime(anchor) {}
        return region
    }

    public func reader() throws -> RegionReader { try RegionReader(baseID: baseID) }

    /// Writes into the region's file behind everybody's back.
    public func poke<T: BitwiseCopyable>(_ value: T, at offset: Int) {
        let fd = open(path, O_RDWR | O_CLOEXEC)
        defer { close(fd) }
        let written = withUnsafeBytes(of: value) { pwrite(fd, $0.baseAddress, $0.count, off_t(offset)) }
        precondition(written == MemoryLayout<T>.size, "pwrite: \(errno)")
    }

    /// Writes a field of the header.
    public func poke<T: BitwiseCopyable>(_ field: KeyPath<cl_region_header, T>, _ value: T) {
        poke(value, at: MemoryLayout<cl_region_header>.offset(of: field)!)
    }

    public var inode: UInt64 {
        var status = cl_file_status()
        return cl_stat(path, &status) == 0 ? status.inode : 0
    }

    public var size: Int {
        var status = cl_file_status()
        return cl_stat(path, &status) == 0 ? Int(status.size) : -1
    }

    /// The files of this base id, without their common beginning.
    public func files() -> [String] {
        guard let entries = opendir(RegionName.directory) else { return [] }
        defer { closedir(entries) }
        let start = String(path.dropFirst(RegionName.directory.count + 1))
        var found: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix(start) { found.append(String(name.dropFirst(start.count))) }
        }
        return found.sorted()
    }

    fileprivate func end() {
        for child in children { child.kill() }
        for name in files() where rmdir(path + name) != 0 { unlink(path + name) }
    }
}

/// Runs `body` with a base id of its own; afterwards its processes are dead and its files gone, whatever happened.
public func withScratch<T>(_ body: (Scratch) throws -> T) rethrows -> T {
    let scratch = Scratch()
    defer { scratch.end() }
    return try body(scratch)
}

extension RegionError {
    /// Which error it is, without what it says.
    public enum Kind: Sendable, Equatable { case system, missing, untrusted, foreign, busy, unrecoverable, full }

    public var kind: Kind {
        switch self {
        case .system: .system
        case .missing: .missing
        case .untrusted: .untrusted
        case .foreign: .foreign
        case .busy: .busy
        case .unrecoverable: .unrecoverable
        case .full: .full
        }
    }
}
