import CLinux
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// One process's store: names, writers, the heap.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct StoreTests {
    @Test func aNameIsOneStat() {
        let store = StatsStore.heapOnly()
        let id = store.counter("a")
        #expect(store.counter("a") == id)
        #expect(store.gauge("a", import: .accumulate) != id, "a gauge of that name is another")
        #expect(store.counter("b") != id)
    }

    @Test func writersAddUp() throws {
        try withScratch { scratch in
            for store in [StatsStore.heapOnly(), StatsStore(region: try scratch.member())] {
                let counter = store.counter("c")
                let gauge = store.gauge("g", import: .accumulate)
                let writers = (0..<3).map { _ in store.makeWriter() }
                for (i, writer) in writers.enumerated() {
                    writer.counter(counter).add(UInt64(1 + i))
                    writer.counter(counter).increment()
                    writer.gauge(gauge).add(5)
                }
                // A connection that another thread opened: its own part goes below zero, the sum does not.
                writers[0].gauge(gauge).sub(7)
                #expect(store.value("c") == 9)
                #expect(store.value("g") == 8)
                #expect(store.value("no such") == 0)
                #expect(store.value("stats.overflow") == 0)
            }
        }
    }

    @Test func aWriterGivesOutTheSameCells() throws {
        try withScratch { scratch in
            for store in [StatsStore.heapOnly(), StatsStore(region: try scratch.member())] {
                let writer = store.makeWriter()
                let counter = store.counter("c")
                let histogram = store.histogram("h", unit: .bytes)
                #expect(writer.counter(counter).cell == writer.counter(counter).cell)
                #expect(writer.histogram(histogram).local == writer.histogram(histogram).local)
                #expect(store.makeWriter().counter(counter).cell != writer.counter(counter).cell)
            }
        }
    }

    @Test func aHeapStoreLeavesNothingBehind() {
        withScratch { scratch in
            let store = StatsStore.heapOnly()
            store.makeWriter().counter(store.counter("c")).increment()
            #expect(store.region == nil && store.value("c") == 1)
            #expect(scratch.files().isEmpty)
        }
    }

    @Test func longNamesAreCut() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            let long = String(repeating: "n", count: 70_000)
            store.makeWriter().counter(store.counter(long)).add(2)
            #expect(store.value(String(repeating: "n", count: 4096)) == 2)
            #expect(store.value("stats.overflow") == 0)
        }
    }

    @Test func namesThatAnotherProcessMadeAreFound() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            _ = store.counter("mine")
            let child = try scratch.spawn("counter:theirs:1", "counter:mine:2", "say:made", "wait")
            try child.wait(for: "made")
            let names = store.region?.header.value_count
            store.makeWriter().counter(store.counter("theirs")).add(10)
            #expect(store.value("theirs") == 11 && store.value("mine") == 2)
            #expect(store.region?.header.value_count == names, "no second name")
        }
    }

    @Test func intervalsEndWhenTheyAreClosed() throws {
        try withScratch { scratch in
            for store in [StatsStore.heapOnly(), StatsStore(region: try scratch.member())] {
                let histogram = store.makeWriter().histogram(store.histogram("h", unit: .milliseconds))
                store.topUp()
                func interval() -> UInt64? { store.snapshot().stat("h")?.interval?.count }
                histogram.record(1)
                #expect(interval() == 0, "none is closed yet")
                store.closeInterval()
                #expect(interval() == 1)
                histogram.record(2)
                histogram.record(3)
                #expect(interval() == 1, "of the last closed one")
                store.closeInterval()
                #expect(interval() == 2)
                store.closeInterval()
                #expect(interval() == 0)
                #expect(store.snapshot().histogram("h")?.sum == 6)
            }
        }
    }

    /// A histogram whose block reserve is used up goes on on the heap: shown by its process, counted as overflow.
    @Test func binsWithoutABlockAreNotLost() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            let histogram = store.makeWriter().histogram(store.histogram("h", unit: .milliseconds))
            for value in [0, 5, 5, 50] as [UInt64] { histogram.record(value) }
            let stat = try #require(store.snapshot().histogram("h"))
            #expect(stat.count == 4 && stat.sum == 60)
            #expect(stat.bins.map(\.count) == [1, 2, 1])
            #expect(store.value("stats.overflow") == 2, "two decades")
            // From the next decade on there are blocks.
            store.topUp()
            histogram.record(500)
            let later = try #require(store.snapshot().histogram("h"))
            #expect(later.count == 5 && store.value("stats.overflow") == 2)
            let outside = StatsSnapshot(try scratch.reader()).histogram("h")
            #expect(outside?.count == 2 && outside?.sum == 560, "zeros and the last")
        }
    }

    @Test func eachKindOfTroubleIsToldOnce() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            region.lockLimitMs = 1
            let store = StatsStore(region: region)
            var told: [String] = []
            store.report = { told.append($0) }
            let child = try scratch.spawn("mutex")
            try child.wait(for: "mutex")
            let writer = store.makeWriter()
            writer.counter(store.counter("a")).add(1)
            writer.counter(store.counter("b")).add(2)
            #expect(told.count == 1)
            #expect(told.first?.contains("locked by process \(child.pid) for too long") == true)
            #expect(store.value("a") == 1 && store.value("b") == 2 && store.value("stats.overflow") == 3)
            child.kill()
            for _ in 0...RegionLayout.planes { _ = store.makeWriter() }
            #expect(told.count == 2)
            #expect(told.last?.contains("all planes are in use") == true)
            #expect(region.header.repairs == 1)
        }
    }

    /// What went to the heap while the region was locked is added to what the region has under that name.
    @Test func theHeapsPartAndTheRegionsAreOneStat() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            region.lockLimitMs = 1
            let store = StatsStore(region: region)
            let holder = try scratch.spawn("mutex")
            try holder.wait(for: "mutex")
            let writer = store.makeWriter()
            writer.counter(store.counter("c")).add(1)
            let histogram = writer.histogram(store.histogram("h", unit: .milliseconds))
            histogram.record(7)
            histogram.record(0)
            holder.kill()
            let child = try scratch.spawn("counter:c:10", "histogram:h:70", "say:counted", "wait")
            try child.wait(for: "counted")
            let snapshot = store.snapshot()
            #expect(snapshot.counted.stats.map(\.name) == ["c", "h", "stats.overflow"])
            #expect(snapshot.value("c") == 11)
            #expect(snapshot.histogram("h")?.count == 3 && snapshot.histogram("h")?.sum == 77)
        }
    }
}
