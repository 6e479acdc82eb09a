import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Several processes that make names and count at once, killed at moments nobody chose.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct CrashTests {
    /// What a killed process had said, by name.
    struct Acknowledged {
        var counts: [String: UInt64] = [:]
        var total: UInt64 = 0
        var kills: UInt64 = 0

        mutating func add(_ line: String?) {
            guard let line, line.hasPrefix("churn.") else { return }
            counts[line, default: 0] += 1
            total += 1
        }
    }

    @Test func whatWasAcknowledgedIsCounted() throws {
        try withScratch { scratch in
            let names = 300
            var said = Acknowledged()
            for _ in 0..<4 {
                let children = try (0..<4).map { _ in try scratch.spawn("count:\(names)") }
                for child in children {
                    for _ in 0..<Int.random(in: 1...names) { said.add(child.line()) }
                    // Somebody reads all the while: what grows is never taken for something broken.
                    #expect(throws: Never.self) { StatsSnapshot(try scratch.reader()) }
                }
                for child in children.shuffled() {
                    #expect(child.kill() == .signal(SIGKILL))
                    while let line = child.line() { said.add(line) }
                    said.kills += 1
                }
            }
            try check(said, names: names, scratch)

            // The next process goes on with all of it.
            let child = try scratch.spawn("count:\(names)")
            for _ in 0..<2 * names { said.add(child.line()) }
            child.kill()
            while let line = child.line() { said.add(line) }
            said.kills += 1
            #expect(said.counts.count == names)
            try check(said, names: names, scratch)
        }
    }

    private func check(_ said: Acknowledged, names: Int, _ scratch: Scratch) throws {
        let reader = try scratch.reader()
        let snapshot = StatsSnapshot(reader)
        var seen: [String: UInt64] = [:]
        for stat in snapshot.counted.stats where stat.kind == .counter && stat.name != "stats.overflow" {
            #expect(seen.updateValue(stat.value, forKey: stat.name) == nil, "\(stat.name) is there twice")
            let number = Int(stat.name.dropFirst("churn.".count))
            #expect(stat.name.hasPrefix("churn.") && number.map { $0 < names } == true, "\(stat.name)")
        }
        #expect(snapshot.value("stats.overflow") == 0)
        // Each killed process may have counted once more than it could say.
        var surplus: UInt64 = 0
        for (name, count) in said.counts {
            let value = seen[name] ?? 0
            if value < count { Issue.record("\(name): \(value), acknowledged \(count)") }
            surplus += value - min(value, count)
        }
        #expect(surplus <= said.kills)
        let total = try #require(snapshot.histogram("churn.all"))
        #expect(total.count >= said.total && total.count <= said.total + said.kills)
        // The sum is written before the bin: killed between the two, it is ahead by a value.
        #expect(total.sum >= 42 * total.count && total.sum <= 42 * (total.count + said.kills))
        #expect(reader.planeCount <= 4, "planes of the dead are used again")
        #expect(reader.slots.filter(\.isLive).isEmpty)
    }

    /// Killed while it holds the mutex, in the middle of making a name: repaired, counted, and nothing of it shows.
    @Test func aProcessThatDiesInsideIsRepaired() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            let writer = store.makeWriter()
            writer.counter(store.counter("before")).add(1)
            let child = try scratch.spawn("counter:theirs:4", "mutex")
            try child.wait(for: "mutex")
            child.kill()
            writer.counter(store.counter("after")).add(2)
            let snapshot = store.snapshot()
            #expect(snapshot.counted.formatted(.text) == "after: 2\nbefore: 1\nstats.overflow: 0\ntheirs: 4\n")
            #expect(snapshot.value("stats.repairs") == 1 && snapshot.value("server.process_starts") == 2)
        }
    }

    /// Readers while a process makes name after name: the region grows under them, and each sees a whole one.
    @Test func readersSeeAWholeRegionWhileItGrows() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("count:20000")
            try child.wait(for: "member")
            var last = 0
            var said = 0
            while said < 3000 {
                for _ in 0..<10 where child.line() != nil { said += 1 }
                let snapshot = StatsSnapshot(try scratch.reader())
                if snapshot.stats.count < last { Issue.record("\(snapshot.stats.count) after \(last) names") }
                last = snapshot.stats.count
            }
            #expect(last >= 3000)
        }
    }
}
