import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// The start-up lock of a base id.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct AnchorTests {
    @Test func whileOneHasItAnotherWaitsInVain() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("anchor", "wait")
            try child.wait(for: "anchor")
            let error = try #require(throws: RegionError.self) { try Anchor(baseID: scratch.baseID, limitMs: 5) }
            #expect(error.kind == .busy)
            #expect(error.description.contains("another starting process"))
        }
    }

    @Test func itIsFreeWhenItsHolderIsKilled() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("anchor", "wait")
            try child.wait(for: "anchor")
            child.kill()
            #expect(throws: Never.self) { try Anchor(baseID: scratch.baseID, limitMs: 0) }
        }
    }

    @Test func oneWhoWaitsGetsIt() throws {
        try withScratch { scratch in
            var first: Anchor? = try Anchor(baseID: scratch.baseID)
            let child = try scratch.spawn("say:started", "anchor")
            try child.wait(for: "started")
            withExtendedLifetime(first) {}
            first = nil
            try child.wait(for: "anchor")
            #expect(child.finish() == .exit(0))
        }
    }

    @Test func processesThatStartAtOnceMakeOneRegion() throws {
        try withScratch { scratch in
            let children = try (0..<6).map { _ in try scratch.spawn("member", "wait") }
            var slots: Set<String> = []
            for child in children { slots.insert(try #require(child.line())) }
            #expect(slots == Set((0..<6).map { "member \($0) 1" }))
            #expect(try scratch.reader().header.generation == 1)
            #expect(scratch.files() == ["", ".anchor"])
        }
    }

    @Test func anAnchorIsARegularFileOfOurs() throws {
        try withScratch { scratch in
            #expect(symlink("/dev/null", scratch.path + ".anchor") == 0)
            let linked = try #require(throws: RegionError.self) { try Anchor(baseID: scratch.baseID) }
            #expect(linked.kind == .system)
            #expect(unlink(scratch.path + ".anchor") == 0 && mkfifo(scratch.path + ".anchor", 0o600) == 0)
            let piped = try #require(throws: RegionError.self) { try Anchor(baseID: scratch.baseID) }
            #expect(piped.kind == .untrusted)
        }
    }
}
