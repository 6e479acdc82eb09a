import FuzzTargets
import RegionTesting
import SharedMemory
import Testing
import ThreadTesting

/// What the fuzzer found once, and what it begins with, again: each input of `tools/fuzz/corpus` through the same code.
/// A crash is a failure; so is a target that does not get past the door any more.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct CorpusTests {
    private static let root = String(#filePath.dropLast("/Tests/StatsTests/CorpusTests.swift".utf8.count))

    @Test(arguments: FuzzTarget.allCases)
    func nothingOfItIsATrap(target: FuzzTarget) throws {
        let inputs = target.corpus(inTree: Self.root)
        #expect(inputs.count > 5)
        try withScratch { scratch in
            let scene = try FuzzScene(target, baseID: scratch.baseID)
            defer { scene.remove() }
            var outcomes: [String: String] = [:]
            for (name, bytes) in inputs { outcomes[name] = bytes.withUnsafeBufferPointer(scene.run) }
            for (name, outcome) in Self.expected[target] ?? [] {
                #expect(outcomes[name] == outcome, "\(name): \(outcomes[name] ?? "no such input")")
            }
            #expect(Set(outcomes.values).count > 1, "inputs that all come to the same")
        }
    }

    /// What the sound inputs come to: all of the code behind a target is reached.
    private static let expected: [FuzzTarget: [(name: String, outcome: String)]] = [
        .read: [("sound", "read")],
        .beside: [("sound", "read, with the one before"), ("old-generation", "read")],
        .attach: [
            ("one", "continued"), ("one-held", "continued"), ("one-as-it-is", "continued"), ("reset", "reset"),
            ("beside", "rebuilt"), ("beside-held", "continued"), ("broken", "rebuilt"), ("broken-held", "beside"),
            ("predecessor-missing", "rebuilt"), ("predecessor-missing-held", "continued"), ("library", "rebuilt"),
            ("major-2", "replaced"), ("minor-9", "continued"), ("generation", "continued"),
        ],
        .format: [("default", "read"), ("time", "read"), ("percent", "read"), ("nothing", "empty")],
        .saved: [("sound", "read"), ("surrogate", "read"), ("utf8", "read")],
    ]
}
