import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Regions of other builds: every layout that was released, newer minors, other majors.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct LayoutTests {
    /// One for each released layout; made by `tools/region-fixture`, never changed afterwards.
    static let fixtures = ["layout-1.0"]

    @Test(arguments: fixtures)
    func aReleasedLayoutIsRead(_ fixture: String) throws {
        try withScratch { scratch in
            try expand(fixture, scratch)
            let snapshot = StatsSnapshot(try scratch.reader())
            try check(snapshot, 1)
            #expect(snapshot.value("server.process_starts") == 2 && snapshot.value("stats.resets") == 1)
            #expect(snapshot.stats.filter { !$0.isInUse }.map(\.name) == ["g", "live", "t"])
            #expect(snapshot.stat("cluster.a.upstream_rq_200")?.tags.count == 2)
            #expect(Soundness.findings(try scratch.reader()) == [])
        }
    }

    @Test(arguments: fixtures, ["member", "rebuild"])
    func aReleasedLayoutGoesOn(_ fixture: String, how: String) throws {
        try withScratch { scratch in
            try expand(fixture, scratch)
            let child = try scratch.spawn(
                how, "counter:cluster.a.upstream_rq_200:3", "names:n:40", "histogram:h:7", "commit", "say:done", "wait")
            try child.wait(for: "done")
            let snapshot = StatsSnapshot(try scratch.reader())
            try check(snapshot, 2)
            #expect(snapshot.value("stats.region_generation") == (how == "rebuild" ? 2 : 1))
            #expect(snapshot.value("stats.resets") == 1 && snapshot.value("server.process_starts") == 3)
        }
    }

    private func check(_ snapshot: StatsSnapshot, _ rounds: UInt64) throws {
        #expect(snapshot.value("cluster.a.upstream_rq_200") == 3 * rounds)
        let names = snapshot.stats.filter { $0.name.hasPrefix("n.") }
        #expect(names.count == 40 && names.allSatisfy { $0.value == rounds })
        let data = try #require(snapshot.histogram("h"))
        #expect(data.count == 4 + rounds && data.sum == 5_000_055 + 7 * rounds)
    }

    /// Records with more before the name than we know of, which a newer minor may have: read and added by its length.
    @Test(arguments: [UInt32(32), 40, 64])
    func aNewerMinor(recordLength: UInt32) throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            scratch.poke(\.layout_minor, 9)
            scratch.poke(\.record_length, recordLength)
            let first = try scratch.spawn(
                "counter:cluster.a.upstream_rq_200:3", "names:n:3000", "histogram:h:5", "commit", "say:done", "wait")
            try first.wait(for: "done")
            let second = try scratch.spawn("counter:cluster.a.upstream_rq_200:4", "names:n:3000", "say:done", "wait")
            try second.wait(for: "done")
            let snapshot = StatsSnapshot(try scratch.reader())
            let names = snapshot.stats.filter { $0.name.hasPrefix("n.") }
            #expect(names.count == 3000 && names.allSatisfy { $0.value == 2 && $0.isInUse })
            #expect(snapshot.value("cluster.a.upstream_rq_200") == 7)
            #expect(snapshot.stat("cluster.a.upstream_rq_200")?.tags.count == 2)
            #expect(snapshot.histogram("h")?.count == 1)
            #expect(Soundness.findings(try scratch.reader()) == [])
            #expect(try scratch.reader().header.record_length == recordLength)
        }
    }

    /// Another C library's region is read, and its counts go into a new one: its mutex is never touched.
    @Test func anotherLibrarysCountsGoOn() throws {
        try withScratch { scratch in
            try expand(Self.fixtures[0], scratch)
            scratch.poke(\.mutex_tag, 7)
            try check(StatsSnapshot(try scratch.reader()), 1)
            let child = try scratch.spawn("rebuild", "names:n:0", "wait")
            #expect(child.line() == #"origin rebuilt(reason: "made by another C library")"#)
            try child.wait(for: "member")
            try check(StatsSnapshot(try scratch.reader()), 1)
        }
    }

    @Test func anotherMajorIsReplacedAndTold() throws {
        try withScratch { scratch in
            try expand(Self.fixtures[0], scratch)
            scratch.poke(\.layout_major, 2)
            let child = try scratch.spawn("rebuild", "counter:c:1", "say:done", "wait")
            #expect(child.line() == #"origin replaced(reason: "layout 2.0, this build has 1")"#)
            try child.wait(for: "done")
            #expect(StatsSnapshot(try scratch.reader()).counted.stats.map(\.name) == ["c", "stats.overflow"])
        }
    }

    /// Makes the region's file from a fixture.
    private func expand(_ fixture: String, _ scratch: Scratch) throws {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let text = try #require(read("/\(folder)/Fixtures/\(fixture).txt"))
        let lines = text.split(separator: "\n")
        let size = try #require(lines.first?.split(separator: " ").last.flatMap { Int($0) })
        let fd = open(scratch.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(fd) }
        try #require(fd >= 0 && posix_fallocate(fd, 0, off_t(size)) == 0)
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            let offset = try #require(Int(words[0], radix: 16))
            let digits = Array(words[1])
            let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
            try #require(pwrite(fd, bytes, bytes.count, off_t(offset)) == bytes.count)
        }
    }

    private func read(_ path: String) -> String? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let length = Glibc.read(fd, &bytes, bytes.count)
        return length > 0 ? String(decoding: bytes[..<length], as: UTF8.self) : nil
    }
}
