import CLinux
import Glibc
import Testing

/// The files of access logs: opened, opened anew, flushed.
@Suite struct AccessLogFileTests {
    private func scene(_ bed: Bed, _ flags: [String] = []) throws -> (proxy: Proxy, files: LogFiles) {
        let upstream = try bed.upstream()
        let files = LogFiles(bed)
        var configuration = Configuration(upstream.port)
        configuration.manager = files.textLines
        return (try bed.proxy(configuration, flags), files)
    }

    @Test(arguments: ["SIGUSR1", "/reopen_logs"])
    func aFileIsOpenedAnew(_ how: String) throws {
        try withBed { bed in
            let (proxy, files) = try scene(bed)
            let client = try proxy.client()
            #expect(try client.get("/old").status == 200)
            #expect(rename(files.text, files.text + ".1") == 0)
            if how == "SIGUSR1" {
                proxy.process.signal(SIGUSR1)
            } else {
                #expect(try proxy.admin(how, method: "POST").status == 200)
            }
            // What was logged goes into the file of that time.
            try waitUntil("the old file is complete") { LogFiles.lines(files.text + ".1").count == 1 }
            try waitUntil("the new file is there") { Files.exists(files.text) }
            #expect(try client.get("/new").status == 200)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(LogFiles.lines(files.text).count == 1)
            #expect(LogFiles.lines(files.text).first?.contains("/new") == true)
            #expect(LogFiles.lines(files.text + ".1").count == 1)
        }
    }

    @Test func linesWaitForTheIntervalAndAreCounted() throws {
        try withBed { bed in
            let (proxy, files) = try scene(bed, ["--file-flush-interval-msec", "100"])
            #expect(try proxy.client().get("/").status == 200)
            try waitUntil("the line is written") { LogFiles.lines(files.text).count == 1 }
            try waitUntil("it is counted") { try proxy.stats("filesystem")["filesystem.write_completed"] == 1 }
            let stats = try proxy.stats("filesystem")
            #expect(stats["filesystem.write_buffered"] == 1)
            #expect(stats["filesystem.flushed_by_timer"] == 1)
            #expect(stats["filesystem.write_failed"] == 0)
            #expect(stats["filesystem.write_total_buffered"] == 0)
            var information = stat()
            #expect(stat(files.text, &information) == 0)
            #expect(information.st_mode & 0o777 == 0o644)
        }
    }

    /// Nobody waits for ten seconds: what is left is written at the end.
    @Test func theEndWritesWhatIsLeft() throws {
        try withBed { bed in
            let (proxy, files) = try scene(bed)
            #expect(try proxy.client().get("/").status == 200)
            #expect(LogFiles.lines(files.text) == [])
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(LogFiles.lines(files.text).count == 1)
        }
    }

    @Test func standardOutput() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.manager = [
                "access_log: [{ typed_config: { \"@type\": "
                    + "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, "
                    + "log_format: { text_format: \"%REQ(:PATH)% %RESPONSE_CODE%\\n\" } } }]"
            ]
            let proxy = try bed.proxy(configuration, promptLogs)
            #expect(try proxy.client().get("/x").status == 200)
            try waitUntil("the line is there") { proxy.process.output == "/x 200\n" }
        }
    }

    @Test func filtersChooseLines() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let path = bed.freshPath("access.log")
            var configuration = Configuration(upstream.port)
            configuration.manager = [
                "access_log:",
                "- filter:",
                "    and_filter:",
                "      filters:",
                "      - status_code_filter: { comparison: { op: GE, value: { default_value: 400, runtime_key: k } } }",
                "      - header_filter: { header: { name: x-log, string_match: { safe_regex: { regex: \"y.*\" } } } }",
                "  typed_config:",
                "    \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "    path: \(path)",
                "    log_format: { text_format: \"%REQ(:PATH)%\\n\" }",
            ]
            let proxy = try bed.proxy(configuration, promptLogs)
            let client = try proxy.client()
            for (status, value) in [(200, "yes"), (404, "no"), (404, "yes"), (500, "y")] {
                #expect(try client.get("/status/\(status)", ["x-log: \(value)"]).status == status)
            }
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(LogFiles.lines(path) == ["/status/404", "/status/500"])
        }
    }

    @Test(arguments: [[], ["--mode", "validate"]])
    func aFileThatCannotBeOpened(_ flags: [String]) throws {
        try withBed { bed in
            var configuration = Configuration(1)
            configuration.manager = [
                "access_log: [{ typed_config: { \"@type\": "
                    + "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /none/x } }]"
            ]
            let (errors, ending) = try bed.failingProxy(configuration.text, flags)
            #expect(ending == .exit(1))
            #expect(
                errors.contains(
                    ".typed_config.access_log[0].typed_config.path: cannot open access log /none/x: No such file"))
            #expect(errors.contains(".yaml:12:132: "))
        }
    }
}
