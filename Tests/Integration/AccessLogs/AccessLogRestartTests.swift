import CLinux
import Glibc
import Testing

/// Hot restarts: a request or connection that lives through one has one line, as if there had been none.
@Suite(.serialized) struct AccessLogRestartTests {
    @Test func aRequestThatWaitsForItsResponse() throws {
        try withBed { bed in
            let own = try Listener()
            let files = LogFiles(bed)
            var configuration = Configuration(own.port)
            configuration.manager = files.lines
            configuration.routes = ["{ name: all, match: { prefix: / }, route: { cluster: service, timeout: 0s } }"]
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let old = try bed.proxy(configuration, flags)
            let client = try old.client()
            try client.send("POST /wait HTTP/1.1\r\nhost: ex.com\r\nuser-agent: UA/1\r\ncontent-length: 3\r\n\r\nabc")
            let host = try own.accept()
            try host.skipHead()
            #expect(try host.receive(count: 3).count == 3)
            let began = cl_monotonic_ns()
            let new = try bed.proxy(configuration, flags)
            usleep(50_000)
            let waited = Int((cl_monotonic_ns() - began) / 1_000_000)
            try host.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
            #expect(try client.response().text == "hello")
            let line = try waitFor("a line") { LogFiles.lines(files.text).first }
            let expected =
                "[<time>] \"POST /wait HTTP/1.1\" 200 - 3 5 <ms> <ms> \"-\" \"UA/1\" \"<id>\" \"ex.com\" "
                + "\"127.0.0.1:\(own.port)\""
            let duration = LogPattern.match(line, expected)
            #expect(duration.map { $0 >= waited } == true, "\(line) does not say \(waited) ms")
            #expect(
                try waitFor("a line") { LogFiles.lines(files.json).first }
                    == #"{"bytes":[3,5],"protocol":"HTTP/1.1","request":{"agent":"UA/1","method":"POST","path":"/wait"},"#
                    + #""response":{"code":200,"details":"via_upstream","flags":"-","server":"envoy"},"#
                    + #""route":"route all","upstream":{"attempts":1,"cluster":"service","failure":null}}"#)
            client.close()
            #expect(try new.process.terminate() == .exit(0))
            #expect(try old.process.waitForEnd() == .exit(0))
            #expect(LogFiles.lines(files.text).count == 1)
            #expect(LogFiles.lines(files.json).count == 1)
        }
    }

    @Test func aRequestInTheMiddleOfBothBodies() throws {
        try withBed { bed in
            let own = try Listener()
            let files = LogFiles(bed)
            var configuration = Configuration(own.port)
            configuration.manager = files.textLines
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            _ = try bed.proxy(configuration, flags)
            let proxy = try bed.proxy(configuration, flags)
            let client = try proxy.client()
            try client.send("POST /both HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nabc")
            let host = try own.accept()
            try host.skipHead()
            #expect(try host.receive(count: 3).count == 3)
            try host.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234")
            try client.skipHead()
            #expect(try client.receive(count: 5).count == 5)
            _ = try bed.proxy(configuration, flags)
            try client.send("defgh")
            #expect(try host.receive(count: 5).count == 5)
            try host.send("56789")
            #expect(try client.receive(count: 5).count == 5)
            let line = try waitFor("a line") { LogFiles.lines(files.text).first }
            #expect(line.contains("\"POST /both HTTP/1.1\" 200 - 8 10 "), "\(line)")
        }
    }

    @Test func aConnectionOfATCPProxy() throws {
        try withBed { bed in
            let own = try Listener()
            let files = LogFiles(bed)
            var configuration = Configuration(own.port)
            configuration.tcp = files.lines
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let old = try bed.proxy(configuration, flags)
            let began = cl_monotonic_ns()
            let client = try old.client()
            try client.send("abc")
            let host = try own.accept()
            #expect(try host.receive(count: 3).count == 3)
            try host.send("defghi")
            #expect(try client.receive(count: 6).count == 6)
            let connected = cl_monotonic_ns()
            let new = try bed.proxy(configuration, flags)
            try client.send("jk")
            #expect(try host.receive(count: 2).count == 2)
            try host.send("lmno")
            #expect(try client.receive(count: 4).count == 4)
            let least = Int((cl_monotonic_ns() - connected) / 1_000_000)
            client.close()
            _ = try host.receiveToEnd()
            host.close()
            let line = try waitFor("a line") { LogFiles.lines(files.text).first }
            let most = Int((cl_monotonic_ns() - began) / 1_000_000)
            let expected = "[<time>] \"- - -\" 0 - 5 10 <ms> - \"-\" \"-\" \"-\" \"-\" \"127.0.0.1:\(own.port)\""
            let duration = LogPattern.match(line, expected)
            #expect(duration.map { $0 >= least && $0 <= most } == true, "\(line) is not of \(least) to \(most) ms")
            #expect(try new.process.terminate() == .exit(0))
            #expect(try old.process.waitForEnd() == .exit(0))
            #expect(LogFiles.lines(files.text).count == 1)
            #expect(LogFiles.lines(files.json).count == 1)
        }
    }

    /// The new process's formats are what counts; what the old one's did not name is a dash.
    @Test func aConfigurationWithOtherFormats() throws {
        try withBed { bed in
            let own = try Listener()
            let path = bed.freshPath("access.log")
            func configuration(_ format: String) -> Configuration {
                var configuration = Configuration(own.port)
                configuration.manager = [
                    "access_log: [{ typed_config: { \"@type\": "
                        + "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: \(path), "
                        + "log_format: { text_format: \"\(format)\\n\" } } }]"
                ]
                return configuration
            }
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let old = try bed.proxy(configuration("old %REQ(a)% %REQ(:PATH)%"), flags)
            let client = try old.client()
            try client.send("GET /x HTTP/1.1\r\nhost: x\r\na: 1\r\nb: 2\r\n\r\n")
            let host = try own.accept()
            try host.skipHead()
            _ = try bed.proxy(configuration("new %REQ(b)% %REQ(:PATH)% %BYTES_SENT% %RESP(c)%"), flags)
            try host.send("HTTP/1.1 200 OK\r\nc: 3\r\ncontent-length: 2\r\n\r\nok")
            #expect(try client.response().text == "ok")
            #expect(try waitFor("a line") { LogFiles.lines(path).first } == "new - /x 2 3")
            // The next one has all.
            try client.send("GET /y HTTP/1.1\r\nhost: x\r\nb: 2\r\n\r\n")
            try host.skipHead()
            try host.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            #expect(try client.response().status == 200)
            #expect(try waitFor("a line") { LogFiles.lines(path).dropFirst().first } == "new 2 /y 0 -")
        }
    }

    @Test func twentyRestartsUnderLoad() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let files = LogFiles(bed)
            var configuration = Configuration(upstream.port)
            configuration.manager = files.textLines
            // Lines wait as they usually do, so that they must be handed over or written at each end.
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var proxies = [try bed.proxy(configuration, flags)]
            let load = Load(port: try proxies[0].port, connections: 8)
            for restart in 1...20 {
                try load.waitForResponses(100)
                proxies.append(try bed.proxy(configuration, flags))
                if restart > 1 { #expect(try proxies[restart - 2].process.waitForEnd() == .exit(0)) }
            }
            try load.waitForResponses(100)
            let tally = load.stop()
            #expect(tally.errors == [])
            #expect(try proxies[20].process.terminate() == .exit(0))
            #expect(try proxies[19].process.waitForEnd() == .exit(0))
            let lines = LogFiles.lines(files.text)
            #expect(lines.count == tally.total)
            let expected =
                "[<time>] \"GET / HTTP/1.1\" 200 - 0 14 <ms> <ms> \"-\" \"-\" \"<id>\" \"test\" "
                + "\"127.0.0.1:\(upstream.port)\""
            let others = lines.filter { LogPattern.match($0, expected) == nil }
            #expect(others == [])
        }
    }
}
