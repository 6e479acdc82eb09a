import Testing

/// Lines beside those at the end. Envoy 1.40 has written the same, but for times, ids and ports.
@Suite struct LogMomentsTests {
    private static func log(_ path: String, _ format: String, _ filter: String = "") -> String {
        let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
        return "{ name: f, typed_config: { \"@type\": \(type), path: \(path), "
            + "log_format: { text_format_source: { inline_string: \"\(format)\\n\" } } }\(filter) }"
    }

    private static let line =
        "%ACCESS_LOG_TYPE% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% "
        + "%UPSTREAM_REQUEST_ATTEMPT_COUNT% %ROUTE_NAME% %REQ(:METHOD)% %REQ(:PATH)% %REQ(X-GONE)% %RESP(SERVER)%"

    @Test func aRequestsBeginningAndEnd() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let (log, ids) = (bed.freshPath("all.log"), bed.freshPath("ids.log"))
            var configuration = Configuration(upstream.port)
            configuration.manager = [
                "access_log: [\(Self.log(log, Self.line)), \(Self.log(ids, "%REQ(X-REQUEST-ID)%"))]",
                "access_log_options: { flush_access_log_on_new_request: true }",
            ]
            configuration.routes = [
                "{ name: own, match: { prefix: /own }, direct_response: { status: 200 } }",
                "{ name: far, match: { prefix: / }, request_headers_to_remove: [x-gone], route: { cluster: service } }",
            ]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            #expect(try client.get("/own").status == 200)
            #expect(try client.get("/", "x-gone: here").text == upstream.hello)
            let sent = upstream.hello.utf8.count
            let expected = [
                "DownstreamStart 0 - 0 0 - 0 own GET /own - -",
                "DownstreamEnd 200 direct_response 0 0 - 0 own GET /own - envoy",
                "DownstreamStart 0 - 0 0 service 0 far GET / here -",
                "DownstreamEnd 200 via_upstream 0 \(sent) service 1 far GET / - envoy",
            ]
            try waitUntil("all lines are there") { LogFiles.lines(log).count == 4 && LogFiles.lines(ids).count == 4 }
            #expect(LogFiles.lines(log) == expected)
            // The id that it is said to have is the one that it goes upstream with.
            let known = LogFiles.lines(ids)
            #expect(known[2] == known[3] && known[2].count == 36 && known[0] != known[2])
        }
    }

    /// Long enough for several lines, and over a hot restart.
    @Test func aLongRequestHasLinesInBetween() throws {
        try withBed { bed in
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let host = try Listener()
            let log = bed.freshPath("all.log")
            var configuration = Configuration(host.port)
            let periodic = ", filter: { log_type_filter: { types: [DownstreamPeriodic, DownstreamEnd] } }"
            configuration.manager = [
                "access_log: [\(Self.log(log, "%ACCESS_LOG_TYPE% %REQ(:PATH)%", periodic))]",
                "access_log_options: { access_log_flush_interval: 0.05s, flush_access_log_on_new_request: true }",
            ]
            let first = try bed.proxy(configuration, flags, concurrency: 1)
            let client = try first.client()
            try client.send("GET /long HTTP/1.1\r\nhost: a\r\n\r\n")
            let served = try host.accept()
            _ = try served.request()
            try waitUntil("there are some") { LogFiles.lines(log).count > 2 }
            let second = try bed.proxy(configuration, flags, concurrency: 1)
            #expect(try bed.statdump()["hot_restart.connections_moved"] == 1)
            #expect(try first.process.terminate() == .exit(0))
            let before = LogFiles.lines(log).count
            try waitUntil("there are more") { LogFiles.lines(log).count > before + 2 }
            try served.send(ProxyProtocolScene.answer)
            #expect(try client.response().text == "hi")
            try waitUntil("it has ended") { LogFiles.lines(log).last == "DownstreamEnd /long" }
            #expect(LogFiles.lines(log).dropLast().allSatisfy { $0 == "DownstreamPeriodic /long" })
            client.close()
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    @Test func aTunnelThatIsEstablished() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let log = bed.freshPath("all.log")
            var configuration = Configuration(upstream.port)
            configuration.manager = [
                "upgrade_configs: [{ upgrade_type: websocket }]",
                "access_log: [\(Self.log(log, "%ACCESS_LOG_TYPE% %RESPONSE_CODE%"))]",
                "access_log_options: { flush_log_on_tunnel_successfully_established: true }",
            ]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            try client.send("GET /chat HTTP/1.1\r\nhost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            #expect(try client.response().status == 101)
            try waitUntil("it is told") { LogFiles.lines(log) == ["DownstreamTunnelSuccessfullyEstablished 101"] }
            client.close()
            try waitUntil("its end is told") { LogFiles.lines(log).last == "DownstreamEnd 101" }
            #expect(LogFiles.lines(log).count == 2)
        }
    }

    @Test func aConnectionOfATCPProxy() throws {
        try withBed { bed in
            let host = try Listener()
            let log = bed.freshPath("all.log")
            var configuration = Configuration(host.port)
            let line =
                "%ACCESS_LOG_TYPE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT%"
            configuration.tcp = [
                "access_log: [\(Self.log(log, line))]",
                "access_log_options: { flush_access_log_on_connected: true, flush_access_log_on_start: true, "
                    + "access_log_flush_interval: 0.1s }",
            ]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            let served = try host.accept()
            try client.send("hello")
            _ = try served.receive(count: 5)
            try waitUntil("there is one in between") {
                LogFiles.lines(log).contains("TcpPeriodic - 5 service 1")
            }
            client.close()
            #expect(try served.receiveToEnd() == [])
            served.close()
            try waitUntil("it has ended") { LogFiles.lines(log).last == "TcpConnectionEnd - 5 service 1" }
            #expect(
                LogFiles.lines(log).prefix(2) == ["TcpConnectionStart - 0 - 0", "TcpUpstreamConnected - 0 service 1"])
        }
    }

    /// What is logged of a share of the requests follows their ids.
    @Test func aShareOfTheRequests() throws {
        try withBed { bed in
            let log = bed.freshPath("all.log")
            let filter = ", filter: { runtime_filter: { runtime_key: share, percent_sampled: { numerator: 10 } } }"
            var configuration = Configuration(1)
            configuration.manager = ["access_log: [\(Self.log(log, "%REQ(:PATH)%", filter))]"]
            configuration.routes = ["{ match: { prefix: / }, direct_response: { status: 200 } }"]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            func get(_ path: String, _ number: String) throws {
                let id = "\(number)-0000-4000-8000-000000000000"
                #expect(try client.get(path, "x-request-id: \(id)").status == 200)
            }
            try get("/in", "00000009")
            try get("/out", "0000000a")
            #expect(try proxy.admin("/runtime_modify?share=11", method: "POST").status == 200)
            // Workers read it when the main thread has set it, which it has before it answers.
            try get("/in_now", "0000000a")
            try get("/out_still", "0000000b")
            try waitUntil("those are there") { LogFiles.lines(log).count >= 2 }
            client.close()
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(LogFiles.lines(log) == ["/in", "/in_now"])
        }
    }

    /// What the runtime says counts for the admin listener's logs from the first line on.
    @Test func filtersOfTheAdminListenerAskTheRuntime() throws {
        try withBed { bed in
            let path = bed.path("admin.log")
            let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
            var configuration = Configuration(1)
            // Behind the admin listener's address.
            configuration.top = [
                "  access_log: [{ name: f, filter: { status_code_filter: { comparison: { op: GE, value: "
                    + "{ default_value: 400, runtime_key: least } } } }, typed_config: { \"@type\": \(type), "
                    + "path: \"\(path)\" } }]",
                "layered_runtime: { layers: [{ name: base, static_layer: { least: 200 } }, { name: a, admin_layer: {} }] }",
            ]
            let proxy = try bed.proxy(configuration)
            #expect(try proxy.admin("/ready").status == 200)
            try waitUntil("there is a line") { Files.read(path)?.contains("GET /ready") == true }
            #expect(try proxy.admin("/runtime_modify?least=300", method: "POST").status == 200)
            #expect(try proxy.admin("/server_info").status == 200)
            #expect(try proxy.admin("/nothing").status == 404)
            try waitUntil("there is another one") { Files.read(path)?.contains("GET /nothing") == true }
            #expect(Files.read(path)?.contains("server_info") == false)
        }
    }
}
