import CLinux
import Glibc
import SharedMemory
import Stats

/// Regions with everything in them: every kind of stat, planes of the living and of the dead, a reset, a start, an interval,
/// and, beside, a region before the one that has the name. They are damaged through a mapping and made whole again.
final class SoundRegions {
    struct Failure: Error { var what: String }

    private let baseID: UInt32
    /// Whoever lives in them.
    private var stores: [StatsStore] = []
    private var maps: [UnsafeMutableRawPointer] = []
    private(set) var images: [[UInt8]] = []
    private var touched: [(file: Int, bytes: Range<Int>)] = []

    /// What a process finds that comes after all others: one region, one whose mutex is broken, and what came beside that.
    struct Images {
        var one: [UInt8]
        var broken: [UInt8]
        var beside: [UInt8]
    }

    static func images(_ baseID: UInt32) throws -> Images {
        var found: [[UInt8]] = []
        for isBeside in [false, true] {
            found += try SoundRegions(baseID, isBeside: isBeside).images
            removeFiles(baseID)
        }
        return Images(one: found[0], broken: found[2], beside: found[1])
    }

    init(_ baseID: UInt32, isBeside: Bool) throws {
        self.baseID = baseID
        Self.removeFiles(baseID)
        let older = try Self.process(baseID, rebuild: nil)
        // More planes than the next one takes over.
        for _ in 0..<4 { Self.count(older) }
        Self.countPlain(older.region)
        try older.region?.commitSlot()
        stores.append(older)
        if isBeside { try Self.breakMutex(baseID) } else { Self.letGo(baseID) }
        let store = try Self.process(baseID, rebuild: .stats)
        let before = store.totals()
        Self.count(store)
        Self.countPlain(store.region)
        try store.region?.commitSlot()
        store.keepStart(before)
        Self.count(store)
        store.resetCounters()
        store.closeInterval()
        Self.count(store)
        stores.append(store)
        let paths = [RegionName.path(baseID: baseID)] + (isBeside ? [RegionName.predecessorPath(baseID: baseID)] : [])
        for path in paths {
            let fd = open(path, O_RDWR | O_CLOEXEC)
            defer { close(fd) }
            let size = Int(lseek(fd, 0, SEEK_END))
            guard fd >= 0, size > 0, let space = cl_reserve(size), cl_map_at(space, size, fd, 0) == 0 else {
                throw Failure(what: "\(path) cannot be mapped")
            }
            maps.append(space)
            images.append(Array(UnsafeRawBufferPointer(start: space, count: size)))
        }
    }

    deinit {
        for (map, image) in zip(maps, images) { cl_unmap(map, image.count) }
    }

    private static func process(_ baseID: UInt32, rebuild: RegionRebuild?) throws -> StatsStore {
        let anchor = try Anchor(baseID: baseID)
        let (region, _) = try SharedRegion.attach(anchor, rebuild: rebuild)
        try region.claimSlot(epoch: 0, socketPath: "@fuzz")
        withExtendedLifetime(anchor) {}
        return StatsStore(region: region, naming: .envoy)
    }

    static func count(_ store: StatsStore) {
        let writer = store.makeWriter()
        for name in ["cluster.a.upstream_rq_200", "http.in.downstream_rq_2xx", "listener.0.0.0.0_80.worker_1.cx"] {
            writer.counter(store.counter(name)).increment()
        }
        writer.counter(store.counter("hidden", flags: .hiddenWhenZero)).increment()
        writer.gauge(store.gauge("sum", import: .accumulate)).set(3)
        writer.gauge(store.gauge("one", import: .neverImport)).set(4)
        writer.text(store.text("words")).set("some words")
        let histogram = writer.histogram(store.histogram("cluster.a.time", unit: .milliseconds))
        store.topUp()
        for value in [0, 1, 42, 4200, 4_200_000] as [UInt64] { histogram.record(value) }
    }

    /// Names of another program, with dimensions, and some that Prometheus cannot tell apart.
    private static func countPlain(_ region: SharedRegion?) {
        let store = StatsStore(region: region)
        let writer = store.makeWriter()
        for name in ["requests;code=200;method=GET", "requests;a.b=%22;a_b=%zz", "re.quests", "re_quests", "5xx"] {
            writer.counter(store.counter(name)).increment()
            writer.gauge(store.gauge(name, import: .accumulate)).set(5)
        }
    }

    /// As after a process that knows nothing of robust mutexes: one thread dies with it, another unlocks it as it is.
    private static func breakMutex(_ baseID: UInt32) throws {
        let page = Int(CL_REGION_PAGE)
        let fd = open(RegionName.path(baseID: baseID), O_RDWR | O_CLOEXEC)
        defer { close(fd) }
        guard fd >= 0, let space = cl_reserve(page), cl_map_at(space, page, fd, 0) == 0 else {
            throw Failure(what: "the header cannot be mapped")
        }
        defer { cl_unmap(space, page) }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { @Sendable argument in
                _ = cl_mutex_lock(cl_region_mutex(argument!.assumingMemoryBound(to: cl_region.self)), 1000)
                return nil
            }, space)
        pthread_join(thread, nil)
        let mutex = cl_region_mutex(space.assumingMemoryBound(to: cl_region.self))
        guard cl_mutex_lock(mutex, 1000) == -EOWNERDEAD else { throw Failure(what: "the mutex has no dead owner") }
        _ = cl_mutex_unlock(mutex)
    }

    /// As when whoever counts in the region is killed. A store lives as long as its process, for threads point into it;
    /// what shows that it lives is the lock of its descriptor.
    static func letGo(_ baseID: UInt32) {
        var named = cl_file_status()
        guard cl_stat(RegionName.path(baseID: baseID), &named) == 0 else { return }
        for fd in 3..<Int32(4096) {
            var status = cl_file_status()
            guard cl_fstat(fd, &status) == 0, status.inode == named.inode, status.device == named.device else {
                continue
            }
            close(fd)
        }
    }

    func damage(_ input: UnsafeBufferPointer<UInt8>) {
        Patches.each(input, sizes: images.map(\.count)) { file, offset, bytes in
            for (i, byte) in bytes.enumerated() {
                maps[file].storeBytes(of: byte, toByteOffset: offset + i, as: UInt8.self)
            }
            touched.append((file, offset..<offset + bytes.count))
        }
    }

    func restore() {
        for (file, range) in touched {
            images[file].withUnsafeBytes {
                (maps[file] + range.lowerBound).copyMemory(
                    from: $0.baseAddress! + range.lowerBound, byteCount: range.count)
            }
        }
        touched = []
    }

    static func removeFiles(_ baseID: UInt32) {
        let path = RegionName.path(baseID: baseID)
        for ending in ["", ".old", ".anchor", ".new.\(getpid())"] { unlink(path + ending) }
    }
}
