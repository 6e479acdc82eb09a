import Testing

/// Routes and virtual hosts by the thousand, and over a hot restart into others.
@Suite struct ManyRoutesTests {
    private static func answer(_ match: String, _ text: String) -> String {
        "{ match: { \(match) }, direct_response: { status: 200, body: { inline_string: \"\(text)\" } } }"
    }

    private static func configuration(_ upstream: UInt16, first: [String] = []) -> Configuration {
        var configuration = Configuration(upstream)
        var routes = first
        for i in 0..<500 {
            routes.append(answer("prefix: /r/\(i)/", "prefix \(i)"))
            routes.append(answer("path: /p/\(i)", "path \(i)"))
            routes.append(answer("path_separated_prefix: /s/\(i)", "separated \(i)"))
            routes.append(answer("prefix: /Any/\(i)/, case_sensitive: false", "any \(i)"))
        }
        routes.append(answer("prefix: /r", "the rest of r"))
        routes.append("{ match: { prefix: /up }, route: { cluster: service } }")
        configuration.routes = routes
        for i in 0..<500 {
            for (domain, text) in [("h\(i).test", "host"), ("*.h\(i).test", "below"), ("h\(i).*", "elsewhere")] {
                let domains = "domains: [\"\(domain)\"], routes: [\(answer("prefix: /", "\(text) \(i)"))]"
                configuration.hosts.append("{ name: \"\(domain)\", \(domains) }")
            }
        }
        return configuration
    }

    /// The text of the answer, or the status if it is not 200.
    private func ask(_ client: Client, _ path: String, host: String = "test") throws -> String {
        try client.send("GET \(path) HTTP/1.1\r\nhost: \(host)\r\n\r\n")
        let response = try client.response()
        return response.status == 200 ? response.text : "\(response.status)"
    }

    @Test func theRightOneOfThousandsOverARestart() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Self.configuration(upstream.port), flags)
            let client = try parent.client()
            let byPath = [
                ("/r/0/", "prefix 0"), ("/r/499/x?y", "prefix 499"), ("/r/499", "the rest of r"),
                ("/p/250", "path 250"),
                ("/p/250?q", "path 250"), ("/p/250/", "404"), ("/s/7", "separated 7"), ("/s/7/x", "separated 7"),
                ("/s/7x", "404"), ("/aNY/31/", "any 31"), ("/", "404"), ("/r/5000/", "the rest of r"),
            ]
            let byHost = [
                ("h0.test", "host 0"), ("H499.Test", "host 499"), ("x.h77.test", "below 77"),
                ("h78.org", "elsewhere 78"),
                ("h78.", "404"), (".h77.test", "404"), ("h77.test:80", "elsewhere 77"),
            ]
            for (path, text) in byPath { #expect(try ask(client, path) == text, "\(path)") }
            for (host, text) in byHost { #expect(try ask(client, "/x", host: host) == text, "\(host)") }
            // In the middle of a request whose route is known.
            let busy = try parent.client()
            try busy.send("POST /up HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n12345")
            try waitUntil("the request is on its way") {
                try parent.stats("upstream_rq_active")["cluster.service.upstream_rq_active"] == 1
            }

            let first = [
                Self.answer("prefix: /r/0/, runtime_fraction: { default_value: { numerator: 0 } }", "for nobody"),
                Self.answer("prefix: /r/4", "first"), "{ match: { prefix: /up }, \(Self.teapot) }",
            ]
            _ = try bed.proxy(Self.configuration(upstream.port, first: first), flags)
            try busy.send("67890")
            #expect(try busy.response().status == 200, "its route is the one that it began with")
            #expect(try ask(busy, "/up") == "418", "the next request has the new one")
            for (path, text) in byPath {
                #expect(try ask(client, path) == (path.hasPrefix("/r/4") ? "first" : text), "\(path)")
            }
            for (host, text) in byHost { #expect(try ask(client, "/x", host: host) == text, "\(host)") }
        }
    }

    private static let teapot = "direct_response: { status: 418 }"
}
