import CLinux
import Glibc
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// A process that is killed at each place inside a change of the region. The next one goes on: nothing that was published
/// is lost, nothing is there twice.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct FaultTests {
    /// Where a process is killed, by what it does then, and whether it holds the mutex there.
    struct Case: Sendable, CustomTestStringConvertible {
        var point: FaultPoint
        var time = 1
        var operations: [String]
        var holdsMutex: Bool

        init(_ point: FaultPoint, _ operations: String..., time: Int = 1, holdsMutex: Bool = true) {
            self.point = point
            self.time = time
            self.operations = operations
            self.holdsMutex = holdsMutex
        }

        var testDescription: String { "\(point.rawValue) \(time): \(operations.joined(separator: " "))" }
    }

    static let cases = [
        // An insert: the first name, one of many, one that begins a new segment of the log.
        Case(.recordWritten, "names:new:1"), Case(.recordWritten, "names:new:50", time: 40),
        Case(.recordWritten, "names:new:4000", time: 3500), Case(.valueTaken, "names:new:1"),
        Case(.valueTaken, "names:new:50", time: 40), Case(.valueTaken, "histogram:new:1"),
        // The same with many names under one hold of the mutex.
        Case(.recordWritten, "batch:new:50", time: 40), Case(.valueTaken, "batch:new:50", time: 40),
        Case(.recordWritten, "batch:new:4000", time: 3500), Case(.memoryCommitted, "batch:new:4000", time: 2),
        Case(.segmentWritten, "batch:new:4000", time: 3),
        // Growth: of the log, of cells, of blocks.
        Case(.memoryCommitted, "names:new:4000", time: 1), Case(.memoryCommitted, "names:new:4000", time: 2),
        Case(.memoryCommitted, "names:new:4000", time: 3), Case(.memoryCommitted, "names:new:4000", time: 5),
        Case(.segmentWritten, "names:new:4000", time: 1), Case(.segmentWritten, "names:new:4000", time: 2),
        Case(.segmentWritten, "names:new:4000", time: 3), Case(.segmentWritten, "names:new:4000", time: 5),
        Case(.memoryCommitted, "histogram:new:1,100,10000", time: 1),
        Case(.segmentWritten, "histogram:new:1,100,10000", time: 1),
        // A plane: the dead first process's.
        Case(.planeZeroed, "counter:old.0:0"), Case(.planeOwned, "counter:old.0:0"),
        Case(.slotRenewed, "member", holdsMutex: false),
        Case(.commitTaken, "commit"), Case(.startWritten, "serve"),
        Case(.baselineWritten, "reset"), Case(.memoryCommitted, "counter:old.0:0", "reset", time: 1),
        Case(.memoryCommitted, "counter:old.0:0", "reset", time: 2),
        Case(.segmentWritten, "counter:old.0:0", "reset", time: 1),
    ]

    @Test(arguments: cases)
    func theNextProcessGoesOn(_ example: Case) throws {
        try withScratch { scratch in
            let first = try scratch.spawn(
                "names:old:300", "gauge:g:7", "text:t:first", "histogram:h:5,50", "commit", "say:made", "wait")
            try first.wait(for: "made")
            first.kill()
            let dies = try scratch.spawn(["die:\(example.point.rawValue):\(example.time)"] + example.operations)
            #expect(dies.waitForEnd() == .signal(SIGKILL))
            let before = StatsSnapshot(try scratch.reader())
            try checkOld(before)

            // The next one does the same to its end.
            let next = try scratch.spawn(
                example.operations + ["names:old:300", "histogram:h:5", "commit", "say:made", "wait"])
            try next.wait(for: "made")
            let reader = try scratch.reader()
            let snapshot = StatsSnapshot(reader)
            let wasReset = example.operations.contains("reset")
            try check(snapshot, olds: wasReset ? 1 : 2, reader)
            #expect(snapshot.value("stats.repairs") == (example.holdsMutex ? 1 : 0))
            #expect(snapshot.value("stats.resets") == (wasReset ? 1 : 0))
            #expect(snapshot.value("g") == 0, "the gauge of the dead")
            #expect(snapshot.stat("t")?.text == "", "what the dead said")
            #expect(snapshot.value("server.process_starts") == (example.point == .slotRenewed ? 2 : 3))
            #expect(snapshot.histogram("h")?.count == 3)
            if let operation = example.operations.last, operation.contains("new:"), !operation.hasPrefix("histogram") {
                let count = operation.split(separator: ":").last.flatMap { Int($0) } ?? 0
                let new = snapshot.stats.filter { $0.name.hasPrefix("new.") }
                #expect(new.count == count)
                // Counted once by the one that came through, and once by the other as far as it got. A batch is made first and
                // counted then.
                let values = new.map(\.value)
                #expect(values.allSatisfy { $0 == 1 || $0 == 2 })
                #expect(values.reduce(0, +) < UInt64(2 * count))
            }
            // Killed and come again, as often as one likes: repaired is repaired.
            next.kill()
            let last = try scratch.spawn("names:old:300", "say:made", "wait")
            try last.wait(for: "made")
            try check(StatsSnapshot(try scratch.reader()), olds: wasReset ? 2 : 3, try scratch.reader())
        }
    }

    /// What the first process counted is there, whatever the second one was killed at.
    private func checkOld(_ snapshot: StatsSnapshot) throws {
        let old = snapshot.stats.filter { $0.name.hasPrefix("old.") }
        #expect(old.count == 300 && old.allSatisfy { $0.value == 1 })
        #expect(snapshot.histogram("h")?.count == 2 && snapshot.histogram("h")?.sum == 55)
        #expect(snapshot.value("g") == 0)
    }

    private func check(_ snapshot: StatsSnapshot, olds: UInt64, _ reader: RegionReader) throws {
        let old = snapshot.stats.filter { $0.name.hasPrefix("old.") }
        #expect(old.count == 300 && old.allSatisfy { $0.value == olds }, "\(old.first?.value ?? 0)")
        #expect(snapshot.value("stats.overflow") == 0)
        #expect(Soundness.findings(reader) == [])
    }
}
