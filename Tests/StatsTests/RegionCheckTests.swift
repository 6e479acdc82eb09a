import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats
@testable import statdump

/// `--check` and `--layout`, and that no region makes a reader crash.
@Suite(.timeLimit(.minutes(Pace.minutes(2))))
struct RegionCheckTests {
    private func findings(_ scratch: Scratch) throws -> [String] { try RegionCheck.findings(baseID: scratch.baseID) }

    /// Two stats of each kind, of a process that ended and of one that lives.
    private func fill(_ scratch: Scratch) throws -> StatsStore {
        _ = try scratch.spawn(
            "commit", "counter:cluster.a.rq_200:1", "histogram:h.dead:1,20,300", "gauge:g:1", "say:done"
        ).lines(upTo: "done")
        let region = try scratch.member(epoch: 1)
        try region.commitSlot()
        let store = StatsStore(region: region)
        let writer = store.makeWriter()
        writer.counter(store.counter("c.live")).add(3)
        writer.text(store.text("text")).set("x")
        for name in ["h.live", "h.dead"] {
            let histogram = writer.histogram(store.histogram(name, unit: .bytes))
            store.topUp()
            for value in [0, 4, 5000] as [UInt64] { histogram.record(value) }
        }
        return store
    }

    @Test func aRegionInUseIsClean() throws {
        try withScratch { scratch in
            let store = try fill(scratch)
            #expect(try findings(scratch) == [])
            withExtendedLifetime(store) {}
        }
    }

    @Test func aRegionIsCleanWhileItIsFilledAndAfterAKill() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("count:3000")
            try child.wait(for: "churn.0")
            for _ in 0..<20 { #expect(try findings(scratch) == []) }
            child.kill()
            #expect(try findings(scratch) == [])
        }
    }

    /// A field of the header, and what is said of it.
    @Test func headers() throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            func check(_ expected: String, _ poke: () -> Void, _ back: () -> Void) throws {
                poke()
                let found = try findings(scratch)
                #expect(found.contains { $0.contains(expected) }, "\(found)")
                back()
                #expect(try findings(scratch) == [])
            }
            try check(
                "header: no region magic", { scratch.poke(\.magic, 1) }, { scratch.poke(\.magic, CL_REGION_MAGIC) })
            try check("layout 9.0", { scratch.poke(\.layout_major, 9) }, { scratch.poke(\.layout_major, 1) })
            try check(
                "bytes before the name", { scratch.poke(\.record_length, 4) }, { scratch.poke(\.record_length, 24) })
            try check("70000 segments", { scratch.poke(\.segment_count, 70000) }, { scratch.poke(\.segment_count, 0) })
            try check("9000 planes", { scratch.poke(\.plane_count, 9000) }, { scratch.poke(\.plane_count, 0) })
            try check(
                "name log: it is said to end at 64", { scratch.poke(\.log_tail, 64) }, { scratch.poke(\.log_tail, 0) })
            try check("is no slot", { scratch.poke(\.plane_count, 1) }, { scratch.poke(\.plane_count, 0) })
            try check("base id 5 in", { scratch.poke(\.base_id, 5) }, { scratch.poke(\.base_id, scratch.baseID) })
            try check("0 pages at page 0", { scratch.poke(\.segment_count, 1) }, { scratch.poke(\.segment_count, 0) })
        }
    }

    @Test func directoryAndPlanes() throws {
        try withScratch { scratch in
            let store = try fill(scratch)
            let image = try RegionImage(baseID: scratch.baseID)
            let segments = image.segments
            let directory = 53248
            let planes = 184320
            // The second segment on the pages of the first.
            var moved = segments[1]
            moved.page = segments[0].page
            scratch.poke(moved, at: directory + 16)
            #expect(try findings(scratch).contains("segments 0 and 1: they share pages"))
            scratch.poke(segments[1], at: directory + 16)
            var owner = image.planes[0]
            owner.owner = 77 << 32 | 1
            owner.blocks_used = 1_000_000
            scratch.poke(owner, at: planes)
            let found = try findings(scratch)
            #expect(found.contains { $0.hasPrefix("plane 0: incarnation 77 of slot 0") }, "\(found)")
            #expect(found.contains { $0.hasPrefix("plane 0: 1000000 blocks used of ") })
            scratch.poke(image.planes[0], at: planes)
            #expect(try findings(scratch) == [])
            withExtendedLifetime(store) {}
        }
    }

    @Test func recordsAndBlocks() throws {
        try withScratch { scratch in
            let store = try fill(scratch)
            let image = try RegionImage(baseID: scratch.baseID)
            let log = Int(image.segments.first { $0.kind == SegmentKind.log.rawValue }!.page) * RegionLayout.page
            let first = image.bytes(at: log, count: MemoryLayout<cl_record>.size)!.withUnsafeBytes {
                $0.loadUnaligned(as: cl_record.self)
            }
            var changed = first
            changed.value = UInt32(image.header.value_count)
            scratch.poke(changed, at: log)
            #expect(try findings(scratch).contains { $0.hasPrefix("cluster.a.rq_200: its cells are ") })
            changed = first
            changed.length = 12
            scratch.poke(changed, at: log)
            #expect(try findings(scratch).contains { $0.hasPrefix("record at 0: 12 bytes long, ") })
            changed = first
            changed.tag_count = 4000
            scratch.poke(changed, at: log)
            #expect(try findings(scratch).contains { $0.hasPrefix("record at 0: a name of 16 bytes and 4000 tags") })
            // The name of the next record's kind and name: a second one of it.
            scratch.poke(first, at: log)
            #expect(try findings(scratch) == [])
            let check = RegionCheck(image)
            let cells = Int(check.cells[0]![0].page) * RegionLayout.page
            for cell in 0..<64 {
                guard let word = image.words(at: cells + cell * 8, count: 1)?.first, word == 1 || word == 2 else {
                    continue
                }
                scratch.poke(word == 1 ? 2 : 1 as UInt64, at: cells + cell * 8)
                let found = try findings(scratch)
                scratch.poke(word, at: cells + cell * 8)
                if found.contains(where: { $0.contains(" of plane 0 is also used by ") }) {
                    #expect(try findings(scratch) == [])
                    return withExtendedLifetime(store) {}
                }
            }
            Issue.record("no block reference was found")
        }
    }

    /// Every reader of ours on bytes that mean nothing: no crash, no loop, no end of findings.
    @Test func randomBytes() throws {
        try withScratch { scratch in
            do { _ = try fill(scratch) }
            var random = SystemRandomNumberGenerator()
            let size = scratch.size
            for round in 0..<100 {
                // Mostly where numbers that are followed lie: header, directory, planes, records.
                let at =
                    round % 3 == 0
                    ? Int.random(in: 40..<192, using: &random)
                    : round % 3 == 1
                        ? Int.random(in: 53248..<53248 + 512, using: &random)
                        : Int.random(in: 184320..<size - 8, using: &random)
                scratch.poke(
                    Bool.random(using: &random)
                        ? UInt64.random(in: 0...(.max), using: &random) : UInt64.random(in: 0..<4096),
                    at: at)
                let found = try findings(scratch)
                #expect(found.count <= RegionCheck.most + 1)
                #expect(!LayoutCommand.text(try RegionImage(baseID: scratch.baseID)).isEmpty)
                do {
                    let reader = try scratch.reader()
                    let snapshot = StatsSnapshot(reader)
                    for format in StatsFormat.allCases {
                        var written: [UInt8] = []
                        StatLines(reader).write(format, histograms: .detailed) { written += $0 }
                        #expect(
                            String(decoding: written, as: UTF8.self)
                                == snapshot.formatted(format, histograms: .detailed))
                    }
                    let selection = try Selection(StatDump.parse([]))
                    _ = Table.perProcess(reader, selection).text
                    _ = Table.perWorker(reader, selection).text
                    _ = Table.tags(reader, selection).text
                    var model = WatchModel(baseID: scratch.baseID)
                    for time in [1, 2] as [Double] {
                        try WatchCommand.sample(scratch.baseID, selection) { model.add($0, $1, at: time) }
                    }
                    _ = Screen(width: 80, height: 24).lines(&model)
                } catch is RegionError {
                    continue
                }
            }
        }
    }

    @Test func layoutSaysWhatIsWhere() throws {
        try withScratch { scratch in
            let store = try fill(scratch)
            let text = LayoutCommand.text(try RegionImage(baseID: scratch.baseID))
            #expect(text.contains("  base id    \(scratch.baseID)\n"))
            #expect(text.contains("segments: ") && text.contains(" names   from page 0 of the log\n"))
            #expect(text.contains("of pid \(getpid()) in slot "))
            withExtendedLifetime(store) {}
        }
    }
}
