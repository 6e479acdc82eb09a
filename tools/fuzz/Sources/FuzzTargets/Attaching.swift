import CLinux
import Glibc
import SharedMemory
import Stats

/// A process that starts, finds what an input made of sound regions, and lives there for a while.
///
/// An input begins with a byte of circumstances and two that say where the file ends, if the circumstances say that it
/// does; patches follow.
enum Attaching {
    private struct Circumstances: OptionSet {
        var rawValue: UInt8
        /// Beside a region whose mutex is broken.
        static let beside = Circumstances(rawValue: 1)
        /// The region with the broken mutex alone; with `beside`: what is beside it is missing.
        static let broken = Circumstances(rawValue: 2)
        /// Somebody holds a slot.
        static let held = Circumstances(rawValue: 4)
        static let withoutRebuild = Circumstances(rawValue: 8)
        static let reset = Circumstances(rawValue: 16)
        static let cut = Circumstances(rawValue: 32)
    }

    /// Makes the files of a base id what the input says; nil: it says nothing.
    private static func prepare(
        _ input: UnsafeBufferPointer<UInt8>, _ images: SoundRegions.Images, _ baseID: UInt32
    ) throws -> Circumstances? {
        guard input.count >= 3 else { return nil }
        let how = Circumstances(rawValue: input[0])
        var files: [[UInt8]] = how.contains(.beside) ? [images.beside, images.broken] : [images.one]
        if how.contains(.broken) { files = [how.contains(.beside) ? images.beside : images.broken] }
        Patches.each(UnsafeBufferPointer(rebasing: input[3...]), sizes: files.map(\.count)) { file, offset, bytes in
            for (i, byte) in bytes.enumerated() {
                // Not the mutex: what may lie there is glibc's business, and would be waited for.
                if !(192..<256).contains(offset + i) { files[file][offset + i] = byte }
            }
        }
        if how.contains(.cut) {
            files[0].removeLast(files[0].count - min((Int(input[1]) | Int(input[2]) << 8) * 16, files[0].count))
        }
        SoundRegions.removeFiles(baseID)
        let paths = [RegionName.path(baseID: baseID), RegionName.predecessorPath(baseID: baseID)]
        for (bytes, path) in zip(files, paths) { try write(bytes, to: path) }
        return how
    }

    /// Leaves the files of a base id as the input says, for programs to find.
    static func leave(
        _ input: UnsafeBufferPointer<UInt8>, _ images: SoundRegions.Images, _ baseID: UInt32
    ) throws -> String {
        try prepare(input, images, baseID) == nil ? "nothing" : "left"
    }

    static func run(
        _ input: UnsafeBufferPointer<UInt8>, _ images: SoundRegions.Images, _ baseID: UInt32
    ) throws -> String {
        guard let how = try prepare(input, images, baseID) else { return "nothing" }
        let path = RegionName.path(baseID: baseID)
        let holder = how.contains(.held) ? open(path, O_RDWR | O_CLOEXEC) : -1
        if holder >= 0 { _ = cl_ofd_lock(holder, RegionLayout.locks, 1) }

        var isOpen = holder >= 0
        defer { if isOpen { close(holder) } }
        let anchor = try Anchor(baseID: baseID)
        let (region, origin) = try SharedRegion.attach(
            anchor, reset: how.contains(.reset), rebuild: how.contains(.withoutRebuild) ? nil : .stats)
        region.lockLimitMs = 1
        try region.claimSlot(epoch: 1, socketPath: "@fuzz")
        let found = live(region)
        _ = try? Reading.all(baseID)
        if isOpen { close(holder) }
        isOpen = false
        // Its store does not go, its descriptor must: there are thousands of them.
        SoundRegions.letGo(baseID)
        _ = try? SharedRegion.remove(anchor)
        return word(origin) + found
    }

    /// Returns what went wrong.
    private static func live(_ region: SharedRegion) -> String {
        let store = StatsStore(region: region, naming: .envoy)
        var told: [String] = []
        store.report = { told.append($0) }
        let before = store.totals()
        SoundRegions.count(store)
        let writer = store.makeWriter()
        let counter = writer.counter(store.counter("only here"))
        counter.add(5)
        _ = store.value("only here")
        do { try region.commitSlot() } catch { told.append("\(error)") }
        store.keepStart(before)
        SoundRegions.count(store)
        store.closeInterval()
        store.resetCounters()
        counter.add(1)
        region.setRole(.draining)
        for slot in region.liveSlots() { _ = region.slotInfo(again: slot) }
        _ = (region.liveSlot(pid: 1), region.slotInfo(0))
        store.checkMemory()
        Reading.use(store.snapshot().formatted(.text, histograms: .detailed))
        return told.isEmpty ? "" : ", with trouble"
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(fd) }
        guard fd >= 0, Glibc.write(fd, bytes, bytes.count) == bytes.count else {
            throw SoundRegions.Failure(what: "\(path) cannot be written")
        }
    }

    private static func word(_ origin: SharedRegion.Origin) -> String {
        switch origin {
        case .created: "created"
        case .continued: "continued"
        case .replaced: "replaced"
        case .reset: "reset"
        case .rebuilt: "rebuilt"
        case .beside: "beside"
        case .kept: "kept"
        }
    }
}
