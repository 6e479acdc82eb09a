import Testing

/// Restarts between the `envoyd` of an earlier release and this one, both ways. Only `tools/check-releases` has such a
/// program, and names it in ENVOYD_TEST_PREVIOUS; `.ci/run` calls it.
@Suite(.enabled(if: Binaries.previous != nil, "tools/check-releases gives the program of an earlier release"))
struct ReleaseTests {
    enum Build: String, CustomTestStringConvertible {
        case previous, this
        var program: String? { self == .previous ? Binaries.previous : nil }
        var testDescription: String { rawValue }
    }

    /// Every client is somewhere else after each restart, and nobody notices.
    @Test(arguments: [Build.previous, .this])
    func connectionsMove(first: Build) throws {
        try withBed { bed in
            let stage = try Stage(bed, LiveKind.plain, isPlain: true, program: first.program)
            try moveBothWays(stage, first)
        }
    }

    /// The same with all that this build can. An earlier one may not have been able to; then it refuses the configuration,
    /// and there is nothing to compare.
    @Test(arguments: [Build.previous, .this])
    func allThatBothKnowMoves(first: Build) throws {
        try withBed { bed in
            var configuration = LaneConfiguration(lanes: [.init(name: "lane0", port: 1, isTCP: false)])
            configuration.moreHTTP = ["more"]
            let path = try bed.file("yaml", configuration.text)
            let check = try bed.run(#require(Binaries.previous), ["--mode", "validate", "-c", path])
            guard try check.waitForEnd() == .exit(0) else {
                return print("not compared: the earlier build refuses a configuration with all that this one can")
            }
            try moveBothWays(try Stage(bed, LiveKind.quick, program: first.program), first)
        }
    }

    private func moveBothWays(_ stage: Stage, _ first: Build) throws {
        try stage.expectActive()
        let restarts = 3
        for number in 1...restarts {
            // Turn by turn: the other one first.
            let next: Build = (number % 2 == 1) == (first == .this) ? .previous : .this
            stage.program = next.program
            try stage.restart()
            try stage.expectActive()
            try stage.step()
        }
        // What the processes say of it themselves: clients' connections and those at rest with a host.
        let stats = try stage.bed.statdump("^hot_restart")
        #expect(stats["hot_restart.completed"] == UInt64(restarts))
        #expect(stats["hot_restart.connections_moved"] == UInt64(restarts * stage.lanes.sum(\.connections)))
        #expect(stats["hot_restart.connections_kept"] ?? 0 == 0 && stats["hot_restart.connections_failed"] ?? 0 == 0)
        try stage.finish()
        try stage.expectSums()
        #expect(try stage.proxy.process.terminate() == .exit(0))
    }

    /// A request that may be sent again means nothing to a build without retries: it stays where it is, and ends there as
    /// it began. One with retries takes it, though its configuration has none.
    @Test func whatTheOtherOneDoesNotKnowEndsWhereItIs() throws {
        try withBed { bed in
            let retried = LiveKind(name: "a request that waits to be sent again") { lane in
                let client = try LiveKind.waitingClient(lane)
                return LiveClient(active: 1) {
                    try lane.serve(lane.whoIsAsked(), "ok", target: "later/")
                    let response = try client.response()
                    #expect(response.status == 200 && response.text == "ok")
                    lane.countSuccess()
                }
            }
            let stage = try Stage(bed, [retried])
            stage.configuration.isPlain = true
            stage.program = Binaries.previous
            _ = try stage.replace()
            try stage.expectActive()
            try stage.finish()
            try stage.expectSums()
        }
    }
}
