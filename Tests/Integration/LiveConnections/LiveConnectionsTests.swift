import Testing

/// Clients in every state live on in the process that replaces theirs: no byte is lost, doubled or moved, no connection
/// ends, and the stats are what they would have been without a restart.
@Suite struct LiveConnectionsTests {
    /// What the tests below are compared with: the same clients, and no restart.
    @Test func allFinishInTheProcessThatTheyCameTo() throws {
        try withBed { bed in
            let stage = try Stage(bed, LiveKind.all)
            try stage.expectActive()
            try stage.step()
            try stage.finish()
            try stage.expectSums()
        }
    }

    @Test(arguments: LiveKind.all)
    func moves(_ kind: LiveKind) throws {
        try withBed { bed in
            let stage = try Stage(bed, [kind])
            try stage.expectActive()
            try stage.restart()
            try stage.expectActive()
            try stage.finish()
            try stage.expectSums()
            #expect(try stage.proxy.process.terminate() == .exit(0))
        }
    }

    /// Each between two more bytes of its long life.
    @Test func moveAgainAndAgain() throws {
        try withBed { bed in
            let stage = try Stage(bed, LiveKind.quick)
            for _ in 0..<5 {
                try stage.restart()
                try stage.step()
            }
            try stage.finish()
            try stage.expectSums()
        }
    }

    @Test func moveBetweenDifferentNumbersOfWorkers() throws {
        try withBed { bed in
            let stage = try Stage(
                bed, LiveKind.quick + LiveKind.idle + LiveKind.streams + LiveKind.connects, concurrency: 1)
            stage.mixesWorkers = true
            try stage.restart(concurrency: 3)
            try stage.step()
            try stage.restart(concurrency: 2)
            try stage.step()
            try stage.restart(concurrency: 1)
            try stage.finish()
            try stage.expectSums()
        }
    }

    @Test func tenOfEachKindMoveTogether() throws {
        try withBed { bed in
            // Those that fill buffers are many bytes each: they come once. Those that are being connected would wait for
            // the kernel's next try, and it takes its time when it has tried often.
            let many = LiveKind.idle + LiveKind.requests + LiveKind.responses + LiveKind.streams + LiveKind.connects
            let kinds = Array(repeating: many, count: 10).flatMap { $0 } + LiveKind.stalled
            let stage = try Stage(bed, kinds)
            for _ in 0..<3 {
                try stage.restart()
                try stage.step()
            }
            try stage.finish()
            try stage.expectSums()
        }
    }
}
