import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// The order in which a process becomes the one that serves, and rebuilds beside somebody who has the mutex.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct CommitTests {
    /// `last_ordinal` comes last: a process that is killed before it served leaves the names of the one before in use.
    @Test(arguments: [FaultPoint.commitTaken, .commitPublished])
    func theOrdinalIsWrittenLast(_ point: FaultPoint) throws {
        try withScratch { scratch in
            #expect(try scratch.run("counter:a:1", "commit") == .exit(0))
            #expect(try scratch.reader().header.last_ordinal == 1)
            #expect(try scratch.run("die:\(point.rawValue)", "counter:b:1", "commit") == .signal(SIGKILL))
            let reader = try scratch.reader()
            #expect(reader.header.last_ordinal == 1 && reader.header.commit_sequence == 2)
            // The slot is the first one's, taken again.
            #expect(reader.slots[0].ordinal == 2)
            #expect(reader.slots[0].committed == (point == .commitTaken ? 0 : 2))
            #expect(reader.oldestOrdinalInUse == 1)
            // The next one repairs the mutex and is the last.
            #expect(try scratch.run("counter:b:1", "commit") == .exit(0))
            #expect(try scratch.reader().header.last_ordinal == 3)
        }
    }

    /// Whoever sees a process serve sees that the names of the one before are in use until it is gone.
    @Test func itIsNeverAheadOfTheSlot() throws {
        try withScratch { scratch in
            let first = try scratch.member()
            try first.commitSlot()
            let second = try scratch.member()
            #expect(first.header.last_ordinal == 1 && second.ordinal == 2)
            try second.commitSlot()
            #expect(first.header.last_ordinal == 2)
            #expect(try scratch.reader().oldestOrdinalInUse == 1, "the first one lives")
            try first.commitSlot()
            #expect(first.header.last_ordinal == 1, "it began to serve last")
        }
    }

    /// A process that serves before it has asked for all its names leaves those of the one before in use, until it has.
    @Test func namesThatAreToComeAreWaitedFor() throws {
        try withScratch { scratch in
            #expect(try scratch.run("counter:a:1", "commit") == .exit(0))
            let second = try scratch.member()
            second.hasNamesToCome = true
            try second.commitSlot()
            #expect(second.header.last_ordinal == 1)
            #expect(try scratch.reader().oldestOrdinalInUse == 1, "it serves, and is not through")
            try second.namesAreComplete()
            #expect(second.header.last_ordinal == 2)
            #expect(try scratch.reader().oldestOrdinalInUse == 2)
            try second.namesAreComplete()
            #expect(second.header.last_ordinal == 2)
        }
    }

    /// Another one has begun to serve meanwhile: what that one used is what counts.
    @Test func whoWasOvertakenSaysNothing() throws {
        try withScratch { scratch in
            let first = try scratch.member()
            first.hasNamesToCome = true
            try first.commitSlot()
            let second = try scratch.member()
            try second.commitSlot()
            try first.namesAreComplete()
            #expect(first.header.last_ordinal == 2)
            // It never served.
            let third = try scratch.member()
            third.hasNamesToCome = true
            try third.namesAreComplete()
            #expect(first.header.last_ordinal == 2)
        }
    }

    /// A live process has the mutex and is stopped: that is no reason for a new generation, and nobody waits for it.
    @Test func aLiveOwnersMutexIsLeftAlone() throws {
        try withScratch { scratch in
            let owner = try scratch.spawn("mutex")
            try owner.wait(for: "mutex")
            owner.stop()
            let inode = scratch.inode
            let begun = cl_monotonic_ns()
            let asked = Asked()
            let (region, origin) = try scratch.attach(rebuild: asked.rebuild)
            #expect(origin == .continued && scratch.inode == inode && asked.times == 0)
            #expect(cl_monotonic_ns() - begun < 200_000_000)
            #expect(region.header.repairs == 0)
        }
    }

    /// A live process has the mutex and no slot, so nobody would ever give it back that we know of.
    @Test func aMutexWithoutAHolderIsAReason() throws {
        try withScratch { scratch in
            let (region, _) = try scratch.attach()
            region.lockLimitMs = 5
            let inode = scratch.inode
            let asked = Asked()
            try region.withLock { () throws(RegionError) in
                let anchor = try Anchor(baseID: scratch.baseID)
                let (next, origin) = try SharedRegion.attach(anchor, rebuild: asked.rebuild)
                #expect(
                    origin
                        == .rebuilt(reason: "its mutex is locked, and nobody is there who could unlock it"))
                #expect(scratch.inode != inode && asked.times == 1 && next.header.generation == 2)
            }
        }
    }

    /// A rebuild that counts how often it was made.
    private final class Asked: @unchecked Sendable {
        var times = 0

        var rebuild: RegionRebuild {
            RegionRebuild(
                wish: { _ in nil }, names: { _, _ in self.times += 1 },
                importers: [
                    RegionImporter(major: RegionLayout.major) { source, _ throws(RegionError) in
                        self.times += 1
                        return RegionHistory(try source.reader())
                    }
                ])
        }
    }
}
