import RegionTesting
import SharedMemory
import Synchronization
import Testing
import ThreadTesting

@testable import Stats

/// Two processes that count at once, and one after the other.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct HotRestartStatsTests {
    /// No sample is below the one before it while processes come, begin to serve and go; in the end the sum is exact.
    @Test func countersNeverDip() throws {
        try withScratch { scratch in
            var last: [String: UInt64] = [:]
            var samples = 0
            func sample() throws {
                let snapshot = StatsSnapshot(try scratch.reader())
                for name in ["c", "h", "server.process_starts"] {
                    let now = snapshot.value(name) ?? snapshot.histogram(name)?.count ?? 0
                    if now < last[name, default: 0] { Issue.record("\(name): \(now) after \(last[name]!)") }
                    last[name] = now
                }
                samples += 1
            }
            var parent = try scratch.spawn("histogram:h:1,2", "commit", "tick:c")
            try parent.wait(for: "ticking")
            var total: UInt64 = 0
            for _ in 0..<8 {
                for _ in 0..<10 { try sample() }
                let child = try scratch.spawn("member", "histogram:h:3", "say:joined", "commit", "tick:c")
                try sample()
                try child.wait(for: "joined")
                try sample()
                try child.wait(for: "ticking")
                for _ in 0..<10 { try sample() }
                parent.endInput()
                try sample()
                total += try totalOf(parent)
                try sample()
                parent.waitForEnd()
                try sample()
                parent = child
            }
            parent.endInput()
            total += try totalOf(parent)
            parent.waitForEnd()
            #expect(samples > 100)
            let snapshot = StatsSnapshot(try scratch.reader())
            #expect(snapshot.value("c") == total)
            #expect(snapshot.histogram("h")?.count == 10)
            #expect(try scratch.reader().planeCount == 2, "the planes of those that left are used again")
            #expect(Soundness.findings(try scratch.reader()) == [])
        }
    }

    /// Somebody looks without a pause while one process after the other takes over: counts and sums never go down, and a
    /// gauge that each process holds at 1 is that of the parent, of both or of the child, never of nobody.
    @Test func thereIsNoDipAtAnyInstant() throws {
        try withScratch { scratch in
            let operations = ["histogram:h:42", "gauge:g:1", "commit", "tick:c"]
            var parent = try scratch.spawn(operations)
            try parent.wait(for: "ticking")
            let sampler = Sampler(scratch.baseID)
            defer { _ = sampler.stop() }
            for round in 1...20 {
                let child = try scratch.spawn(["member"] + operations)
                try child.wait(for: "ticking")
                sampler.lookAgain()
                if round % 3 == 0 { parent.kill() } else { parent.finish() }
                parent = child
            }
            sampler.lookAgain()
            let found = sampler.stop()
            #expect(found.problems == [])
            #expect(found.gauges.contains(1))
            #expect(StatsSnapshot(try scratch.reader()).histogram("h")?.count == 21)
            parent.kill()
        }
    }

    /// Reads a region in a thread of its own.
    private final class Sampler: Sendable {
        struct Found {
            var isStopped = false
            var samples = 0
            var gauges: Set<UInt64> = []
            var problems: [String] = []
        }
        private let found = Mutex(Found())
        private let thread = Mutex<Thread?>(nil)

        init(_ baseID: UInt32) {
            let thread = Thread { [self] in
                var last: [String: UInt64] = [:]
                while !found.withLock({ $0.isStopped }) {
                    do {
                        let reader = try RegionReader(baseID: baseID)
                        let snapshot = StatsSnapshot(reader)
                        let data = snapshot.histogram("h")
                        var problems: [String] = []
                        for (name, now) in [
                            ("c", snapshot.value("c")), ("h", data?.count), ("h's sum", data?.sum),
                            ("starts", snapshot.value("server.process_starts")),
                        ] {
                            if now ?? 0 < last[name, default: 0] {
                                problems.append("\(name): \(now ?? 0) after \(last[name]!)")
                            }
                            last[name] = now
                        }
                        let gauge = snapshot.value("g") ?? 0
                        // A look that took longer than a restart saw one process go and not the other come.
                        let again = try RegionReader(baseID: baseID)
                        let isOneMoment = again.header.process_starts == reader.header.process_starts
                        if isOneMoment, gauge < 1 || gauge > 2 { problems.append("g: \(gauge)") }
                        found.withLock {
                            $0.samples += 1
                            $0.gauges.insert(gauge)
                            $0.problems += problems
                        }
                    } catch {
                        found.withLock { $0.problems.append("\(error)") }
                    }
                }
            }
            self.thread.withLock { $0 = thread }
        }

        /// Returns after a look that began later than this call.
        func lookAgain() {
            let (samples, problems) = found.withLock { ($0.samples, $0.problems.count) }
            let isDone = reaches { found.withLock { $0.samples >= samples + 2 || $0.problems.count > problems } }
            if !isDone { Issue.record("the sampler stands still") }
        }

        func stop() -> Found {
            found.withLock { $0.isStopped = true }
            thread.withLock { $0.take() }?.join()
            return found.withLock { $0 }
        }
    }

    /// An accumulating gauge is parent and child, then child.
    @Test func gaugesAreOfBothAndThenOfOne() throws {
        try withScratch { scratch in
            let parent = try scratch.spawn("gauge:g:10", "never:n:1", "commit", "say:set", "wait")
            try parent.wait(for: "set")
            let child = try scratch.spawn("gauge:g:5", "never:n:2", "say:set", "commit", "say:serves", "wait")
            try child.wait(for: "serves")
            let both = StatsSnapshot(try scratch.reader())
            #expect(both.value("g") == 15 && both.value("n") == 2)
            parent.finish()
            let one = StatsSnapshot(try scratch.reader())
            #expect(one.value("g") == 5 && one.value("n") == 2)
        }
    }

    /// A killed process: its gauges are gone before anybody starts; a restart is told apart from a reset.
    @Test func aRestartIsNoReset() throws {
        try withScratch { scratch in
            let first = try scratch.spawn("counter:c:3", "gauge:g:10", "histogram:h:4", "commit", "say:set", "wait")
            try first.wait(for: "set")
            let before = StatsSnapshot(try scratch.reader())
            first.kill()
            #expect(StatsSnapshot(try scratch.reader()).value("g") == 0)
            #expect(try scratch.run("rebuild", "counter:c:3", "histogram:h:4", "commit") == .exit(0))
            let after = StatsSnapshot(try scratch.reader())
            #expect(after.value("c") == 6 && after.histogram("h")?.count == 2)
            #expect(after.value("server.process_starts") == 2)
            for name in ["stats.region_created_s", "stats.region_generation", "stats.resets"] {
                #expect(after.value(name) == before.value(name))
            }
            #expect(try scratch.run("fresh", "counter:c:3") == .exit(0))
            let fresh = StatsSnapshot(try scratch.reader())
            #expect(fresh.value("c") == 3 && fresh.value("server.process_starts") == 1)
            #expect(fresh.value("stats.region_generation") == 2)
        }
    }

    private func totalOf(_ child: ChildProcess) throws -> UInt64 {
        let line = try #require(child.line())
        return try #require(line.split(separator: " ").last.flatMap { UInt64($0) }, "\(line)")
    }
}
