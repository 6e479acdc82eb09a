import CLinux
import Glibc
import Testing

/// A child that dies some time after it has taken over: the standby serves again, and what is lost is what the child owned.
@Suite struct TakingBackTests {
    private static let kinds =
        LiveKind.idle + LiveKind.streams + LiveKind.requests.dropLast().suffix(2)
        + [LiveKind.idle[1]]

    /// Deadlines are for machines that are slow; what it takes is measured by `tools/soak gaps`.
    private static let limitSeconds = 2.0

    @Test(arguments: [1, 20, 200, 1000])
    func allThatHadMovedIsLost(afterMs: UInt32) throws {
        try withBed { bed in
            let stage = try Stage(bed, Self.kinds)
            let first = try takeOver(stage, "connections moved")
            let young = try newClient(stage)
            let owned = stage.lanes.sum(\.connections)
            usleep(afterMs * 1000)
            try kill(stage.proxy, stage)
            try waitUntil("the standby says so") { first.log.contains("this process serves again") }

            // It is nobody's any more: not one connection waits for somebody who never comes.
            try waitUntil("all that the child owned has ended") {
                stage.lanes.reduce(0) { $0 + $1.lost } == owned
            }
            #expect(young.hasEnded())
            let last = try expectService(of: first, stage, owned: 1)
            #expect(try last.process.terminate() == .exit(0))
        }
    }

    @Test(arguments: [1, 200])
    func whatTheParentKeptLivesOn(afterMs: UInt32) throws {
        try withBed { bed in
            // The hand-over leaves the connections where they are, and asks none of them to go for a long time.
            let stage = try Stage(
                bed, Self.kinds, moreFlags: ["--hand-over", "listeners", "--drain-time-s", "1000000"])
            let kept = stage.lanes.sum(\.connections)
            let alreadyClosed = stage.lanes.reduce(0) { $0 + $1.lost }
            let first = try takeOver(stage, "stay and drain")
            let young = try (0..<3).map { _ in try newClient(stage) }
            usleep(afterMs * 1000)
            try kill(stage.proxy, stage)
            try waitUntil("the child's connections have ended") { young.allSatisfy { $0.hasEnded() } }
            #expect(stage.lanes.reduce(0) { $0 + $1.lost } == young.count + alreadyClosed)
            let last = try expectService(of: first, stage, owned: kept + 1)
            try stage.step()
            try stage.finish()
            try stage.expectSums()
            #expect(try last.process.terminate() == .exit(0))
        }
    }

    /// Returns the parent, once the child has been told that all is done.
    private func takeOver(_ stage: Stage, _ report: String) throws -> Proxy {
        let old = try stage.replace()
        let child = stage.proxy!
        try waitUntil("DONE") { child.log.contains(report) }
        return old
    }

    /// Kills the serving process and waits until a client that connects afterwards is answered.
    private func kill(_ proxy: Proxy, _ stage: Stage) throws {
        proxy.process.signal(SIGKILL)
        let killedNs = cl_monotonic_ns()
        // Until it has ended it may still accept.
        #expect(try proxy.process.waitForEnd() == .signal(SIGKILL))
        _ = try newClient(stage)
        let took = Double(cl_monotonic_ns() - killedNs) / 1e9
        #expect(took < Self.limitSeconds)
    }

    private func newClient(_ stage: Stage) throws -> Client {
        // On the last lane, whose client does not mind which connection it shares.
        stage.mixesWorkers = true
        let client = try stage.lanes.last!.client()
        try stage.lanes.last!.exchange(client, "new")
        return client
    }

    /// `first` serves with `owned` connections and some new ones, and is none the worse for it. Returns the standby of the
    /// next restart.
    private func expectService(of first: Proxy, _ stage: Stage, owned: Int) throws -> Proxy {
        stage.goBack(to: first)
        let client = try newClient(stage)
        #expect(try first.admin("/ready").text == "LIVE\n")
        // The gauges of the dead one are gone with it.
        let alive = UInt64(owned + 1)
        try waitUntil("\(alive) connections count as alive") {
            try stage.bed.statdump()["listener.127.0.0.1_0.downstream_cx_active"] == alive
        }
        let stats = try stage.bed.statdump()
        let opened = stats["http.ingress_http.downstream_cx_total"]
        let asked = stats["http.ingress_http.downstream_rq_total"]
        let epoch = stats["server.hot_restart_epoch"]
        #expect(epoch == 0)
        #expect(opened == UInt64(stage.lanes.filter { !$0.isTCP }.sum(\.connections)))
        #expect(asked == UInt64(stage.lanes.sum(\.requests)))
        // The next restart moves what lives.
        let last = try stage.replace()
        try waitUntil("it stands by once more") { last.log.split(separator: "this process stands by").count == 3 }
        try stage.lanes.last!.exchange(client, "again")
        return last
    }
}
