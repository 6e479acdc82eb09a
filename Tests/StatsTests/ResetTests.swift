import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Counters set to zero for whoever reads them, while threads count on.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct ResetTests {
    @Test func readersSeeZeroAndWhatCameSince() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            try store.region?.commitSlot()
            let writer = store.makeWriter()
            let counter = writer.counter(store.counter("c"))
            let gauge = writer.gauge(store.gauge("g", import: .accumulate))
            let histogram = writer.histogram(store.histogram("h", unit: .milliseconds))
            writer.text(store.text("t")).set("words")
            store.topUp()
            counter.add(5)
            gauge.set(6)
            histogram.record(7)
            for round in 1...5 {
                store.resetCounters()
                #expect(store.value("c") == 0)
                #expect(StatsSnapshot(try scratch.reader()).value("c") == 0)
                counter.add(UInt64(round))
                let snapshot = StatsSnapshot(try scratch.reader())
                #expect(snapshot.value("c") == UInt64(round) && snapshot.value("g") == 6)
                #expect(snapshot.histogram("h")?.count == 1 && snapshot.stat("t")?.text == "words")
                #expect(snapshot.value("stats.resets") == UInt64(round))
            }
            #expect(counter.cell.pointee == 20, "the cell knows nothing of it")
        }
    }

    /// By turns, each with names that the other one has never asked for.
    @Test func namesOfOthersAreResetToo() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            store.makeWriter().counter(store.counter("ours")).add(1)
            let child = try scratch.spawn("counter:theirs:2", "reset", "counter:theirs:3", "say:done", "wait")
            try child.wait(for: "done")
            #expect(store.value("ours") == 0 && store.value("theirs") == 3)
            store.resetCounters()
            #expect(store.value("theirs") == 0)
            let third = try scratch.spawn("counter:third:4", "reset", "counter:third:5", "say:done", "wait")
            try third.wait(for: "done")
            store.resetCounters()
            #expect(store.snapshot().counted.stats.allSatisfy { $0.value == 0 })
            child.kill()
            third.kill()
            #expect(StatsSnapshot(try scratch.reader()).counted.stats.allSatisfy { $0.value == 0 })
            #expect(try scratch.run("counter:ours:1", "counter:third:1") == .exit(0))
            #expect(store.value("ours") == 1 && store.value("theirs") == 0 && store.value("third") == 1)
        }
    }

    @Test func whatIsOnTheHeapIsResetToo() throws {
        let store = StatsStore.heapOnly()
        let counter = store.makeWriter().counter(store.counter("c"))
        counter.add(3)
        store.resetCounters()
        counter.add(4)
        #expect(store.value("c") == 4)
    }

    @Test func aResetOutlivesARebuild() throws {
        try withScratch { scratch in
            #expect(try scratch.run("counter:c:5", "counter:old:9", "reset", "counter:c:2", "commit") == .exit(0))
            #expect(try scratch.run("counter:c:1", "commit") == .exit(0))
            #expect(StatsSnapshot(try scratch.reader()).value("c") == 3)
            let child = try scratch.spawn("rebuild", "counter:c:1", "say:done", "wait")
            #expect(child.line()?.hasPrefix("origin rebuilt") == true)
            try child.wait(for: "done")
            let snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("c") == 4 && snapshot.value("stats.resets") == 1)
            #expect(try scratch.run("counter:c:1", "reset", "reset", "counter:c:6") == .exit(0))
            #expect(StatsSnapshot(try scratch.reader()).value("c") == 6)
            #expect(StatsSnapshot(try scratch.reader()).value("stats.resets") == 3)
        }
    }

    /// Two processes reset all the time while another counts: what is shown is never more than what was counted since
    /// any reset, let alone below zero.
    @Test func resetsAtOnce() throws {
        try withScratch { scratch in
            let ticking = try scratch.spawn("tick:c", "wait")
            try ticking.wait(for: "ticking")
            nonisolated(unsafe) let scratch = scratch
            nonisolated(unsafe) let running = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
            running.initialize(to: 2)
            defer { running.deallocate() }
            onThreads(3) { part in
                do {
                    guard part < 2 else {
                        while cl_load_acquire(running) != 0 {
                            let snapshot = StatsSnapshot(try scratch.reader())
                            if (snapshot.value("c") ?? .max) > 1 << 50 { Issue.record("below zero") }
                        }
                        return
                    }
                    defer { _ = cl_fetch_add(running, .max) }
                    let region = try scratch.member()
                    // The mutex is not fair, and here it is free for moments only.
                    region.lockLimitMs = 20_000
                    let store = StatsStore(region: region)
                    for _ in 0..<100 { store.resetCounters() }
                } catch {
                    Issue.record(error)
                    cl_store_release(running, 0)
                }
            }
            ticking.endInput()
            let total = try #require(ticking.line()?.split(separator: " ").last.flatMap { UInt64($0) })
            let snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("stats.resets") == 200)
            #expect((snapshot.value("c") ?? .max) <= total)
        }
    }
}
