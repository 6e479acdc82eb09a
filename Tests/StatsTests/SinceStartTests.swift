import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// What the process that serves counted, apart from what was there before it.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct SinceStartTests {
    private func since(_ scratch: Scratch) throws -> StatsSnapshot? { StatsSnapshot.sinceStart(try scratch.reader()) }

    @Test func theFirstProcessBeganAtZero() throws {
        try withScratch { scratch in
            let first = try scratch.spawn("counter:c:5", "serve", "counter:c:2", "say:done", "wait")
            try first.wait(for: "done")
            #expect(try since(scratch)?.value("c") == 7)
            first.kill()
            #expect(StatsSnapshot.sinceStart(try scratch.reader())?.value("c") == 7)
        }
    }

    @Test func laterProcessesBeginAtWhatWasThere() throws {
        try withScratch { scratch in
            let first = try scratch.spawn(
                "counter:c:5", "histogram:h:1,1,500", "serve", "gauge:g:4", "say:done", "go", "counter:c:100",
                "say:more",
                "wait")
            try first.wait(for: "done")
            let second = try scratch.spawn(
                "serve", "counter:c:3", "histogram:h:0,500", "counter:new:1", "say:done", "wait")
            try second.wait(for: "done")
            let snapshot = try #require(try since(scratch))
            #expect(snapshot.value("c") == 3 && snapshot.value("new") == 1 && snapshot.value("g") == nil)
            #expect(snapshot.histogram("h")?.count == 2 && snapshot.histogram("h")?.sum == 500)
            #expect(snapshot.histogram("h")?.zeros == 1)
            // What the one before still counts came since then, too.
            first.go()
            try first.wait(for: "more")
            #expect(try since(scratch)?.value("c") == 103)
            // The plane is written again by whoever comes next.
            let third = try scratch.spawn("serve", "counter:c:1", "say:done", "wait")
            try third.wait(for: "done")
            let last = try #require(try since(scratch))
            #expect(last.value("c") == 1 && last.value("new") == 0 && last.histogram("h")?.count == 0)
            #expect(StatsSnapshot(try scratch.reader()).value("c") == 109)
            #expect(try RegionCheck.findings(baseID: scratch.baseID) == [])
            // The one before serves on when the newest is gone; what it began with is written over.
            third.kill()
            #expect(try since(scratch) == nil)
            second.kill()
            first.kill()
        }
    }

    @Test func resetsAreLeftOut() throws {
        try withScratch { scratch in
            #expect(try scratch.run("counter:c:5", "serve", "reset", "counter:c:2") == .exit(0))
            let second = try scratch.spawn(
                "serve", "counter:c:3", "say:a", "go", "reset", "counter:c:1", "say:b", "wait")
            try second.wait(for: "a")
            #expect(try since(scratch)?.value("c") == 3)
            second.go()
            try second.wait(for: "b")
            #expect(try since(scratch)?.value("c") == 1, "since the reset, which came later")
            second.kill()
        }
    }

    /// None rather than a wrong one, until somebody begins who writes it.
    @Test(arguments: ["commit-taken", "memory-committed", "segment-written", "start-written"])
    func whoDiesMeanwhileLeavesNone(point: String) throws {
        try withScratch { scratch in
            let first = try scratch.spawn("counter:c:5", "histogram:h:1", "serve", "say:done", "wait")
            try first.wait(for: "done")
            // The plane of a start is made by the first to die here, or is there already.
            let dying = try scratch.spawn("counter:c:1", "histogram:h:7", "die:\(point)", "serve")
            #expect(dying.waitForEnd() == .signal(SIGKILL) || point == "memory-committed" || point == "segment-written")
            if let snapshot = try since(scratch) { #expect(snapshot.value("c") == 1 || snapshot.value("c") == 6) }
            let next = try scratch.spawn("serve", "counter:c:2", "histogram:h:70", "say:done", "wait")
            try next.wait(for: "done")
            #expect(try since(scratch)?.value("c") == 2)
            #expect(try since(scratch)?.histogram("h")?.sum == 70)
            #expect(StatsSnapshot(try scratch.reader()).value("c") == 8)
            next.kill()
            first.kill()
        }
    }

    /// Another build's process, which knows of no start.
    @Test func aProcessThatKeepsNoneHasNone() throws {
        try withScratch { scratch in
            #expect(try scratch.run("counter:c:5", "serve") == .exit(0))
            let second = try scratch.spawn("counter:c:1", "commit", "say:done", "wait")
            try second.wait(for: "done")
            #expect(try since(scratch) == nil)
            second.kill()
        }
    }
}
