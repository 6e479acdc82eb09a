import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Two processes with several threads each count in the same stats while a third is killed and started again, at random.
/// In the end every sum is exact.
///
/// What a killed process has counted is known from a journal beside the region: each of its threads says before a step
/// that it begins it, and after the step that it is done. So of every thread at most one increment is open, the one that
/// it was killed in, and that one happened or did not: its cell says which. A thread that kills its own process after a
/// step has none open.
///
/// `tools/soak stats` does it for as long as one likes: `HAMMER_SECONDS` in the environment.
@Suite(.timeLimit(.minutes(Pace.minutes(60))))
struct HammerTests {
    private static let seconds = getenv("HAMMER_SECONDS").flatMap { UInt64(String(cString: $0)) } ?? 2
    private static let names = 8
    private static let threads = 2

    /// How the third process ends.
    private enum Ending: CaseIterable {
        /// Killed as soon as it runs: before it counts, or in the middle of it.
        case atOnce
        /// Killed while it counts.
        case counting
        /// One of its threads kills it when a step is done.
        case itself
    }

    /// What is known of all that was counted.
    private struct Known {
        var counters = [UInt64](repeating: 0, count: HammerTests.names)
        var count: UInt64 = 0
        var sum: UInt64 = 0
        /// Increments of killed processes, steps that a kill interrupted, and those of them that had happened.
        var ofKilled: UInt64 = 0
        var open = 0
        var happened = 0
        /// Processes that were killed while they counted.
        var killed = 0

        mutating func add(_ plane: DeadPlanes.Plane) {
            for i in counters.indices { counters[i] += plane.counters[i] }
            count += plane.count
            sum += plane.sum
            ofKilled += plane.counters.reduce(plane.count, +)
        }
    }

    @Test func nothingIsLostOrCountedTwice() throws {
        try withScratch { scratch in
            let steady = try (0..<2).map { _ in try scratch.spawn("member", "commit", "hammer:3:\(Self.names)") }
            for child in steady { try child.wait(for: "hammering") }
            let end = cl_monotonic_ns() + Self.seconds * 1_000_000_000
            var known = Known()
            var last = [UInt64](repeating: 0, count: Self.names)
            var rounds = 0
            while rounds < 4 || cl_monotonic_ns() < end {
                try oneIsKilled(scratch, rounds % 2 == 0 ? .itself : rounds % 4 == 1 ? .counting : .atOnce, &known) {
                    let snapshot = StatsSnapshot(try scratch.reader())
                    for i in last.indices {
                        let now = snapshot.value("hammer.\(i)") ?? 0
                        if now < last[i] { Issue.record("hammer.\(i): \(now) after \(last[i])") }
                        last[i] = now
                    }
                }
                rounds += 1
            }
            for child in steady { child.endInput() }
            for child in steady {
                for line in try child.lines(upTo: "done") { try add(line, to: &known) }
                #expect(child.waitForEnd() == .exit(0))
            }
            let reader = try scratch.reader()
            let snapshot = StatsSnapshot(reader)
            for i in 0..<Self.names { #expect(snapshot.value("hammer.\(i)") == known.counters[i]) }
            let all = try #require(snapshot.histogram("hammer.all"))
            #expect(all.count == known.count && all.sum == known.sum)
            #expect(known.count > 1000 && known.ofKilled > 1000 && known.killed >= 2)
            #expect(Soundness.findings(reader) == [])
            #expect(try RegionCheck.findings(baseID: scratch.baseID) == [])
            #expect(reader.planeCount <= 2 * 5 + Self.threads + 2, "planes of the dead are used again")
            #expect(snapshot.value("server.process_starts") ?? 0 <= UInt64(2 + rounds))
            #expect(snapshot.value("stats.overflow") == 0)
            if Self.seconds > 10 {
                print(
                    "\(rounds) rounds, \(known.killed) killed while counting: \(known.ofKilled) increments of theirs,",
                    "\(known.open) open, \(known.happened) of them had happened;",
                    "\(known.counters.reduce(known.count, +)) in all, planes \(reader.planeCount)")
            }
        }
    }

    /// One process, from its start to its end, and what its planes have gained by it.
    private func oneIsKilled(
        _ scratch: Scratch, _ ending: Ending, _ known: inout Known, sample: () throws -> Void
    ) throws {
        let journal = try HammerJournal(scratch, threads: Self.threads)
        let before = DeadPlanes(try scratch.reader(), names: Self.names, threads: Self.threads)
        let steps = ending == .itself ? UInt64.random(in: 1...200_000) : 0
        let third = try scratch.spawn(
            "member", "hammer:\(Self.threads):\(Self.names):\(HammerJournal.ending):\(steps)")
        if ending != .atOnce { try third.wait(for: "hammering") }
        for _ in 0..<Int.random(in: 0...3) { try sample() }
        #expect((ending == .itself ? third.waitForEnd() : third.kill()) == .signal(SIGKILL))
        try sample()

        let after = DeadPlanes(try scratch.reader(), names: Self.names, threads: Self.threads)
        let gains = after.gains(since: before)
        let said = journal.steps(Self.names + 1)
        #expect(gains.allSatisfy { $0.threads.reduce(0, +) == 1 }, "each plane is of one thread: \(gains)")
        for (thread, steps) in said.enumerated() {
            let planes = gains.filter { $0.threads[thread] == 1 }
            let begun = steps.contains { $0.begun > 0 }
            #expect(planes.count <= 1 && (planes.count == 1 || !begun))
            guard let plane = planes.first else { continue }
            let open = steps.count { $0.begun != $0.done }
            #expect(open <= (ending == .itself && thread == 0 ? 0 : 1), "\(steps)")
            if ending == .itself && thread == 0 { #expect(begun) }
            for (i, step) in steps.enumerated() {
                #expect(step.begun == step.done || step.begun == step.done + 1)
                let happened = i < Self.names ? plane.counters[i] : plane.count
                #expect(happened == step.done || happened == step.begun, "thread \(thread), step \(i): \(step)")
                if step.begun != step.done && happened == step.begun { known.happened += 1 }
            }
            // The sum is written before the bin: it may have what the bin does not have, never the reverse.
            let values = steps[Self.names]
            #expect(plane.sum == Self.sum(of: plane.count) || plane.sum == Self.sum(of: values.begun))
            known.open += open
            known.killed += begun && thread == 0 ? 1 : 0
            known.add(plane)
        }
    }

    /// What the first `count` values of a thread come to: 0 to 999, over and over.
    private static func sum(of count: UInt64) -> UInt64 {
        let rest = count % 1000
        return count / 1000 * 499_500 + rest * (rest > 0 ? rest - 1 : 0) / 2
    }

    private func add(_ line: String, to known: inout Known) throws {
        let words = line.split(separator: " ")
        guard words.count == 3, let number = UInt64(words[2]) else { return }
        switch (words[0], words[1]) {
        case ("sum", _): known.sum += number
        case (_, "hammer.all"): known.count += number
        default: known.counters[try #require(Int(words[1].dropFirst("hammer.".count)))] += number
        }
    }
}
