import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// No memory for what is new, and memory that goes away.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct MemoryTests {
    /// Whether this process may mount a file system of its own for a child.
    private static let canMount: Bool = {
        let command = "unshare -m sh -c 'mount -t tmpfs -o size=1m none /dev/shm' 2>/dev/null"
        return geteuid() == 0 && system(command) == 0
    }()

    /// A /dev/shm of 1 MiB: names until it is full, then heap memory and one sentence.
    @Test(.enabled(if: canMount, "a tmpfs can only be mounted by root; the test below has a limit instead"))
    func aTinyFileSystem() throws {
        try withScratch { scratch in
            let child = try scratch.spawnInTinyMemory(
                "names:n:20000", "histogram:h:1,2,3", "value:n.0", "value:n.19999", "complaints", "memory", "snapshot",
                "wait")
            try child.wait(for: "member")
            #expect(child.line() == "value 1" && child.line() == "value 1")
            let complaints = try #require(child.line())
            #expect(complaints == "complaints 1", "once, whatever found no room")
            #expect(child.line() == "pages 0")
            let lines = try child.lines(upTo: "end")
            #expect(lines.count { $0.hasPrefix("n.") && $0.hasSuffix(": 1") } == 20_000)
            let overflow = lines.first { $0.hasPrefix("stats.overflow: ") }?.split(separator: " ").last
            #expect(overflow.flatMap { Int($0) }.map { $0 > 1000 && $0 <= 20_020 } == true, "\(overflow ?? "")")
            #expect(child.finish() == .exit(0))
        }
    }

    /// The same with a limit on the size of files.
    @Test func noMoreMemoryThanThat() throws {
        try withScratch { scratch in
            let child = try scratch.spawn(
                "limit:1000000", "names:n:20000", "value:n.0", "value:n.19999", "complaints", "memory", "wait")
            try child.wait(for: "member")
            #expect(child.line() == "value 1" && child.line() == "value 1")
            #expect(child.line() == "complaints 1")
            #expect(child.line() == "pages 0")
            let snapshot = StatsSnapshot(try scratch.reader())
            let shared = snapshot.stats.count { $0.name.hasPrefix("n.") }
            #expect(shared > 1000 && snapshot.value("stats.overflow") == UInt64(20_000 - shared))
            #expect(Soundness.findings(try scratch.reader()) == [])
            #expect(child.finish() == .exit(0))
        }
    }

    /// Cut to nothing, to its header, to a part of its segments, under a process that goes on counting.
    @Test(arguments: [0, 4096, 53_248, 217_088, 217_088 + 16 * 4096])
    func cutShortUnderAProcess(size: Int) throws {
        try withScratch { scratch in
            let child = try scratch.spawn(
                "counter:c:5", "gauge:g:7", "histogram:h:1,2", "commit", "say:ready", "go", "counter:c:2",
                "histogram:h:3", "names:late:100", "value:late.99", "value:g", "complaints", "memory", "snapshot",
                "wait")
            try child.wait(for: "ready")
            #expect(truncate(scratch.path, off_t(size)) == 0)
            child.go()
            #expect(child.line() == "value 1")
            let gauge = try #require(child.line())
            #expect(gauge == "value 7" || gauge == "value 0")
            #expect(child.line() == "complaints 1")
            let pages = try #require(child.line()?.split(separator: " ").last.flatMap { Int($0) })
            #expect(pages > 0)
            let lines = try child.lines(upTo: "end")
            #expect(lines.count { $0.hasPrefix("late.") && $0.hasSuffix(": 1") } == 100)
            #expect(lines.contains("c: 2") || lines.contains("c: 7"), "\(lines)")
            #expect(lines.contains { $0.hasPrefix("stats.overflow: ") && $0 != "stats.overflow: 0" })
            #expect(child.finish() == .exit(0))
        }
    }

    /// Cut short under one who reads: zeros, no signal.
    @Test func cutShortUnderAReader() throws {
        try withScratch { scratch in
            #expect(try scratch.run("names:n:3000", "histogram:h:1,100,10000", "text:t:x", "commit") == .exit(0))
            for size in [217_088 + 20 * 4096, 217_088, 4096, 0] {
                guard size < scratch.size else { continue }
                let reader = try? scratch.reader()
                #expect(truncate(scratch.path, off_t(size)) == 0)
                guard let reader else { continue }
                let snapshot = StatsSnapshot(reader)
                #expect(snapshot.stats.count <= 3008)
                for format in StatsFormat.allCases { _ = snapshot.formatted(format) }
            }
            let error = try #require(throws: RegionError.self) { try scratch.reader() }
            #expect(error.kind == .untrusted)
        }
    }

    /// Stopped while it holds the mutex: one wait, not one for each name, and an error that names it.
    @Test func aStoppedProcessIsWaitedForOnce() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            region.lockLimitMs = 200
            let store = StatsStore(region: region)
            var told: [String] = []
            store.report = { told.append($0) }
            let writer = store.makeWriter()
            let known = writer.counter(store.counter("known"))
            let child = try scratch.spawn("mutex")
            try child.wait(for: "mutex")
            child.stop()
            let begin = cl_monotonic_ns()
            for i in 0..<200 { writer.counter(store.counter("new.\(i)")).add(2) }
            known.add(1)
            #expect(cl_monotonic_ns() - begin < 4_000_000_000, "200 waits would be 40 s")
            #expect(told.count == 1)
            #expect(told.first?.contains("locked by process \(child.pid) for too long") == true)
            #expect(store.value("new.199") == 2 && store.value("known") == 1)
            #expect(store.value("stats.overflow") == 200)
            child.kill()
            // From then on there is room again for what is new.
            writer.counter(store.counter("later")).add(3)
            #expect(StatsSnapshot(try scratch.reader()).value("later") == 3)
            #expect(store.value("stats.repairs") == 1)
        }
    }
}
