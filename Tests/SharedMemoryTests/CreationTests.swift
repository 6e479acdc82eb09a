import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// Processes that create, remove and die at once: one region, and nobody is stuck.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct CreationTests {
    @Test func killedWhileItCreates() throws {
        try withScratch { scratch in
            for _ in 0..<3 {
                #expect(try scratch.run("die:region-filled", "member") == .signal(SIGKILL))
                #expect(scratch.files().count == 2, "what it was filling, under a name of its own")
                #expect(throws: RegionError.self) { try scratch.reader() }
            }
            let (region, origin) = try scratch.attach()
            #expect(origin == .created && region.header.generation == 1)
            #expect(scratch.files() == ["", ".anchor"], "what the dead left is gone")
        }
    }

    /// Killed wherever it is: the region's name shows none or a whole one, and the next start is not held up.
    @Test func killedAtAnyMoment() throws {
        try withScratch { scratch in
            for _ in 0..<30 {
                let child = try scratch.spawn("rebuild", "names:n:20")
                usleep(UInt32.random(in: 0...20_000))
                child.kill()
                if scratch.files().contains("") { #expect(throws: Never.self) { try scratch.reader() } }
                if Bool.random() { unlink(scratch.path) }
            }
            let (region, _) = try scratch.attach()
            #expect(region.header.segment_count <= 2)
            #expect(scratch.files() == ["", ".anchor"])
        }
    }

    /// The start-up lock of a process that was killed with it is free.
    @Test func killedWithTheAnchor() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("anchor", "wait")
            try child.wait(for: "anchor")
            child.kill()
            let anchor = try Anchor(baseID: scratch.baseID, limitMs: 0)
            #expect(try SharedRegion.attach(anchor).1 == .created)
        }
    }

    @Test func coldStartsAtOnce() throws {
        try withScratch { scratch in
            for _ in 0..<8 {
                let children = try (0..<4).map { _ in try scratch.spawn("rebuild", "names:n:20", "say:done", "wait") }
                var origins: [String] = []
                for child in children {
                    origins.append(try #require(child.line()))
                    try child.wait(for: "done")
                }
                #expect(origins.count { $0 == "origin created" } == 1, "\(origins)")
                #expect(origins.count { $0 == "origin continued" } == 3)
                let reader = try scratch.reader()
                #expect(Set(reader.slots.filter(\.isLive).map(\.pid)) == Set(children.map { UInt32($0.pid) }))
                #expect(try names(of: reader).count == 20)
                for child in children { child.kill() }
                try SharedRegion.remove(try Anchor(baseID: scratch.baseID))
            }
        }
    }

    /// One removes over and over, others start and are killed: whoever got in is in the region that has the name.
    @Test func removalWhileOthersStart() {
        withScratch { scratch in
            nonisolated(unsafe) let scratch = scratch
            nonisolated(unsafe) let running = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
            running.initialize(to: 3)
            defer { running.deallocate() }
            onThreads(4) { part in
                if part == 0 {
                    while cl_load_acquire(running) != 0 {
                        do {
                            try SharedRegion.remove(try Anchor(baseID: scratch.baseID))
                        } catch let error as RegionError {
                            if error.kind != .missing && error.kind != .busy { Issue.record(error) }
                        } catch { Issue.record(error) }
                    }
                    return
                }
                defer { _ = cl_fetch_add(running, .max) }
                for _ in 0..<100 {
                    do {
                        let member = try scratch.member()
                        var named = cl_file_status()
                        var ours = cl_file_status()
                        #expect(cl_stat(scratch.path, &named) == 0 && cl_fstat(member.descriptor, &ours) == 0)
                        if named.inode != ours.inode { Issue.record("counts in a region without a name") }
                        _ = try appendName("n", to: member)
                    } catch {
                        Issue.record(error)
                    }
                }
            }
            #expect(scratch.files().allSatisfy { ["", ".anchor"].contains($0) })
        }
    }

    /// A process that is refused because another one lives there has touched nothing.
    @Test func whoIsRefusedTouchesNothing() throws {
        try withScratch { scratch in
            let holder = try scratch.spawn("fresh", "names:n:3", "commit", "say:done", "wait")
            try holder.wait(for: "done")
            let before = try bytes(scratch)
            #expect(try scratch.run("fresh") == .exit(2))
            #expect(try bytes(scratch) == before)
            #expect(throws: RegionError.self) { try scratch.attach(reset: true) }
            #expect(try bytes(scratch) == before)
        }
    }

    private func bytes(_ scratch: Scratch) throws -> [UInt8] {
        let fd = open(scratch.path, O_RDONLY | O_CLOEXEC)
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: scratch.size)
        let got = pread(fd, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(got, 0)))
    }
}
