import CLinux
import Glibc
import MessageCases

/// Runs the cases of one file against a proxy that serves its configuration, one after the other.
public final class EnvoyCaseRun {
    private let port: UInt16
    private let adminPort: UInt16
    private let upstreams: [RecordingUpstream]
    private let silenceMs: Int

    /// - Parameters:
    ///   - upstreams: of `EnvoyBootstrap.clusters`.
    ///   - silenceMs: how long nothing may come before it is concluded that nothing does.
    public init(adminPort: UInt16, _ upstreams: [RecordingUpstream], silenceMs: Int) throws {
        self.adminPort = adminPort
        self.upstreams = upstreams
        self.silenceMs = silenceMs
        port = try CaseRun.Ports(adminPort: adminPort, names: ["case"]).listeners["case"] ?? 0
    }

    /// What the client got and what the upstreams saw.
    public func run(_ one: EnvoyCase) throws -> [String] {
        // Requests for what begins so have two answers: this one, and what others get.
        let isRaw = one.answer.isEmpty || String(decoding: one.bytes, as: UTF8.self).contains(" /raw")
        for upstream in upstreams {
            upstream.begin(answer: one.answer.isEmpty ? nil : (one.answer, false), for: isRaw ? "/raw" : "")
        }
        let methods = Self.methods(one.bytes)
        let client = try RawClient(port: port, from: one.from.isEmpty ? nil : one.from)
        client.send((one.proxyHeader.isEmpty ? [] : Array("\(one.proxyHeader)\r\n".utf8)) + one.bytes)
        let came = client.receive(silenceMs: silenceMs) {
            client.responses(methods: methods).whole.count { $0.status >= 200 || $0.status == 101 }
                >= max(methods.count, 1)
        }
        let (responses, rest) = client.responses(methods: methods)
        let text = String(decoding: one.bytes, as: UTF8.self)
        var lines: [String] = []
        for response in responses { lines += Observation.lines(response, mark: "<", sent: text) }
        if case .begun(let message) = rest { lines += Observation.lines(message, mark: "<", sent: text) + ["< cut"] }
        if case .garbage = rest { lines.append("< garbage") }
        if client.bytes.isEmpty, client.hasEnded { lines.append("< ends") }
        if !came { lines.append("< waits") }
        let wanted = one.expected.count { Self.beginsRequest($0) }
        for (name, all) in zip(EnvoyBootstrap.clusters, settle(wanted, isKnown: !one.expected.isEmpty)) {
            for seen in all {
                lines += Observation.lines(seen.message, mark: "> \(name):", sent: text)
                if !seen.isWhole { lines.append("> \(name): unfinished") }
            }
        }
        return lines
    }

    private static func beginsRequest(_ line: String) -> Bool {
        guard line.hasPrefix("> "), let colon = line.firstIndex(of: ":") else { return false }
        let rest = line[colon...].dropFirst(2)
        return rest.first != " " && rest != "unfinished"
    }

    /// What the upstreams have seen once there are as many requests as there should be: copies may come behind the response.
    ///
    /// - Parameter isKnown: false for a case that nobody has run yet.
    private func settle(_ wanted: Int, isKnown: Bool) -> [[RecordingUpstream.Seen]] {
        if !isKnown { usleep(300_000) }
        var seen = upstreams.map { $0.settle() }
        for _ in 0..<silenceMs where seen.reduce(0, { $0 + $1.count }) < wanted {
            usleep(1000)
            seen = upstreams.map { $0.settle() }
        }
        return seen
    }

    /// Those that the filter of the file selects and that are not 0, once they are what they should be, or are not in time.
    public func stats(_ file: EnvoyCaseFile) throws -> [ExpectedStat] {
        var found = try now(file)
        for _ in 0..<(silenceMs / 10) where Set(found) != Set(file.stats) {
            usleep(10_000)
            found = try now(file)
        }
        return found
    }

    private func now(_ file: EnvoyCaseFile) throws -> [ExpectedStat] {
        try (file.statFilter.isEmpty ? [] : statsNow(file.statFilter))
            + (file.sampleFilter.isEmpty ? [] : samplesNow(file.sampleFilter))
    }

    /// Of the Prometheus form, with all labels. Sums of histograms, which are no whole numbers in Envoy, are left out.
    private func samplesNow(_ filter: String) throws -> [ExpectedStat] {
        let all = try AdminPage.get("/stats?format=prometheus&filter=\(Self.encode(filter))", port: adminPort)
        return all.split(separator: "\n").compactMap { line in
            guard line.first != "#", let space = line.lastIndex(of: " "), !line[..<space].contains("_sum{"),
                let value = UInt64(line[line.index(after: space)...]), value > 0
            else { return nil }
            return ExpectedStat(name: String(line[..<space]), value: value)
        }
    }

    private func statsNow(_ filter: String) throws -> [ExpectedStat] {
        let all = try AdminPage.get("/stats?filter=\(Self.encode(filter))", port: adminPort)
        return all.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let value = UInt64(parts[1].drop { $0 == " " }), value > 0 else { return nil }
            return ExpectedStat(name: String(parts[0]), value: value)
        }
    }

    private static func encode(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                return String(UnicodeScalar(byte))
            default: return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }

    /// Of the requests in these bytes.
    private static func methods(_ bytes: [UInt8]) -> [String] {
        var methods: [String] = []
        var rest = bytes
        while case .whole(let message, let count) = WireMessage.read(rest, isResponse: false) {
            methods.append(String(message.start[0]))
            rest.removeFirst(count)
        }
        return methods
    }
}

/// A message as the lines of a case file.
enum Observation {
    /// Fields in the order of their names, since the order of different fields says nothing (RFC 9110 §5.3); what changes
    /// from run to run is named by what it is.
    static func lines(_ message: WireMessage, mark: String, sent: String) -> [String] {
        var lines = ["\(mark) \(message.startLine)"]
        let order = message.fields.enumerated().sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }
        for (_, field) in order {
            if field.name == "date" || field.name == "x-target" { continue }
            lines.append("\(mark)   \(field.name): \(steady(field.name, field.value, sent))")
        }
        if !message.body.isEmpty { lines.append("\(mark)   \(RawText.quote(message.body, limit: 400))") }
        return lines + message.trailers.map { "\(mark)   trailer \($0)" }
    }

    private static func steady(_ name: String, _ value: String, _ sent: String) -> String {
        let text = String(
            RawText.quote(value.unicodeScalars.map { UInt8($0.value & 0xFF) }, limit: 400).dropFirst().dropLast())
        if name == "x-envoy-upstream-service-time" { return "<ms>" }
        // Of a later try: what is left of whole or half seconds.
        if name == "x-envoy-expected-rq-timeout-ms", let ms = Int(text), ms > 1500 {
            return "\((ms + 499) / 500 * 500)"
        }
        if name == "x-forwarded-port", !sent.contains(text) { return "<port>" }
        if name == "x-request-id", !sent.contains(text) { return "<uuid>" }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return parts.map { part in own.contains(part.drop { $0 == " " }.description) ? "<local>" : String(part) }
            .joined(separator: ",")
    }

    /// The addresses of this machine, but for loopback.
    private static let own: Set<String> = {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var all: Set<String> = []
        var next = first
        while let one = next {
            next = one.pointee.ifa_next
            guard let address = one.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else {
                continue
            }
            var text = [CChar](repeating: 0, count: 64)
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            guard getnameinfo(address, length, &text, 64, nil, 0, NI_NUMERICHOST) == 0 else { continue }
            let word = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !word.hasPrefix("127.") { all.insert(word) }
        }
        return all
    }()
}
