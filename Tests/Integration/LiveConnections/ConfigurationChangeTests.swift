import Glibc
import Testing

/// Live connections that come into a process with another configuration: what is in flight ends as it began, what comes
/// next follows the new configuration.
@Suite struct ConfigurationChangeTests {
    /// A request of each lane, without its answer.
    private func ask(_ lane: Lane, _ client: Client) throws -> Client {
        try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        let served = try lane.accept()
        #expect(try served.request().target == lane.path)
        return served
    }

    private let nothing = LiveKind(name: "nothing yet") { _ in LiveClient {} }

    @Test func theRequestInFlightFinishesOnAClusterThatIsGone() throws {
        try withBed { bed in
            let stage = try Stage(bed, [nothing, nothing])
            let (gone, kept) = (stage.lanes[0], stage.lanes[1])
            let client = try gone.client()
            let served = try ask(gone, client)
            stage.configuration.lanes.remove(at: 0)
            try stage.restart()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer")
            try gone.success(client, "answer")
            // Nobody else can use this connection to the upstream.
            #expect(try served.receiveToEnd() == [])
            try gone.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            let response = try client.response()
            #expect(response.status == 404)
            #expect(!response.has("connection"))
            try kept.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            try kept.serve(try kept.accept(), "another")
            try kept.success(client, "another")
            try stage.finish()
            try stage.expectSums()
        }
    }

    /// Its policy and its host are those that it began with. The host is in no configuration any more, and after the first
    /// try nothing is connected to it.
    @Test func aRequestIsSentAgainToAClusterThatIsGone() throws {
        try withBed { bed in
            let stage = try Stage(bed, [nothing, nothing])
            let gone = stage.lanes[0]
            let client = try gone.client()
            try gone.send(client, "GET PATHagain/ HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            let first = try gone.accept()
            _ = try first.request()
            stage.configuration.lanes.remove(at: 0)
            try stage.restart()
            first.close()
            let second = try gone.accept()
            _ = try second.request()
            try second.send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno")
            let third = try gone.accept()
            try gone.serve(third, "in the end", target: "again/")
            try gone.success(client, "in the end")
            try stage.finish()
            try stage.expectSums()
        }
    }

    @Test func theNextRequestGoesWhereTheRouteNowLeads() throws {
        try withBed { bed in
            let stage = try Stage(bed, [nothing, nothing])
            let (old, new) = (stage.lanes[0], stage.lanes[1])
            let client = try old.client()
            let served = try ask(old, client)
            stage.configuration.lanes[0].cluster = new.name
            try stage.restart()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold")
            try old.success(client, "old")
            try old.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            let next = try new.accept()
            try old.serve(next, "new")
            try old.success(client, "new")
            try stage.finish()
            try stage.expectSums()
        }
    }

    @Test func streamsGoOnWithoutTheirCluster() throws {
        try withBed { bed in
            let tcp = LiveKind(name: "a TCP listener", isTCP: true) { _ in LiveClient {} }
            let stage = try Stage(bed, [nothing, tcp, nothing])
            let (web, pair, kept) = (stage.lanes[0], stage.lanes[1], stage.lanes[2])
            let (webClient, webServed) = try LiveKind.webSocket(web)
            let (client, served) = try LiveKind.pair(pair)
            // The TCP listener stays and leads elsewhere.
            stage.configuration.lanes.remove(at: 0)
            stage.configuration.lanes[0].cluster = kept.name
            try stage.restart()
            try LiveKind.talk(webClient, webServed, "old")
            try LiveKind.talk(client, served, "old")
            let another = try pair.client()
            try LiveKind.talk(another, try kept.accept(), "new")
            try stage.finish()
            try stage.expectSums()
        }
    }

    /// The process that had the listener has it to the end.
    @Test func connectionsOfAListenerThatIsGoneFinishInTheOldProcess() throws {
        try withBed { bed in
            let stage = try Stage(bed, [nothing, nothing], moreHTTP: ["gone"])
            let (draining, moving) = (stage.lanes[0], stage.lanes[1])
            let port = try stage.port(of: "gone")
            let client = try draining.client(of: "gone")
            let served = try ask(draining, client)
            let mover = try moving.client()
            let moverServed = try ask(moving, mover)
            stage.configuration.moreHTTP = []
            let old = try stage.replace()
            // One in each process.
            #expect(try bed.statdump("listener.*active$")["listener.127.0.0.1_0.downstream_cx_active"] == 2)
            old.process.signal(SIGTERM)
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer")
            let response = try client.response()
            draining.countSuccess()
            #expect(response.text == "answer")
            client.close()
            #expect(try old.process.waitForEnd(within: 5) == .exit(0))
            try moverServed.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nmoved")
            try moving.success(mover, "moved")
            try moving.exchange(mover, moverServed, "next")
            try stage.finish()
            try stage.expectSums()
            #expect(Client.isRefused(port: port), "nobody listens there any more")
        }
    }

    /// The new process opens no storm of connections: it has those that stood idle in the old one.
    @Test func idleConnectionsToUpstreamsAreUsedAgain() throws {
        try withBed { bed in
            let stage = try Stage(bed, [nothing], concurrency: 1)
            let lane = stage.lanes[0]
            var served: [Client] = []
            var clients: [Client] = []
            for _ in 0..<4 {
                clients.append(try lane.client())
                served.append(try ask(lane, clients.last!))
            }
            for (client, upstream) in zip(clients, served) {
                try upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                try lane.success(client, "ok")
                client.close()
            }
            for _ in 0..<2 {
                try stage.restart(concurrency: 1)
                let again = try (0..<4).map { _ in try lane.client() }
                for client in again { try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1) }
                // Each of the four gets one of the requests.
                for upstream in served { try lane.serve(upstream, "again") }
                for client in again {
                    try lane.success(client, "again")
                    client.close()
                }
                #expect(!lane.upstream.hasWaitingConnection)
            }
            try stage.finish()
            try stage.expectSums()
        }
    }

    /// An upstream that ended an idle connection while it changed hands is noticed by the new owner.
    @Test func anIdleConnectionThatItsUpstreamEndsIsNotUsed() throws {
        try withBed { bed in
            let stage = try Stage(bed, [nothing], concurrency: 1)
            let lane = stage.lanes[0]
            let client = try lane.client()
            let served = try ask(lane, client)
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            try lane.success(client, "ok")
            let old = try stage.replace(concurrency: 1)
            served.close()
            #expect(try old.process.terminate() == .exit(0))
            try waitUntil("the end is seen") { try bed.statdump()["cluster.lane0.upstream_cx_active"] == 0 }
            try lane.send(client, "GET PATH HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            try lane.serve(try lane.accept(), "new")
            try lane.success(client, "new")
            try stage.finish()
            try stage.expectSums()
        }
    }
}
