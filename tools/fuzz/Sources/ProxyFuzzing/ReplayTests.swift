import FuzzTargets
import Testing
import ThreadTesting

/// What the fuzzer found once, and what it begins with, again: a crash is a failure, and so is a target that does not get
/// past the door any more.
@Suite(.timeLimit(.minutes(Pace.minutes(5))))
struct ReplayTests {
    @Test(arguments: ProxyFuzzTarget.allCases)
    func nothingOfItIsATrap(target: ProxyFuzzTarget) throws {
        let corpus = FuzzCorpus.inputs(of: target.rawValue, inTree: ProxyFuzzTarget.root)
        #expect(corpus.count > 5)
        let scene = try ProxyFuzzScene(target)
        var outcomes: Set<String> = []
        for (_, bytes) in try target.seeds() + corpus { outcomes.insert(bytes.withUnsafeBufferPointer(scene.run)) }
        #expect(outcomes.isSuperset(of: Self.expected[target] ?? []), "only \(outcomes.sorted())")
    }

    /// What sound inputs come to: all of the code behind a target is reached.
    private static let expected: [ProxyFuzzTarget: Set<String>] = [
        .httpRequest: ["passed on", "no upgrade", "incomplete", "duplicateHost"],
        .httpResponse: ["answered", "tunnel", "interim"],
        .chunked: ["complete", "incomplete", "badChunk", "badTrailer"],
        .config: ["loaded"],
        .handOver: [
            "message", "transaction", "unit", "ahead", "host-health", "hosts", "runtime", "health", "answer", "log",
            "retry", "state",
        ],
        .adoption: ["adopted"],
        .accessLog: ["a line", "JSON"],
        .dns: ["addresses", "literal", "no literal"],
        .proxyProtocol: [
            "v1 addresses", "v1 nobody", "v2 addresses", "v2 nobody", "malformed v1", "malformed v2", "not found",
            "absent",
            "disallowed", "more",
        ],
    ]
}
