import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Regions of another layout major: with an importer they go on, without one they are set aside, and a file that lies is
/// refused.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct LayoutImportTests {
    /// A made-up layout 9. Behind the 40 bytes that all layouts share: at byte 64 how many stats there are, then each as
    /// {length of the name, kind, value, how many values of a histogram} in 8 bytes each, the values, and the name.
    private static let nine = LayoutImporter(major: 9) { source throws(RegionError) in try read(source) }

    private static func read(_ source: borrowing RegionSource) throws(RegionError) -> CountedStats {
        let generation = try source.number(UInt64.self, at: 32)
        var counted = CountedStats(history: RegionHistory(generation: generation, createdNs: 12_000_000_000))
        counted.history.processStarts = 4
        let count = try source.number(UInt64.self, at: 64)
        guard count <= UInt64(source.size / 32) else {
            throw .foreign(path: source.path, found: "\(count) stats in \(source.size) bytes")
        }
        var at = 72
        for _ in 0..<count {
            let length = Int(clamping: try source.number(UInt64.self, at: at))
            let code = UInt8(clamping: try source.number(UInt64.self, at: at + 8))
            let value = try source.number(UInt64.self, at: at + 16)
            let values = Int(clamping: try source.number(UInt64.self, at: at + 24))
            guard let kind = StatKind(rawValue: code) else {
                throw .foreign(path: source.path, found: "a stat of kind \(code)")
            }
            guard values <= source.size / 8 else { throw .foreign(path: source.path, found: "\(values) values") }
            var data = HistogramData()
            at += 32
            for _ in 0..<values {
                var bins = [UInt64](repeating: 0, count: HistogramBins.bins)
                bins[Int(try source.number(UInt64.self, at: at) % 90)] = 1
                bins.withUnsafeBufferPointer { data.add(decade: 3, $0) }
                at += 8
            }
            let name = String(decoding: try source.bytes(at: at, count: length), as: UTF8.self)
            at += (length + 7) / 8 * 8
            counted.stats.append(
                .init(
                    name: name, kind: kind, unit: .bytes, used: 4, value: value,
                    histogram: kind == .histogram ? data : nil))
        }
        return counted
    }

    /// A region of it with two counters, a gauge and a histogram.
    private func make(_ scratch: Scratch, stats: UInt64 = 4, name: Int? = nil, twice: Bool = false) throws {
        var words: [UInt64] = []
        func add(_ text: String, _ kind: StatKind, _ value: UInt64, _ values: [UInt64] = [], length: Int? = nil) {
            words += [UInt64(bitPattern: Int64(length ?? text.utf8.count)), UInt64(kind.rawValue), value]
            words += [UInt64(values.count)] + values
            let bytes = Array(text.utf8) + Array(repeating: 0, count: (8 - text.utf8.count % 8) % 8)
            for at in stride(from: 0, to: bytes.count, by: 8) {
                words.append(bytes[at..<at + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) })
            }
        }
        add("cluster.a.upstream_rq_200", .counter, 42)
        add(twice ? "cluster.a.upstream_rq_200" : "b", .counter, 7)
        add("g", .gauge, 9)
        add("h", .histogram, 0, [1, 2, 3], length: name)
        let fd = open(scratch.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(fd) }
        try #require(fd >= 0 && posix_fallocate(fd, 0, off_t(RegionLayout.data)) == 0)
        scratch.poke(\.magic, CL_REGION_MAGIC)
        scratch.poke(\.byte_order, CL_REGION_BYTE_ORDER)
        scratch.poke(\.layout_major, 9)
        scratch.poke(\.generation, 6)
        scratch.poke(stats, at: 64)
        for (i, word) in words.enumerated() { scratch.poke(word, at: 72 + 8 * i) }
    }

    private let rebuild = RegionRebuild.stats([.one, nine])

    @Test func aKnownMajorGoesOn() throws {
        try withScratch { scratch in
            try make(scratch)
            let (region, origin) = try scratch.attach(rebuild: rebuild)
            #expect(origin == .rebuilt(reason: "layout 9.0, this build has 1"))
            let reader = try scratch.reader()
            let snapshot = StatsSnapshot(reader)
            #expect(snapshot.value("cluster.a.upstream_rq_200") == 42 && snapshot.value("b") == 7)
            #expect(snapshot.stat("cluster.a.upstream_rq_200")?.tags.count == 2)
            #expect(snapshot.value("g") == 0 && snapshot.histogram("h")?.count == 3)
            #expect(snapshot.value("stats.region_generation") == 7 && snapshot.value("server.process_starts") == 4)
            #expect(reader.header.created_ns == 12_000_000_000)
            #expect(Soundness.findings(reader) == [])
            #expect(scratch.files() == ["", ".anchor"])
            // As any region from then on.
            #expect(region.header.layout_major == RegionLayout.major)
            #expect(try scratch.run("rebuild", "counter:b:1") == .exit(0))
            #expect(StatsSnapshot(try scratch.reader()).value("b") == 8)
        }
    }

    @Test func anUnknownMajorIsSetAside() throws {
        try withScratch { scratch in
            try make(scratch)
            let (region, origin) = try scratch.attach(rebuild: .stats)
            #expect(origin == .replaced(reason: "layout 9.0, this build has 1"))
            #expect(region.header.generation == 7 && region.valueCount == 0)
        }
    }

    @Test func aMajorThatIsHeldIsRefused() throws {
        try withScratch { scratch in
            try make(scratch)
            let fd = open(scratch.path, O_RDWR | O_CLOEXEC)
            defer { close(fd) }
            #expect(cl_ofd_lock(fd, RegionLayout.locks, 1) == 0)
            let error = try #require(throws: RegionError.self) { try scratch.attach(rebuild: rebuild) }
            #expect(error.description.hasSuffix("layout 9.0, this build has 1, and a live process holds it"))
        }
    }

    /// What a file says that cannot be, and what is said of it.
    struct Lie: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var stats: UInt64 = 4
        var name: Int?
        var twice = false
        var found: String
    }

    static let lies = [
        Lie(testDescription: "too many stats", stats: .max, found: "\(UInt64.max) stats in 217088 bytes"),
        Lie(testDescription: "more stats than there are", stats: 5, found: "a stat of kind 0"),
        Lie(testDescription: "a name past the end", name: 1 << 40, found: "\(1 << 40) bytes at 272 of 217088"),
        Lie(testDescription: "a name of almost any length", name: -5, found: "\(Int.max) bytes at 272 of 217088"),
        Lie(testDescription: "no name", name: 0, found: "a name of 0 bytes"),
        Lie(testDescription: "a long name", name: 5000, found: "a name of 5000 bytes"),
        Lie(
            testDescription: "a name twice", twice: true, found: "two records of the counter cluster.a.upstream_rq_200"),
    ]

    @Test(arguments: lies)
    func aLieIsRefused(_ lie: Lie) throws {
        try withScratch { scratch in
            try make(scratch, stats: lie.stats, name: lie.name, twice: lie.twice)
            let (region, origin) = try scratch.attach(rebuild: rebuild)
            let why = "layout 9.0, this build has 1, which cannot be imported: \(lie.found)"
            #expect(origin == .replaced(reason: why))
            #expect(region.valueCount == 0 && region.header.generation == 7)
            #expect(scratch.files() == ["", ".anchor"])
        }
    }

    /// Random bytes behind a header that says so: read to the end or refused.
    @Test func randomBytes() throws {
        try withScratch { scratch in
            for _ in 0..<200 {
                try make(scratch)
                for _ in 0..<8 { scratch.poke(UInt64.random(in: 0...UInt64.max), at: 64 + 8 * .random(in: 0..<40)) }
                for _ in 0..<4 { scratch.poke(UInt8.random(in: 0...255), at: .random(in: 64..<400)) }
                let (region, _) = try scratch.attach(rebuild: rebuild)
                #expect(region.header.layout_major == RegionLayout.major)
                #expect(Soundness.findings(try scratch.reader()) == [])
                #expect(unlink(scratch.path) == 0)
            }
        }
    }
}
