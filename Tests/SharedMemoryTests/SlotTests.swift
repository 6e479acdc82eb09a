import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// Process slots: who is live, and who began to serve last.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct SlotTests {
    @Test func aSlotSaysWhoHoldsIt() throws {
        try withScratch { scratch in
            let region = try scratch.member(epoch: 7, socketPath: "@envoyd-restart")
            #expect(region.slot == 0)
            let info = try #require(region.slotInfo(0))
            #expect(info.pid == UInt32(getpid()) && info.epoch == 7 && info.incarnation == 1)
            #expect(info.role == .starting && info.committed == 0 && info.isLive)
            #expect(info.socketPath == "@envoyd-restart" && info.startNs > 0)
            #expect(region.liveSlots().isEmpty, "its own is not another's")
            #expect(try scratch.reader().slots.filter(\.isLive) == [info])
            #expect(region.slotInfo(256) == nil && region.slotInfo(-1) == nil)
        }
    }

    /// Whoever has which locks, alone, side by side and all at once: the same as when each slot is asked for.
    @Test(arguments: [
        [], [0..<1], [255..<256], [0..<256], [3..<5, 5..<6, 200..<256], [0..<1, 2..<3, 4..<5, 250..<1000],
    ])
    func heldSlotsAreFound(ranges: [Range<Int>]) throws {
        try withScratch { scratch in
            let (region, _) = try scratch.attach()
            var holders: [Int32] = []
            defer { for fd in holders { close(fd) } }
            for range in ranges.shuffled() {
                let fd = open(scratch.path, O_RDWR | O_CLOEXEC)
                holders.append(fd)
                #expect(cl_ofd_lock(fd, RegionLayout.locks + Int64(range.lowerBound), Int64(range.count)) == 0)
            }
            let found = RegionFile.lockedSlots(region.descriptor)
            #expect(found.count == 256)
            for index in 0..<256 {
                #expect(found[index] == ranges.contains { $0.contains(index) }, "slot \(index)")
                #expect(
                    found[index] == (cl_ofd_is_locked(region.descriptor, RegionLayout.locks + Int64(index), 1) == 1))
            }
            // To the end of all files, as a fuzzer's or a foreign program's may be.
            let fd = open(scratch.path, O_RDWR | O_CLOEXEC)
            holders.append(fd)
            if ranges.isEmpty, cl_ofd_lock(fd, RegionLayout.locks + 100, 0) == 0 {
                #expect(RegionFile.lockedSlots(region.descriptor).firstIndex(of: true) == 100)
                #expect(RegionFile.lockedSlots(region.descriptor).count { $0 } == 156)
            }
        }
    }

    @Test func aPathThatIsTooLongIsCut() throws {
        try withScratch { scratch in
            let region = try scratch.member(socketPath: String(repeating: "p", count: 200))
            #expect(region.slotInfo(0)?.socketPath == String(repeating: "p", count: 120))
        }
    }

    @Test func aKilledProcessIsGoneAtOnceAndItsSlotIsUsedAgain() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let child = try scratch.spawn("member:3", "commit", "say:serving", "wait")
            try child.wait(for: "serving")
            let living = try #require(region.liveSlots().first)
            #expect(living.index == 1 && living.epoch == 3 && living.incarnation == 1)
            #expect(living.role == .serving && living.committed == 1 && living.pid == UInt32(child.pid))
            #expect(try scratch.reader().newest == living)

            child.kill()
            #expect(region.liveSlots().isEmpty)
            #expect(region.slotInfo(1)?.isLive == false && region.slotInfo(1)?.pid == UInt32(child.pid))
            #expect(try scratch.reader().newest == nil)

            let next = try scratch.spawn("member:4", "wait")
            #expect(next.line() == "member 1 2")
            let reused = try #require(region.slotInfo(1))
            #expect(reused.epoch == 4 && reused.committed == 0 && reused.role == .starting && reused.isLive)
            #expect(region.header.process_starts == 3)
        }
    }

    @Test func theNewestIsWhoCommittedLast() throws {
        try withScratch { scratch in
            let first = try scratch.member(epoch: 0)
            let second = try scratch.member(epoch: 1)
            #expect(try scratch.reader().newest == nil, "nobody serves yet")
            try second.commitSlot()
            try first.commitSlot()
            #expect(try scratch.reader().newest?.epoch == 0)
            try second.commitSlot()
            first.setRole(.standby)
            let reader = try scratch.reader()
            #expect(reader.newest?.epoch == 1 && reader.newest?.committed == 3)
            #expect(reader.slots[0].role == .standby && reader.slots[1].role == .serving)
        }
    }

    @Test func oneProcessTooManyIsRefused() throws {
        try withScratch { scratch in
            let members = try (0..<255).map { _ in try scratch.member() }
            let child = try scratch.spawn("member", "wait")
            #expect(child.line() == "member 255 1")
            let error = try #require(throws: RegionError.self) { try scratch.member() }
            #expect(error.kind == .full)
            #expect(error.description.hasSuffix("all 256 process slots are in use"))
            child.kill()
            #expect(try scratch.member().slot == 255)
            #expect(members.map(\.slot) == Array(0..<255))
        }
    }

    @Test func aSlotIsFreeWhenItsRegionIsLetGo() throws {
        try withScratch { scratch in
            do { _ = try scratch.member() }
            let region = try scratch.member()
            #expect(region.slot == 0 && region.slotInfo(0)?.incarnation == 2)
        }
    }

    /// Who takes over the slot of a dead process must never look like it, not even for a moment.
    @Test func aDeadProcessDoesNotComeBackWhileItsSlotIsTakenOver() throws {
        try withScratch { scratch in
            let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 2)
            words.initialize(repeating: 0, count: 2)
            defer { words.deallocate() }
            nonisolated(unsafe) let (dead, done) = (words, words + 1)
            nonisolated(unsafe) let scratch = scratch
            _ = try scratch.attach()
            onThreads(2) { part in
                guard part == 0 else {
                    while cl_load_acquire(done) == 0 {
                        let gone = cl_load_acquire(dead)
                        guard let newest = (try? scratch.reader())?.newest else { continue }
                        // Each slot has its own: a copy of the lock (see `serveAndDie`) has the next one take another slot.
                        guard newest.index == Int(gone >> 32) else { continue }
                        if newest.incarnation <= UInt32(truncatingIfNeeded: gone) {
                            Issue.record("the dead \(newest) serves")
                        }
                    }
                    return
                }
                do {
                    for _ in 0..<300 {
                        let (slot, incarnation) = try Self.serveAndDie(scratch)
                        cl_store_release(dead, UInt64(slot) << 32 | UInt64(incarnation))
                        _ = try scratch.member()
                    }
                } catch {
                    Issue.record(error)
                }
                cl_store_release(done, 1)
            }
        }
    }

    /// A slot gets its new incarnation before its lock: seen by a lock that stands in the way of locking only.
    @Test func theIncarnationComesBeforeTheLock() throws {
        try withScratch { scratch in
            do { try scratch.member().commitSlot() }
            let fd = open(scratch.path, O_RDWR | O_CLOEXEC)
            defer { close(fd) }
            var lock = flock()
            lock.l_type = Int16(F_RDLCK)
            lock.l_start = off_t(RegionLayout.locks)
            lock.l_len = 1
            #expect(fcntl(fd, Int32(CL_F_OFD_SETLK), &lock) == 0)
            let region = try scratch.member()
            #expect(region.slot == 1)
            #expect(region.slotInfo(0)?.incarnation == 2 && region.slotInfo(0)?.committed == 0)
        }
    }

    private static func serveAndDie(_ scratch: Scratch) throws -> (slot: Int, incarnation: UInt32) {
        let gone = try {
            let member = try scratch.member()
            try member.commitSlot()
            return (slot: member.slot, incarnation: member.incarnation)
        }()
        // Another test may just be starting a program, which has a copy of the lock until it is executed.
        let isDead = try reaches {
            let newest = try scratch.reader().newest
            return newest?.index != gone.slot || newest?.incarnation != gone.incarnation
        }
        if !isDead { Issue.record("the lock of \(gone) stays") }
        return gone
    }

    @Test func whatASlotSaysIsCheckedAgainstItsBounds() throws {
        try withScratch { scratch in
            let region = try scratch.member(socketPath: "x")
            scratch.poke(UInt32.max, at: slotOffset(0) + MemoryLayout<cl_slot>.offset(of: \.path_length)!)
            scratch.poke(UInt32(99), at: slotOffset(0) + MemoryLayout<cl_slot>.offset(of: \.role)!)
            let info = try #require(region.slotInfo(0))
            #expect(info.role == .starting && info.socketPath.utf8.count == 120)
            #expect(try scratch.reader().slots[0] == info)
        }
    }

    private func slotOffset(_ index: Int) -> Int { RegionLayout.page + index * 192 }
}
