import Testing

/// Requests that HTTP filters have something of.
extension LiveKind {
    static let filtered: [LiveKind] = [
        LiveKind(name: "a request that waits for a filter") { lane in
            let client = try lane.client()
            try lane.send(client, "GET PATHdelayed/ HTTP/1.1\r\nhost: test\r\nx-ask: this\r\n\r\n", requests: 1)
            lane.settle()
            return LiveClient(active: 1) {
                let request = try lane.serve(lane.whoIsAsked(), "ok", target: "delayed/")
                #expect(request["x-mutated"] == "this" && request["x-request-id"] != nil)
                let response = try client.response()
                lane.countSuccess()
                #expect(response.text == "ok" && response["x-mutated"] == "this")
                try lane.exchange(client, "next")
            }
        },
        LiveKind(name: "a request that waits for a filter, with half of its body") { lane in
            let client = try lane.client()
            let head = "POST PATHdelayed/ HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n"
            try lane.send(client, head + "01234", requests: 1)
            lane.settle()
            return LiveClient(active: 1) {
                try lane.send(client, "56789")
                #expect(try lane.serve(lane.whoIsAsked(), "ok", target: "delayed/").text == "0123456789")
                try lane.success(client, "ok")
                try lane.exchange(client, "next")
            }
        },
        LiveKind(name: "a request that waits for a filter, in the middle of a chunk, and one behind it") { lane in
            let client = try lane.client()
            let head = "POST PATHdelayed/ HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n"
            try lane.send(client, head + "5\r\nhe", requests: 1)
            lane.settle()
            return LiveClient(active: 1) {
                try lane.send(client, "llo\r\n0\r\n\r\nGET PATHsecond HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
                #expect(try lane.serve(lane.whoIsAsked(), "first", target: "delayed/").text == "hello")
                try lane.success(client, "first")
                try lane.serve(lane.whoIsAsked(), "second", target: "second")
                try lane.success(client, "second")
            }
        },
        LiveKind(name: "a request that has waited for a filter") { lane in
            let client = try lane.client()
            try lane.send(client, "GET PATHshort/ HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            let served = try lane.accept()
            return LiveClient(active: 1) {
                try lane.serve(served, "ok", target: "short/")
                try lane.success(client, "ok")
                try lane.exchange(client, served, "next")
            }
        },
        LiveKind(name: "a client that has one token left") { lane in
            let client = try lane.client()
            try lane.send(client, "GET PATHlimited/ HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
            try lane.serve(lane.accept(), "one", target: "limited/")
            try lane.success(client, "one")
            return LiveClient {
                try lane.send(client, "GET PATHlimited/ HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
                try lane.serve(lane.whoIsAsked(), "two", target: "limited/")
                try lane.success(client, "two")
                try lane.send(client, "GET PATHlimited/ HTTP/1.1\r\nhost: test\r\n\r\n", requests: 1)
                #expect(try client.response().status == 429)
                #expect(!client.hasEnded())
            }
        },
    ]
}
