import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// A new generation of a region that takes over what the old one counted.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct RebuildTests {
    /// A region that a dead process has counted in, and whose mutex is beyond repair.
    private func wrecked(_ scratch: Scratch) throws {
        let child = try scratch.spawn(
            "names:c:300", "histogram:h:0,5,50,5000000", "gauge:g:7", "text:t:words", "commit", "mutex")
        try child.wait(for: "mutex")
        child.kill()
        #expect(try scratch.run("wreck") == .exit(0))
    }

    private func check(_ snapshot: StatsSnapshot, factor: UInt64, _ scratch: Scratch) throws {
        let counters = snapshot.stats.filter { $0.name.hasPrefix("c.") }
        #expect(counters.count == 300 && counters.allSatisfy { $0.value == factor })
        let data = try #require(snapshot.histogram("h"))
        #expect(data.count == 4 * factor && data.sum == 5_000_055 * factor)
        #expect(data.bins.map(\.count) == Array(repeating: factor, count: 4))
        #expect(Soundness.findings(try scratch.reader()) == [])
    }

    @Test func aMutexBeyondRepairMakesANewGeneration() throws {
        try withScratch { scratch in
            try wrecked(scratch)
            let created = try scratch.reader().header.created_ns
            let next = try scratch.spawn(
                "rebuild", "names:c:300", "histogram:h:0,5,50,5000000", "commit", "say:done", "wait")
            #expect(next.line() == #"origin rebuilt(reason: "its mutex cannot be recovered")"#)
            try next.wait(for: "done")
            let snapshot = StatsSnapshot(try scratch.reader())
            try check(snapshot, factor: 2, scratch)
            #expect(snapshot.value("g") == 0 && snapshot.stat("t")?.text == "")
            #expect(snapshot.value("stats.region_generation") == 2)
            #expect(snapshot.value("server.process_starts") == 2)
            #expect(try scratch.reader().header.created_ns == created, "the counts are as old as they were")
            #expect(snapshot.value("stats.overflow") == 0)
            #expect(scratch.files() == ["", ".anchor"])
        }
    }

    /// A process that attached before the mutex broke: a sentence, heap memory, no waiting.
    @Test func whoIsInItGoesOnWithASentence() throws {
        try withScratch { scratch in
            let holder = try scratch.spawn("counter:held:1", "say:held", "wait")
            try holder.wait(for: "held")
            let (region, _) = try scratch.attach(rebuild: .stats)
            try region.claimSlot(epoch: 0, socketPath: "")
            try BesideTests.wreck(scratch)
            let store = StatsStore(region: region)
            var told: [String] = []
            store.report = { told.append($0) }
            let writer = store.makeWriter()
            for i in 0..<100 { writer.counter(store.counter("new.\(i)")).add(3) }
            #expect(told.count == 1, "told once")
            #expect(told.first?.contains("its mutex cannot be recovered") == true)
            #expect(store.value("new.99") == 3 && store.value("held") == 1)
            #expect(store.value("stats.overflow") == 101, "a thread and its stats")
            #expect(try #require(throws: RegionError.self) { try region.commitSlot() }.kind == .unrecoverable)
            // With one after it, that one's mutex orders who serves.
            let next = try scratch.spawn("rebuild", "say:done", "wait")
            #expect(next.line() == BesideTests.origin)
            try next.wait(for: "done")
            #expect(try region.commitSlot() == nil)
            #expect(try scratch.reader().newest?.generation == 1)
            #expect(region.liveSlots().map(\.generation) == [1, 2])
            #expect(region.liveSlot(pid: UInt32(next.pid)).flatMap { region.slotInfo(again: $0) }?.isLive == true)
            // Its own stats are everybody's, with what it has on its heap.
            #expect(store.value("new.99") == 3 && store.value("held") == 1)
            #expect(store.value("stats.region_generation") == 2 && store.value("stats.overflow") == 101)
        }
    }

    @Test func killedWhileItRebuilds() throws {
        try withScratch { scratch in
            try wrecked(scratch)
            for point in [FaultPoint.recordWritten, .valueTaken, .memoryCommitted, .segmentWritten, .planeOwned] {
                for time in [1, 2] where point != .planeOwned || time == 1 {
                    #expect(try scratch.run("die:\(point.rawValue):\(time)", "rebuild") == .signal(SIGKILL))
                    try check(StatsSnapshot(try scratch.reader()), factor: 1, scratch)
                }
            }
            #expect(try scratch.run("die:slot-renewed", "rebuild") == .signal(SIGKILL))
            #expect(try scratch.run("die:region-filled", "rebuild") == .signal(SIGKILL))
            #expect(scratch.files().count == 3, "one that nobody will use")
            let next = try scratch.spawn("rebuild", "wait")
            try next.wait(for: "member")
            #expect(scratch.files() == ["", ".anchor"])
            let snapshot = StatsSnapshot(try scratch.reader())
            try check(snapshot, factor: 1, scratch)
            #expect(snapshot.value("stats.region_generation") == 2)
        }
    }

    /// Names of an older configuration: marked, kept while anybody holds the region, left behind by the next cold start.
    @Test func whatNobodyUsesAnyMoreIsLeftBehind() throws {
        try withScratch { scratch in
            let first = try scratch.spawn("counter:both:1", "counter:old:2", "commit", "say:done", "wait")
            try first.wait(for: "done")
            #expect(StatsSnapshot(try scratch.reader()).stats.allSatisfy { $0.isInUse })
            let second = try scratch.spawn("rebuild", "counter:both:1", "counter:new:3", "commit", "say:done", "wait")
            #expect(second.line() == "origin continued")
            try second.wait(for: "done")
            #expect(StatsSnapshot(try scratch.reader()).stat("old")?.isInUse == true, "the first one lives")
            first.kill()
            let marked = StatsSnapshot(try scratch.reader())
            #expect(marked.stats.filter { !$0.isInUse }.map(\.name) == ["old"])
            #expect(marked.value("old") == 2)

            // A start while the second holds it changes nothing.
            let third = try scratch.spawn("rebuild", "counter:both:1", "say:done", "wait")
            #expect(third.line() == "origin continued")
            try third.wait(for: "done")
            third.kill()
            second.kill()
            #expect(StatsSnapshot(try scratch.reader()).stat("new")?.isInUse == true, "the third one never served")

            let fourth = try scratch.spawn("rebuild", "counter:both:1", "commit", "say:done", "wait")
            let why = "1 stats that no process uses any more are left behind"
            #expect(fourth.line() == "origin rebuilt(reason: \"\(why)\")")
            try fourth.wait(for: "done")
            let snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.stat("old") == nil && snapshot.value("both") == 4 && snapshot.value("new") == 3)
            #expect(snapshot.stats.filter { !$0.isInUse }.map(\.name) == ["new"])
            #expect(Soundness.findings(try scratch.reader()) == [])
        }
    }

    /// What a standby counts in is in use, though another one serves.
    @Test func aStandbysNamesAreInUse() throws {
        try withScratch { scratch in
            let parent = try scratch.spawn("counter:parents:1", "commit", "standby", "say:done", "wait")
            try parent.wait(for: "done")
            let child = try scratch.spawn("counter:childs:1", "commit", "say:done", "wait")
            try child.wait(for: "done")
            #expect(StatsSnapshot(try scratch.reader()).stats.allSatisfy { $0.isInUse })
        }
    }

    /// No memory for a second region: the first one goes on, with what nobody uses in it.
    @Test func aRebuildWithoutMemoryKeepsTheRegion() throws {
        try withScratch { scratch in
            #expect(try scratch.run("counter:old:2", "commit") == .exit(0))
            #expect(try scratch.run("counter:new:3", "commit") == .exit(0))
            let child = try scratch.spawn("limit:100000", "rebuild", "counter:new:1", "value:new", "wait")
            let line = try #require(child.line())
            #expect(line.hasPrefix(#"origin kept(reason: "1 stats that no process uses any more are left behind; "#))
            try child.wait(for: "member")
            #expect(child.line() == "value 4")
            #expect(scratch.files() == ["", ".anchor"])
        }
    }

    /// A reader that opened the old region reads on in it.
    @Test func aReaderOfTheOldOneReadsOn() throws {
        try withScratch { scratch in
            try wrecked(scratch)
            let reader = try scratch.reader()
            #expect(try scratch.run("rebuild", "names:c:300") == .exit(0))
            try check(StatsSnapshot(reader), factor: 1, scratch)
            #expect(StatsSnapshot(try scratch.reader()).value("c.0") == 2)
        }
    }
}
