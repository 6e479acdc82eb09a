import Testing

/// Requests whose first try has failed.
extension LiveKind {
    /// A client whose request was answered with 503 and waits to be sent again.
    static func waitingClient(_ lane: Lane) throws -> Client {
        let client = try lane.client()
        try lane.send(client, "GET PATHlater/ HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
        let served = try lane.accept()
        _ = try served.request()
        try served.send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        lane.settle("upstream_rq_retry", 1)
        return client
    }

    static let retried: [LiveKind] = [
        LiveKind(name: "a request that waits to be sent again") { lane in
            let client = try waitingClient(lane)
            return LiveClient(active: 1) {
                try lane.serve(lane.whoIsAsked(), "ok", target: "later/")
                try lane.success(client, "ok")
                try lane.exchange(client, "next")
            }
        },
        LiveKind(name: "a request whose second try has half of its body") { lane in
            let client = try lane.client()
            let head = "POST PATHagain/ HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n"
            try lane.send(client, head + "01234", requests: 1)
            let first = try lane.accept()
            _ = try first.receive(through: "01234")
            first.close()
            let second = try lane.accept()
            #expect(try second.receive(through: "01234").contains("content-length: 10\r\n"))
            return LiveClient(active: 1) {
                // The third try has all of it.
                second.close()
                let third = try lane.accept()
                _ = try third.receive(through: "01234")
                try lane.send(client, "56789")
                #expect(try third.receive(count: 5) == Array("56789".utf8))
                try third.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                try lane.success(client, "ok")
                try lane.exchange(client, third, "next")
            }
        },
    ]
}
