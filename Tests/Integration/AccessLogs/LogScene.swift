import Glibc

/// Access log files of a test, and the configuration lines that name them.
struct LogFiles {
    let text: String
    let json: String

    init(_ bed: Bed) {
        text = bed.freshPath("access.log")
        json = bed.freshPath("access.json")
    }

    private static let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"

    /// Two loggers: the default text, and JSON.
    var lines: [String] {
        [
            "access_log:",
            "- name: text",
            "  typed_config: { \"@type\": \(Self.type), path: \(text) }",
            "- name: json",
            "  typed_config:",
            "    \"@type\": \(Self.type)",
            "    path: \(json)",
            "    log_format:",
            "      json_format:",
            "        request: { method: \"%REQ(:METHOD)%\", path: \"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%\", agent: \"%REQ(USER-AGENT)%\" }",
            "        response: { code: \"%RESPONSE_CODE%\", details: \"%RESPONSE_CODE_DETAILS%\", flags: \"%RESPONSE_FLAGS_LONG%\", server: \"%RESP(SERVER)%\" }",
            "        bytes: [ \"%BYTES_RECEIVED%\", \"%BYTES_SENT%\" ]",
            "        upstream: { cluster: \"%UPSTREAM_CLUSTER%\", attempts: \"%UPSTREAM_REQUEST_ATTEMPT_COUNT%\", failure: \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" }",
            "        route: \"route %ROUTE_NAME%\"",
            "        protocol: \"%PROTOCOL%\"",
        ]
    }

    /// Only the default text.
    var textLines: [String] { Array(lines.prefix(3)) }

    static func lines(_ path: String) -> [String] {
        (Files.read(path) ?? "").split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
}

/// Flags with which a line is in its file at once.
let promptLogs = ["--file-flush-interval-msec", "1"]

/// Lines of which some parts differ each time: `<time>`, `<ms>` and `<id>` stand for these.
enum LogPattern {
    /// The milliseconds of the first `<ms>`, or nil: the line is another one.
    static func match(_ line: String, _ pattern: String) -> Int? {
        var rest = line[...]
        var milliseconds: Int?
        var pattern = pattern[...]
        while let first = pattern.first {
            if let (part, length) = variable(pattern, rest) {
                let value = rest.prefix(length)
                if part == "<ms>", milliseconds == nil { milliseconds = Int(value) }
                rest = rest.dropFirst(length)
                pattern = pattern.dropFirst(part.count)
                continue
            }
            guard rest.first == first else { return nil }
            rest = rest.dropFirst()
            pattern = pattern.dropFirst()
        }
        return rest.isEmpty ? milliseconds ?? 0 : nil
    }

    private static func variable(_ pattern: Substring, _ rest: Substring) -> (String, Int)? {
        if pattern.hasPrefix("<time>"), rest.count >= 24, rest.prefix(24).last == "Z" { return ("<time>", 24) }
        if pattern.hasPrefix("<id>") {
            let id = rest.prefix { $0.isHexDigit || $0 == "-" }
            return id.count == 36 ? ("<id>", 36) : nil
        }
        if pattern.hasPrefix("<ms>") {
            let digits = rest.prefix { $0.isNumber }
            return digits.isEmpty ? nil : ("<ms>", digits.count)
        }
        return nil
    }
}
