import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing

@testable import Stats

/// Two processes with several threads each count in the same stats while a third is killed and started again, at random.
/// What the killed one does not write is exact; what it writes too is at most one behind what it acknowledged, for each
/// of its threads and each time it was killed: between its own counter and the common one. `tools/soak/stats` does it for as long as one likes: `HAMMER_SECONDS` in the environment.
@Suite(.timeLimit(.minutes(60)))
struct HammerTests {
    private static let seconds = getenv("HAMMER_SECONDS").flatMap { UInt64(String(cString: $0)) } ?? 2

    @Test func nothingIsLostOrCountedTwice() throws {
        try withScratch { scratch in
            let names = 8
            let steady = try (0..<2).map { _ in try scratch.spawn("member", "commit", "hammer:3:\(names)") }
            for child in steady { try child.wait(for: "hammering") }
            let threads = 2
            let end = cl_monotonic_ns() + Self.seconds * 1_000_000_000
            var rounds = 0
            while rounds < 3 || cl_monotonic_ns() < end {
                rounds += 1
                let third = try scratch.spawn("member", "hammer:\(threads):\(names):own")
                // At any moment: before it counts, or in the middle of it.
                if Bool.random() { try third.wait(for: "hammering") }
                for _ in 0..<Int.random(in: 0...20) { _ = StatsSnapshot(try scratch.reader()) }
                #expect(third.kill() == .signal(SIGKILL))
            }
            var totals: [String: UInt64] = [:]
            for child in steady { child.endInput() }
            for child in steady {
                for line in try child.lines(upTo: "done") {
                    let words = line.split(separator: " ")
                    guard words.count == 3, words[0] == "total", let count = UInt64(words[2]) else { continue }
                    totals[String(words[1]), default: 0] += count
                }
                #expect(child.waitForEnd() == .exit(0))
            }
            let reader = try scratch.reader()
            let snapshot = StatsSnapshot(reader)
            for i in 0..<names {
                let all = try #require(snapshot.value("hammer.\(i)"))
                let others = try #require(totals["hammer.\(i)"])
                let own = snapshot.value("own.\(i)") ?? 0
                // Killed between its own counter and the common one, at most once for each of its threads.
                let behind = UInt64(rounds * threads)
                #expect(all <= others + own && all + behind >= others + own, "\(all), \(others) and \(own)")
            }
            #expect(snapshot.histogram("hammer.all")?.count == totals["hammer.all"])
            #expect(totals["hammer.all"] ?? 0 > 1000)
            #expect(Soundness.findings(reader) == [])
            #expect(reader.planeCount <= 2 * 5 + 2 * 4, "planes of the dead are used again")
            #expect(snapshot.value("server.process_starts") ?? 0 <= UInt64(2 + rounds))
            #expect(snapshot.value("stats.overflow") == 0)
        }
    }
}
