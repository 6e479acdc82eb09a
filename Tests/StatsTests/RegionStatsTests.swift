import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Stats over a region that several processes count in, one after the other and at once.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct RegionStatsTests {
    @Test func countersAndHistogramsContinue() throws {
        try withScratch { scratch in
            for round in 1...4 {
                let child = try scratch.spawn(
                    "counter:c:3", "histogram:h:1,42,44,44,0,123456", "commit", "say:counted", "wait")
                try child.wait(for: "counted")
                // By turns it ends and is killed.
                if round % 2 == 0 { child.kill() } else { #expect(child.finish() == .exit(0)) }
                let snapshot = StatsSnapshot(try scratch.reader())
                #expect(snapshot.value("c") == UInt64(3 * round))
                let data = try #require(snapshot.histogram("h"))
                #expect(data.count == UInt64(6 * round) && data.sum == UInt64(123_587 * round))
                #expect(data.bins.map(\.lower) == [0, 1, 42, 44, 120_000])
                #expect(data.bins.map(\.count) == [1, 1, 1, 2, 1].map { $0 * UInt64(round) })
                #expect(snapshot.value("stats.overflow") == 0)
            }
            let reader = try scratch.reader()
            #expect(reader.planeCount == 1, "each took over the plane of the one before")
            #expect(reader.header.process_starts == 4)
        }
    }

    @Test func accumulatingGaugesAreOfTheLiving() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            store.makeWriter().gauge(store.gauge("g", import: .accumulate)).set(1)
            let first = try scratch.spawn("gauge:g:10", "say:set", "wait")
            let second = try scratch.spawn("gauge:g:100", "say:set", "wait")
            try first.wait(for: "set")
            try second.wait(for: "set")
            #expect(store.value("g") == 111, "whether they serve yet or not")
            first.kill()
            #expect(store.value("g") == 101)
            second.finish()
            #expect(store.value("g") == 1)
            // Whoever takes over their planes begins with nothing.
            let third = try scratch.spawn("counter:c:1", "say:counted", "wait")
            try third.wait(for: "counted")
            #expect(store.value("g") == 1)
            #expect(try scratch.reader().planeCount == 3)
        }
    }

    @Test func neverImportGaugesAreOfTheNewestThatServes() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            let id = store.gauge("n", import: .neverImport)
            // Two threads of one process: its sum.
            store.makeWriter().gauge(id).set(3)
            store.makeWriter().gauge(id).set(4)
            #expect(store.value("n") == 0, "nobody serves yet")
            try store.region?.commitSlot()
            #expect(store.value("n") == 7)

            let child = try scratch.spawn("never:n:20", "say:set", "wait")
            try child.wait(for: "set")
            #expect(store.value("n") == 7, "it has not committed")
            let newer = try scratch.spawn("never:n:30", "commit", "say:set", "value:n", "wait")
            try newer.wait(for: "set")
            #expect(newer.line() == "value 30", "both processes say the same")
            #expect(store.value("n") == 30)
            newer.kill()
            #expect(store.value("n") == 7, "the newest that lives")
        }
    }

    @Test func aDeadProcessesRegionCanBeRead() throws {
        try withScratch { scratch in
            let child = try scratch.spawn(
                "member:4", "counter:c:5", "gauge:g:6", "never:n:7", "histogram:h:8", "commit", "say:done", "wait")
            try child.wait(for: "done")
            let living = StatsSnapshot(try scratch.reader())
            #expect(living.value("g") == 6 && living.value("n") == 7)
            child.kill()
            let snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.counted.stats.map(\.name) == ["c", "g", "h", "n", "stats.overflow"])
            #expect(snapshot.value("c") == 5 && snapshot.value("g") == 0 && snapshot.value("n") == 0)
            #expect(snapshot.histogram("h")?.values(at: [1]) == [8.05])
            #expect(snapshot.stat("h")?.interval == nil, "nobody closes intervals")
            #expect(snapshot.stat("h")?.unit == .milliseconds)
            let text = snapshot.counted.formatted(.text)
            #expect(text.hasPrefix("c: 5\ng: 0\nn: 0\nstats.overflow: 0\nh: P0(nan,8.05) "))
            let reader = try scratch.reader()
            #expect(reader.newest == nil && reader.slots[0].epoch == 4 && !reader.slots[0].isLive)
        }
    }

    @Test func theFirstIntervalBeginsWithTheProcess() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("histogram:h:1,2,3", "say:done", "wait")
            try child.wait(for: "done")
            child.kill()
            let store = StatsStore(region: try scratch.member())
            let histogram = store.makeWriter().histogram(store.histogram("h", unit: .milliseconds))
            store.topUp()
            histogram.record(50)
            store.closeInterval()
            let stat = try #require(store.snapshot().stat("h"))
            #expect(stat.histogram?.count == 4)
            #expect(stat.interval?.count == 1 && stat.interval?.sum == 50)
        }
    }

    /// No memory for the region any more: what is there goes on, what is new lives on the heap and is counted.
    @Test func aFullRegionOverflowsToTheHeap() throws {
        try withScratch { scratch in
            let before = try scratch.spawn("counter:known:5", "gauge:gauge:9", "say:counted", "wait")
            try before.wait(for: "counted")
            before.kill()
            let size = scratch.size
            // The segment of names has room left for another; a second plane has no memory for its cells.
            let store = StatsStore(region: try scratch.member())
            store.makeWriter().counter(store.counter("known")).add(1)
            let child = try scratch.spawn(
                "limit:\(size)", "counter:known:2", "gauge:gauge:3", "histogram:new:40,41", "value:known",
                "value:gauge",
                "value:stats.overflow", "snapshot", "wait")
            #expect(child.line() == "member 1 1")
            #expect(child.line() == "value 8", "the region's and its own")
            #expect(child.line() == "value 3")
            // Three stats without a cell in its plane.
            #expect(child.line() == "value 3")
            let shown = counted(try child.lines(upTo: "end"))
            #expect(shown.count == 4)
            #expect(shown.last?.hasPrefix("new: P0(nan,40.5) P25(nan,40.5) P50(nan,40.5) P75(nan,41.5)") == true)
            #expect(scratch.size == size)
            child.kill()
            #expect(store.value("known") == 6, "the heap dies with its process")
            #expect(store.value("stats.overflow") == 3, "the region says how much that was")
        }
    }

    @Test func namesThatFindNoRoomLiveOnTheHeap() throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            let child = try scratch.spawn(
                "limit:\(scratch.size)", "counter:a:1", "counter:a:1", "gauge:b:2", "snapshot", "counter:a:1",
                "value:a",
                "wait")
            #expect(child.line() == "member 0 1")
            #expect(counted(try child.lines(upTo: "end")) == ["a: 2", "b: 2", "stats.overflow: 2"])
            #expect(child.line() == "value 3")
            let snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.counted.stats.map(\.name) == ["stats.overflow"] && snapshot.value("stats.overflow") == 2)
            // The process after it has memory again.
            child.kill()
            let next = try scratch.spawn("counter:a:4", "value:a", "wait")
            try next.wait(for: "member")
            #expect(next.line() == "value 4")
        }
    }

    /// Records of values that were never given out, as a stranger may leave them: passed over, no plane grows to them.
    @Test func aRecordOfNoValueIsPassedOver() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try region.append(
                cells: 1, find: { nil },
                make: { _ in
                    NameRecord.encode(
                        name: Array("stray".utf8), kind: .counter, unit: .unspecified, gaugeImport: .accumulate,
                        flags: [], value: 1 << 20)
                })
            let store = StatsStore(region: region)
            let size = scratch.size
            #expect(StatsSnapshot(try scratch.reader()).counted.stats.map(\.name) == ["stats.overflow"])
            store.makeWriter().counter(store.counter("stray")).add(2)
            #expect(store.value("stray") == 2, "as a name of its own")
            #expect(scratch.size <= size + RegionLayout.page)
        }
    }

    /// While a thread counts, a reader sees in the sum whatever it sees in the bins.
    @Test func theSumIsNeverBehindTheBins() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            nonisolated(unsafe) let histogram = store.makeWriter().histogram(store.histogram("h", unit: .unspecified))
            store.topUp()
            nonisolated(unsafe) let stop = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
            stop.initialize(to: 0)
            let counting = Thread {
                while cl_load_acquire(stop) == 0 { for _ in 0..<100 { histogram.record(42) } }
            }
            do {
                defer {
                    cl_store_release(stop, 1)
                    counting.join()
                    stop.deallocate()
                }
                var last: UInt64 = 0
                var moved = 0
                while moved < 100 {
                    let data = try #require(StatsSnapshot(try scratch.reader()).histogram("h"))
                    if data.sum < 42 * data.count { Issue.record("\(data.count) values of 42 come to \(data.sum)") }
                    if data.count > last { moved += 1 }
                    last = data.count
                }
            }
            let data = StatsSnapshot(try scratch.reader()).histogram("h")
            #expect(data?.sum == 42 * (data?.count ?? 0))
        }
    }
}
