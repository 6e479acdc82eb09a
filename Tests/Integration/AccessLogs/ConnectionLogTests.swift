import Testing

/// `access_log` of a listener. Envoy 1.40 has written the same lines, but for times and ports.
@Suite struct ConnectionLogTests {
    private typealias Scene = FilterChainScene

    private static func log(_ path: String, _ format: String) -> String {
        let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
        return "{ name: f, typed_config: { \"@type\": \(type), path: \(path), "
            + "log_format: { text_format_source: { inline_string: \"\(format)\\n\" } } } }"
    }

    private static let line =
        "%ACCESS_LOG_TYPE% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %BYTES_RECEIVED% "
        + "%BYTES_SENT% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT% "
        + "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %REQ(:METHOD)%"

    private static func configuration(_ upstream: UInt16, _ path: String, header: Bool = false) -> Configuration {
        var configuration = Scene.configuration(
            upstream,
            Scene.chain(of: Scene.echo, match: Scene.to("127.0.0.2")),
            Scene.tunnel(to: "service", Scene.to("127.0.0.3")),
            Scene.chain(of: Scene.limit("none", 1), Scene.echo, match: Scene.to("127.0.0.4")))
        configuration.listenerLines = ["access_log: [\(log(path, line))]"]
        if header {
            configuration.listenerLines +=
                ProxyProtocolScene.filter("allow_requests_without_proxy_protocol: true", timeout: "0.2s")
        }
        return configuration
    }

    private static func client(_ proxy: Proxy, _ number: Int) throws -> Client {
        try Client(port: proxy.port, address: "127.0.0.\(number)")
    }

    private func expectLine(_ path: String, _ line: String, _ count: Int) throws {
        try waitUntil("line \(count) is there") { LogFiles.lines(path).count >= count }
        #expect(LogFiles.lines(path).last == line)
    }

    @Test func eachConnectionHasALine() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let path = bed.freshPath("connections.log")
            let proxy = try bed.proxy(Self.configuration(upstream.port, path), promptLogs)
            let web = try Self.client(proxy, 1)
            let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"
            var bytes = 0
            for _ in 0..<2 {
                try web.send(request)
                let response = try web.response()
                #expect(response.text == upstream.hello)
                bytes = response.text.utf8.count
            }
            web.close()
            try waitUntil("its line is there") { LogFiles.lines(path).count == 1 }
            let parts = LogFiles.lines(path)[0].split(separator: " ")
            #expect(parts[0...5] == ["NotSet", "HTTP/1.1", "0", "-", "-", "\(2 * request.utf8.count)"])
            // The heads, too.
            #expect((Int(parts[6]) ?? 0) > 2 * bytes + 100)
            #expect(parts[7...] == ["-", "0", "127.0.0.1", "127.0.0.1", "-"])
            let echo = try Self.client(proxy, 2)
            try echo.send("hello")
            #expect(try echo.receive(count: 5) == Array("hello".utf8))
            echo.close()
            try expectLine(path, "NotSet - 0 - - 5 5 - 0 127.0.0.1 127.0.0.2 -", 2)
            let tunnel = try Self.client(proxy, 3)
            #expect(try tunnel.get("/").text == upstream.hello)
            tunnel.close()
            try waitUntil("its line is there") { LogFiles.lines(path).count == 3 }
            #expect(LogFiles.lines(path)[2].hasSuffix(" service 1 127.0.0.1 127.0.0.3 -"))
            let held = try Self.client(proxy, 4)
            try held.send("x")
            #expect(try held.receive(count: 1) == [UInt8(ascii: "x")])
            #expect(try Self.client(proxy, 4).receiveToEnd() == [])
            try expectLine(path, "NotSet - 0 - - 0 0 - 0 127.0.0.1 127.0.0.4 -", 4)
            #expect(try Self.client(proxy, 9).receiveToEnd() == [])
            try expectLine(path, "NotSet - 0 filter_chain_not_found NR 0 0 - 0 127.0.0.1 127.0.0.9 -", 5)
            let bad = try Self.client(proxy, 1)
            try bad.send("BAD\r\n\r\n")
            #expect(try bad.response().status == 400)
            bad.close()
            try waitUntil("its line is there") { LogFiles.lines(path).count == 6 }
            #expect(LogFiles.lines(path)[5].hasPrefix("NotSet - 0 - DPE 7 "))
        }
    }

    @Test func whatComesWithAHeader() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let path = bed.freshPath("connections.log")
            let proxy = try bed.proxy(Self.configuration(upstream.port, path, header: true), promptLogs)
            let echo = try Self.client(proxy, 1)
            try echo.send("PROXY TCP4 9.9.9.9 127.0.0.2 1 2\r\nhi")
            #expect(try echo.receive(count: 2) == Array("hi".utf8))
            echo.close()
            try expectLine(path, "NotSet - 0 - - 2 2 - 0 9.9.9.9 127.0.0.2 -", 1)
            let bad = try Self.client(proxy, 2)
            try bad.send("PROXY TCP4 zzz\r\n")
            bad.endSending()
            _ = try? bad.receiveToEnd()
            try expectLine(path, "NotSet - 0 - - 0 0 - 0 127.0.0.1 127.0.0.2 -", 2)
            let nowhere = try Self.client(proxy, 2)
            try nowhere.send("PROXY TCP4 9.9.9.9 127.0.0.9 1 2\r\n")
            _ = try? nowhere.receiveToEnd()
            try expectLine(path, "NotSet - 0 filter_chain_not_found NR 0 0 - 0 9.9.9.9 127.0.0.9 -", 3)
        }
    }

    @Test func aConnectionThatMovesHasOneLine() throws {
        try withBed { bed in
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let upstream = try bed.upstream()
            let path = bed.freshPath("connections.log")
            let configuration = Self.configuration(upstream.port, path)
            let first = try bed.proxy(configuration, flags, concurrency: 1)
            let (web, echo) = (try Self.client(first, 1), try Self.client(first, 2))
            let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"
            func use() throws {
                try web.send(request)
                #expect(try web.response().text == upstream.hello)
                try echo.send("hello")
                #expect(try echo.receive(count: 5) == Array("hello".utf8))
            }
            try use()
            let second = try bed.proxy(configuration, flags, concurrency: 1)
            #expect(try bed.statdump()["hot_restart.connections_moved"] == 2)
            #expect(try first.process.terminate() == .exit(0))
            try use()
            #expect(LogFiles.lines(path).isEmpty)
            echo.close()
            try expectLine(path, "NotSet - 0 - - 10 10 - 0 127.0.0.1 127.0.0.2 -", 1)
            web.close()
            try waitUntil("its line is there") { LogFiles.lines(path).count == 2 }
            #expect(LogFiles.lines(path)[1].hasPrefix("NotSet HTTP/1.1 0 - - \(2 * request.utf8.count) "))
            #expect(try second.process.terminate() == .exit(0))
        }
    }
}
