import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// The mutex, held by processes that stop or die.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct MutexTests {
    @Test func aStoppedOwnerDoesNotStopUs() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            region.lockLimitMs = 5
            let child = try scratch.spawn("mutex")
            try child.wait(for: "mutex")
            child.stop()
            let error = try #require(throws: RegionError.self) { try appendName("a", to: region) }
            #expect(error.kind == .busy)
            #expect(error.description == "\(scratch.path): locked by process \(child.pid) for too long")
            #expect(region.header.repairs == 0 && region.header.log_tail == 0)
            // Readers want no mutex.
            #expect(try scratch.reader().slots.filter(\.isLive).count == 2)
        }
    }

    @Test func aKilledOwnersMutexIsRepairedAndCounted() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try appendName("before", to: region)
            for round in 1...3 {
                let child = try scratch.spawn("mutex")
                try child.wait(for: "mutex")
                #expect(child.kill() == .signal(SIGKILL))
                _ = try appendName("after.\(round)", to: region)
                #expect(region.header.repairs == UInt64(round))
                #expect(region.header.mutex_pid == UInt32(getpid()))
            }
            _ = try appendName("once more", to: region)
            #expect(region.header.repairs == 3, "repaired is repaired")
            #expect(try names(of: region) == ["before", "after.1", "after.2", "after.3", "once more"])
        }
    }

    @Test func aMutexNobodyRepairedIsAnError() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            let child = try scratch.spawn("mutex")
            try child.wait(for: "mutex")
            child.kill()
            // A program that takes it and does not make it consistent.
            let mutex = cl_region_mutex(region.region)
            #expect(cl_mutex_lock(mutex, 1000) == -EOWNERDEAD)
            #expect(cl_mutex_unlock(mutex) == 0)
            let error = try #require(throws: RegionError.self) { try appendName("a", to: region) }
            #expect(error.kind == .unrecoverable)
            #expect(region.header.repairs == 0)
            #expect(throws: Never.self) { try scratch.reader() }
        }
    }

    @Test func anErrorInsideGivesItBack() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            #expect(throws: RegionError.self) {
                try region.withLock { () throws(RegionError) in throw RegionError.missing(path: "") }
            }
            region.lockLimitMs = 0
            #expect(throws: Never.self) { try appendName("a", to: region) }
        }
    }

    /// A dead owner may have published memory without using it, or written past the tail: neither counts.
    @Test func whatADeadOwnerLeftUnfinishedDoesNotCount() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            _ = try appendName("a", to: region)
            let size = scratch.size
            // It had got memory for a segment that it never published, and a record that the tail does not reach.
            #expect(truncate(scratch.path, off_t(size + 16 * 4096)) == 0)
            scratch.poke(UInt64.max, at: size)
            scratch.poke(\.committed, UInt64(size + 16 * 4096))
            scratch.poke(UInt64.max, at: RegionLayout.data + Int(region.header.log_tail))
            let plane = try region.claimPlane(gauges: { [] })
            #expect(try plane.cell(0, cells: 1) == (region.base + size).assumingMemoryBound(to: UInt64.self))
            _ = try appendName("b", to: region)
            #expect(try names(of: try scratch.attach().region) == ["a", "b"])
            #expect(Int(region.header.committed) == size + 4096)
        }
    }
}
