import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// A mutex that breaks while live processes count: a new generation beside theirs, and the sum of both, until nobody is in
/// the old one any more.
@Suite(.timeLimit(.minutes(Pace.minutes(2))))
struct BesideTests {
    static let origin = #"origin beside(reason: "its mutex cannot be recovered")"#

    /// A region that a live process counts in, and whose mutex another one broke. What the holder does then comes after a
    /// byte on its standard input.
    private func wrecked(_ scratch: Scratch, then operations: String...) throws -> ChildProcess {
        let holder = try scratch.spawn(
            ["names:c:300", "counter:both:5", "histogram:h:0,5,50", "gauge:g:7", "never:n:1", "text:t:old", "commit"]
                + ["say:held"] + operations + ["say:more", "wait"])
        try holder.wait(for: "held")
        try Self.wreck(scratch)
        return holder
    }

    static func wreck(_ scratch: Scratch) throws {
        let child = try scratch.spawn("mutex")
        try child.wait(for: "mutex")
        child.kill()
        #expect(try scratch.run("wreck") == .exit(0))
    }

    private func check(_ scratch: Scratch, both: UInt64, count: UInt64, gauge: UInt64) throws {
        let reader = try scratch.reader()
        let snapshot = StatsSnapshot(reader)
        let names = snapshot.stats.filter { $0.name.hasPrefix("c.") }
        #expect(names.count == 300 && names.allSatisfy { $0.value == 1 })
        #expect(snapshot.value("both") == both && snapshot.value("g") == gauge)
        #expect(snapshot.histogram("h")?.count == count)
        #expect(Soundness.findings(reader) == [])
        #expect(try RegionCheck.findings(baseID: scratch.baseID) == [])
    }

    /// The sums, while both live, after the old one ends, and after a start that takes over what it counted.
    @Test func bothCountUntilTheOldOneIsTakenOver() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch, then: "go", "counter:both:100", "histogram:h:5", "gauge:g:9")
            let next = try scratch.spawn(
                "rebuild", "counter:both:1", "counter:new:2", "histogram:h:7,70", "gauge:g:30", "never:n:2",
                "text:t:new", "value:both", "say:starts", "go", "commit", "say:serves", "wait")
            #expect(next.line() == Self.origin)
            let before = try next.lines(upTo: "starts")
            #expect(before.contains("value 6"), "the process's own stats are the sum too")
            #expect(scratch.files() == ["", ".anchor", ".old"])
            try check(scratch, both: 6, count: 5, gauge: 37)
            var snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("n") == 1 && snapshot.stat("t")?.text == "old", "the holder serves")
            #expect(snapshot.value("new") == 2 && snapshot.value("stats.region_generation") == 2)
            #expect(snapshot.value("server.process_starts") == 3 && snapshot.value("stats.overflow") == 0)

            // The holder counts on, and the new one serves.
            holder.go()
            try holder.wait(for: "more")
            next.go()
            try next.wait(for: "serves")
            try check(scratch, both: 106, count: 6, gauge: 39)
            snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("n") == 2 && snapshot.stat("t")?.text == "new")
            #expect(try scratch.reader().liveSlots.map(\.committed) == [1, 2])

            // Dead, its gauges are gone and its counts are not.
            holder.kill()
            try check(scratch, both: 106, count: 6, gauge: 30)
            #expect(StatsSnapshot(try scratch.reader()).stat("c.7")?.isInUse == false, "only the dead one used it")
            // A hot restart leaves things as they are.
            let third = try scratch.spawn("rebuild", "counter:both:1", "histogram:h:1", "commit", "say:done", "wait")
            #expect(third.line() == "origin continued")
            try third.wait(for: "done")
            #expect(scratch.files() == ["", ".anchor", ".old"])
            next.kill()
            third.kill()
            #expect(StatsSnapshot(try scratch.reader()).value("both") == 107)

            let cold = try scratch.spawn("rebuild", "names:c:0", "wait")
            let why = "nobody counts in generation 1 any more, which goes into the new one"
            #expect(cold.line() == "origin rebuilt(reason: \"\(why)\")")
            try cold.wait(for: "member")
            snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("both") == 107 && snapshot.histogram("h")?.count == 7)
            #expect(snapshot.stat("c.7") == nil, "nobody who served last used it")
            #expect(snapshot.value("stats.region_generation") == 3 && snapshot.value("server.process_starts") == 5)
            #expect(scratch.files() == ["", ".anchor"])
            #expect(try scratch.reader().header.imported == 1 && scratch.reader().predecessor == nil)
        }
    }

    /// Killed at each place of the two changes: no count is lost, none is there twice, and the next start goes on.
    @Test(arguments: [FaultPoint.recordWritten, .valueTaken, .memoryCommitted, .regionFilled, .predecessorLinked])
    func killedBeforeItIsPublished(_ point: FaultPoint) throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch)
            #expect(try scratch.run("die:\(point.rawValue)", "rebuild") == .signal(SIGKILL))
            try check(scratch, both: 5, count: 3, gauge: 7)
            #expect(StatsSnapshot(try scratch.reader()).value("stats.region_generation") == 1)
            let next = try scratch.spawn("rebuild", "counter:both:1", "say:done", "wait")
            #expect(next.line() == Self.origin)
            try next.wait(for: "done")
            #expect(scratch.files() == ["", ".anchor", ".old"])
            try check(scratch, both: 6, count: 3, gauge: 7)
            withExtendedLifetime(holder) {}
        }
    }

    /// Killed when it is published, and again in each place of the import.
    @Test func killedAfterItIsPublishedAndWhileItIsTakenOver() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch)
            #expect(try scratch.run("die:region-published", "rebuild") == .signal(SIGKILL))
            try check(scratch, both: 5, count: 3, gauge: 7)
            #expect(try scratch.run("rebuild", "counter:both:2") == .exit(0))
            holder.kill()
            try check(scratch, both: 7, count: 3, gauge: 0)
            for point in [FaultPoint.slotRenewed, .planeOwned, .recordWritten, .segmentWritten, .regionFilled] {
                #expect(try scratch.run("die:\(point.rawValue)", "rebuild") == .signal(SIGKILL))
                try check(scratch, both: 7, count: 3, gauge: 0)
                #expect(StatsSnapshot(try scratch.reader()).value("stats.region_generation") == 2)
            }
            #expect(try scratch.run("die:region-published", "rebuild") == .signal(SIGKILL))
            #expect(scratch.files() == ["", ".anchor", ".old"], "it is taken over, and still there")
            try check(scratch, both: 7, count: 3, gauge: 0)
            #expect(try scratch.run("rebuild") == .exit(0))
            #expect(scratch.files() == ["", ".anchor"])
            try check(scratch, both: 7, count: 3, gauge: 0)
            #expect(StatsSnapshot(try scratch.reader()).value("stats.region_generation") == 3)
        }
    }

    /// A reset covers what the old one counted up to then, not what it counts afterwards.
    @Test func resets() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch, then: "go", "counter:both:10")
            let next = try scratch.spawn("rebuild", "counter:both:1", "reset", "counter:both:1", "say:done", "wait")
            try next.wait(for: "done")
            var snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("both") == 1 && snapshot.value("c.7") == 0 && snapshot.value("stats.resets") == 1)
            #expect(snapshot.histogram("h")?.count == 3, "histograms are not reset")
            holder.go()
            try holder.wait(for: "more")
            #expect(StatsSnapshot(try scratch.reader()).value("both") == 11)
            holder.kill()
            next.kill()
            #expect(try scratch.run("rebuild", "counter:both:1") == .exit(0))
            snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("both") == 12 && snapshot.value("c.7") == 0 && snapshot.value("stats.resets") == 1)
            #expect(scratch.files() == ["", ".anchor"])
        }
    }

    /// What the one before counted is not the new process's, of counters and of histograms.
    @Test func sinceTheStart() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch)
            let next = try scratch.spawn(
                "rebuild", "counter:both:1", "histogram:h:7", "serve", "counter:both:2", "histogram:h:70,70",
                "say:done",
                "wait")
            try next.wait(for: "done")
            let since = try #require(StatsSnapshot.sinceStart(try scratch.reader()))
            #expect(since.value("both") == 2 && since.value("c.7") == 0)
            #expect(since.histogram("h")?.count == 2 && since.histogram("h")?.sum == 140)
            next.kill()
            let none = StatsSnapshot.sinceStart(try scratch.reader())
            #expect(none == nil, "the holder serves, and keeps none")
            holder.kill()
        }
    }

    /// The old process serves again after the new one died: newest is who began to serve last, wherever it counts.
    @Test func theOldOneServesAgain() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch, then: "go", "commit", "value:n")
            let next = try scratch.spawn("rebuild", "never:n:2", "text:t:new", "commit", "say:done", "wait")
            try next.wait(for: "done")
            #expect(StatsSnapshot(try scratch.reader()).value("n") == 2)
            next.kill()
            #expect(StatsSnapshot(try scratch.reader()).value("n") == 1)
            holder.go()
            #expect(try holder.lines(upTo: "more").contains("value 1"))
            let reader = try scratch.reader()
            #expect(reader.newest?.committed == 3 && reader.newest?.generation == 1)
            #expect(StatsSnapshot(reader).stat("t")?.text == "old")
            // One more child is the newest after it.
            let last = try scratch.spawn("rebuild", "never:n:5", "commit", "say:done", "wait")
            #expect(last.line() == "origin continued")
            try last.wait(for: "done")
            #expect(try scratch.reader().newest?.committed == 4)
            #expect(StatsSnapshot(try scratch.reader()).value("n") == 5)
        }
    }

    /// One at most: the second break is a sentence, and nobody waits.
    @Test func aSecondBreakIsAnError() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch)
            let second = try scratch.spawn("rebuild", "counter:both:1", "say:done", "wait")
            try second.wait(for: "done")
            try Self.wreck(scratch)
            let third = try scratch.spawn("rebuild", "counter:new:4", "complaints", "value:new", "say:done", "wait")
            let told = try #require(third.line())
            #expect(told.hasPrefix(#"origin kept(reason: "its mutex cannot be recovered; "#))
            #expect(told.contains("a region has one before it at most"))
            let lines = try third.lines(upTo: "done")
            #expect(lines.contains("complaints 1") && lines.contains("value 4"))
            #expect(StatsSnapshot(try scratch.reader()).value("both") == 6)
            // Nobody begins to serve there, in a restart neither: said at once, and whoever serves goes on.
            #expect(try scratch.run("rebuild", "commit") == .exit(2))
            #expect(try scratch.reader().newest?.pid == UInt32(holder.pid))
            // All gone: three become one.
            for child in [holder, second, third] { child.kill() }
            #expect(try scratch.run("rebuild") == .exit(0))
            #expect(StatsSnapshot(try scratch.reader()).value("both") == 6)
            #expect(scratch.files() == ["", ".anchor"])
        }
    }

    @Test func nothingIsResetOrRemovedUnderAHolder() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch)
            #expect(try scratch.run("rebuild", "counter:both:1") == .exit(0))
            let anchor = try Anchor(baseID: scratch.baseID)
            let remove = { () throws(RegionError) in try SharedRegion.remove(anchor) }
            #expect(try #require(throws: RegionError.self) { try remove() }.kind == .busy)
            let reset = try #require(throws: RegionError.self) { try SharedRegion.attach(anchor, reset: true) }
            #expect(reset.kind == .foreign && reset.description.hasSuffix("to be reset, and a live process holds it"))
            #expect(StatsSnapshot(try scratch.reader()).value("both") == 6)
            holder.kill()
            try remove()
            #expect(scratch.files() == [".anchor"])
        }
    }

    /// A file under the predecessor's name that is none, or one that cannot be read: said, never added, gone with the next
    /// cold start.
    @Test(arguments: [true, false])
    func aPredecessorThatCannotBe(isMissing: Bool) throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch)
            #expect(try scratch.run("rebuild", "counter:both:1") == .exit(0))
            holder.kill()
            let old = RegionName.predecessorPath(baseID: scratch.baseID)
            if isMissing {
                #expect(unlink(old) == 0)
            } else {
                // Values of which the file has no room.
                let offset = try #require(MemoryLayout<cl_region_header>.offset(of: \.value_count))
                let fd = open(old, O_RDWR | O_CLOEXEC)
                var count = UInt64.max
                #expect(pwrite(fd, &count, 8, off_t(offset)) == 8)
                close(fd)
            }
            #expect(StatsSnapshot(try scratch.reader()).value("both") == 1)
            #expect(try scratch.reader().predecessorProblem != nil)
            #expect(try RegionCheck.findings(baseID: scratch.baseID) != [])
            let next = try scratch.spawn("rebuild", "wait")
            #expect(next.line()?.hasPrefix(#"origin rebuilt(reason: "what generation 1 counted is lost: "#) == true)
            try next.wait(for: "member")
            #expect(scratch.files() == ["", ".anchor"])
            #expect(StatsSnapshot(try scratch.reader()).value("both") == 1)
        }
    }

    /// The columns of a breakdown are planes of both.
    @Test func planesOfBoth() throws {
        try withScratch { scratch in
            let holder = try wrecked(scratch)
            let next = try scratch.spawn("rebuild", "counter:both:1", "say:done", "wait")
            try next.wait(for: "done")
            let split = SplitStats(try scratch.reader())
            #expect(split.planes == ["plane 0", "plane 0 of generation 1"])
            #expect(split.owners.map { $0?.pid } == [UInt32(next.pid), UInt32(holder.pid)])
            let row = try #require(split.rows.first { $0.name == "both" })
            #expect(row.values == [1, 5] && row.total.value == 6)
            #expect(split.rows.first { $0.name == "h" }?.values == [0, 3])
        }
    }
}
