import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

@testable import Stats

/// Text readouts: what the newest serving process says.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct TextTests {
    @Test func aTextIsOfTheNewestThatServes() throws {
        try withScratch { scratch in
            let store = StatsStore(region: try scratch.member())
            store.makeWriter().text(store.text("t")).set("first")
            #expect(store.snapshot().stat("t")?.text == "", "nobody serves yet")
            try store.region?.commitSlot()
            #expect(store.snapshot().stat("t")?.text == "first")
            let child = try scratch.spawn("text:t:second", "commit", "say:done", "wait")
            try child.wait(for: "done")
            #expect(store.snapshot().stat("t")?.text == "second")
            child.kill()
            #expect(store.snapshot().stat("t")?.text == "first")
        }
    }

    /// Whoever takes over the plane of a dead process has said nothing yet.
    @Test func theDeadSayNothing() throws {
        try withScratch { scratch in
            #expect(try scratch.run("text:t:old", "commit") == .exit(0))
            let store = StatsStore(region: try scratch.member())
            _ = store.makeWriter()
            try store.region?.commitSlot()
            #expect(store.snapshot().stat("t")?.text == "")
        }
    }

    @Test func textsOnTheHeap() {
        let store = StatsStore.heapOnly()
        let text = store.makeWriter().text(store.text("t"))
        #expect(store.snapshot().stat("t")?.text == "")
        for written in ["", "a", "seven..", "eight...", "nine.....", String(repeating: "x", count: 112)] {
            text.set(written)
            #expect(store.snapshot().stat("t")?.text == written)
        }
        text.set(String(repeating: "y", count: 113))
        #expect(store.snapshot().stat("t")?.text == String(repeating: "y", count: 112))
    }

    /// Never a mixture of two texts.
    @Test func aReaderSeesAWholeText() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("member", "commit", "texts:t", "wait")
            try child.wait(for: "writing")
            var seen: Set<String> = []
            for _ in 0..<300 {
                let text = try #require(StatsSnapshot(try scratch.reader()).stat("t")?.text)
                // A reader gives up on an owner that never lets it through, which only this test's does.
                if text.isEmpty { continue }
                seen.insert(text)
                let letter = text.utf8.first ?? 0
                if text.utf8.count != 1 + 4 * (Int(letter) - 97) || text.utf8.contains(where: { $0 != letter }) {
                    Issue.record("\(text)")
                }
            }
            #expect(seen.count > 1)
            // Killed while it writes: whole, or not there.
            child.kill()
            let next = try scratch.spawn("text:t:next", "commit", "say:done", "wait")
            try next.wait(for: "done")
            #expect(StatsSnapshot(try scratch.reader()).stat("t")?.text == "next")
        }
    }
}
