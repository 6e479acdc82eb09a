import CLinux
import Glibc
import SharedMemory
import Stats

// What a region says, whatever somebody wrote into it: read as `statdump` reads it, and shown in every form.

/// libFuzzer calls this with each input: a list of patches, each {offset in words, 3 bytes; length, 1 byte; bytes}, that
/// are written over a sound region.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    region.patch(UnsafeBufferPointer(start: bytes, count: count))
    defer { region.restore() }
    guard let reader = try? RegionReader(baseID: region.baseID) else { return 0 }
    let snapshot = StatsSnapshot(reader)
    for format in StatsFormat.allCases { use(snapshot.formatted(format)) }
    for display in HistogramDisplay.allCases { use(snapshot.formatted(.text, histograms: display)) }
    return 0
}

/// Keeps the optimiser from leaving out what makes it.
@inline(never)
private func use(_ text: String) { if text.utf8.count == .max { abort() } }

nonisolated(unsafe) private let region = FuzzedRegion()

/// A region with every kind of stat, of a process that lives, and a mapping to damage it through.
private final class FuzzedRegion {
    let baseID = getenv("FUZZ_BASE_ID").flatMap { UInt32(String(cString: $0)) } ?? 3_500_000_000 &+ UInt32(getpid())
    private let store: StatsStore
    private let bytes: UnsafeMutableRawPointer
    private let sound: [UInt8]
    private var touched: [Range<Int>] = []

    init() {
        do {
            let anchor = try Anchor(baseID: baseID)
            let (shared, _) = try SharedRegion.attach(anchor)
            try shared.claimSlot(epoch: 0, socketPath: "@fuzz")
            store = StatsStore(region: shared, naming: .envoy)
            try shared.commitSlot()
        } catch { fatalError("\(error)") }
        for _ in 0..<2 { Self.count(store) }
        store.resetCounters()
        Self.count(store)
        let fd = open(RegionName.path(baseID: baseID), O_RDWR | O_CLOEXEC)
        let size = Int(lseek(fd, 0, SEEK_END))
        guard fd >= 0, let space = cl_reserve(size), cl_map_at(space, size, fd, 0) == 0 else { fatalError("no region") }
        close(fd)
        bytes = space
        sound = Array(UnsafeRawBufferPointer(start: space, count: size))
        atexit { region.remove() }
    }

    private static func count(_ store: StatsStore) {
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
        // Names of another program, with dimensions, and some that Prometheus cannot tell apart.
        let plain = StatsStore(region: store.region)
        let other = plain.makeWriter()
        for name in ["requests;code=200;method=GET", "requests;a.b=%22;a_b=%zz", "re.quests", "re_quests", "5xx"] {
            other.counter(plain.counter(name)).increment()
            other.gauge(plain.gauge(name, import: .accumulate)).set(5)
        }
    }

    func patch(_ input: UnsafeBufferPointer<UInt8>) {
        var at = 0
        while at + 5 <= input.count {
            let word = Int(input[at]) | Int(input[at + 1]) << 8 | Int(input[at + 2]) << 16
            let length = min(Int(input[at + 3]), input.count - at - 4)
            let offset = word * 8 % (sound.count - 256)
            // Not the mutex: no reader looks at it.
            for i in 0..<length { (bytes + offset + i).storeBytes(of: input[at + 4 + i], as: UInt8.self) }
            touched.append(offset..<offset + length)
            at += 4 + max(length, 1)
        }
    }

    func restore() {
        for range in touched {
            sound.withUnsafeBytes {
                (bytes + range.lowerBound).copyMemory(from: $0.baseAddress! + range.lowerBound, byteCount: range.count)
            }
        }
        touched = []
    }

    func remove() {
        unlink(RegionName.path(baseID: baseID))
        unlink(RegionName.path(baseID: baseID) + ".anchor")
    }
}
