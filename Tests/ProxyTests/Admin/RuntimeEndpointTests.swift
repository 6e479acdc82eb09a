import Testing

@testable import Proxy

/// `/runtime` and `/runtime_modify` in Envoy's words.
@Suite struct RuntimeEndpointTests {
    let context = FakeContext()

    @Test func showsLayersAndValues() {
        #expect(context.post("/runtime_modify?a=2&b=x%20y").body == "OK\n")
        let answer = context.get("/runtime")
        #expect(answer.content == .json)
        #expect(
            answer.body == """
                {
                 "layers": [
                  "base",
                  "admin"
                 ],
                 "entries": {
                  "a": {
                   "layer_values": [
                    "1",
                    "2"
                   ],
                   "final_value": "2"
                  },
                  "b": {
                   "layer_values": [
                    "",
                    "x y"
                   ],
                   "final_value": "x y"
                  }
                 }
                }

                """)
    }

    @Test func anEmptyValueTakesAnOverrideAway() {
        _ = context.post("/runtime_modify?a=2&c=3")
        #expect(context.post("/runtime_modify?a=&c").body == "OK\n")
        #expect(context.runtime.overrides.isEmpty)
    }

    @Test func saysHowItIsUsed() {
        let answer = context.post("/runtime_modify")
        #expect(answer.status == 400 && answer.body.hasPrefix("usage: /runtime_modify?key1=value1&key2=value2"))
        #expect(context.get("/runtime_modify?a=2").status == 405)
        #expect(context.runtime.overrides.isEmpty)
    }

    /// What is set between the offer of the state and the new process's start would be lost without a word.
    @Test(arguments: ["/runtime_modify?a=2", "/healthcheck/fail", "/healthcheck/ok"])
    func isRefusedWhileAProcessTakesOver(target: String) {
        context.isHandingOver = true
        #expect(context.post(target).status == 503)
        #expect(context.runtime.overrides.isEmpty && context.calls.isEmpty)
        context.isHandingOver = false
        #expect(context.post(target).status == 200)
    }

    @Test func takesAForm() throws {
        let client = try AdminClient()
        let body = "a=5&d=%7Bnumerator%3A%203%7D"
        client.send(
            "POST /runtime_modify HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(client.answers() == answer("200 OK", "OK\n"))
        #expect(client.context.runtime.overrides["a"]?.text == "5")
        #expect(client.context.runtime.overrides["d"]?.text == "{numerator: 3}")
        // Without the type it is no form, as in Envoy.
        client.send("POST /runtime_modify HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=7")
        #expect(client.answers().contains(" 400 "))
        #expect(client.context.runtime.overrides["a"]?.text == "5")
    }
}
