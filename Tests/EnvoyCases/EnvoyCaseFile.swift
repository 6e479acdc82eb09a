import Glibc
import MessageCases

/// A file of cases and the configuration that they share, in the format that README.md describes.
public struct EnvoyCaseFile: Sendable, CustomStringConvertible {
    public let path: String
    /// Blocks of configuration by their key.
    public private(set) var blocks: [String: [String]] = [:]
    /// Which stats are compared.
    public private(set) var statFilter = ""
    /// Which samples of the Prometheus form are compared.
    public private(set) var sampleFilter = ""
    public private(set) var stats: [ExpectedStat] = []
    public private(set) var cases: [EnvoyCase] = []
    /// Comments and configuration, as they stand there.
    private var head: [String] = []

    public static let blockKeys: Set<String> = [
        "listener", "manager", "route_config", "virtual_hosts", "filters", "router", "filter_chain", "filter_chains",
        "clusters", "cluster", "bootstrap",
    ]

    public static func all() throws -> [EnvoyCaseFile] {
        let folder = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/Cases"
        return try CaseFile.names(in: folder).filter { $0.hasSuffix(".txt") }.map {
            try EnvoyCaseFile("\(folder)/\($0)")
        }
    }

    public var description: String { path.split(separator: "/").last.map(String.init) ?? path }

    public init(_ path: String) throws {
        self.path = path
        let lines = try CaseFile.read(path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var block = ""
        for (index, line) in lines.enumerated() {
            let place = "\(path):\(index + 1)"
            if line.hasPrefix("case: ") {
                try check()
                cases.append(EnvoyCase())
                cases[cases.count - 1].name = String(line.dropFirst(6))
                cases[cases.count - 1].file = description
                cases[cases.count - 1].line = index + 1
            } else if line.hasPrefix("= ") {
                // Labels may have colons too.
                let text = line.dropFirst(2)
                guard let colon = text.lastIndex(of: ":"),
                    let value = UInt64(text[text.index(after: colon)...].drop { $0 == " " })
                else { throw CaseError("\(place): no stat with its value") }
                stats.append(ExpectedStat(name: String(text[..<colon]), value: value))
            } else if cases.isEmpty {
                head.append(line)
                if line.isEmpty || line.hasPrefix("#") { continue }
                if line.hasPrefix("+") {
                    guard !block.isEmpty else { throw CaseError("\(place): of which block?") }
                    blocks[block, default: []].append(String(line.dropFirst(2)))
                } else if line.hasPrefix("stats: ") {
                    statFilter = String(line.dropFirst(7))
                } else if line.hasPrefix("samples: ") {
                    sampleFilter = String(line.dropFirst(9))
                } else if line.hasSuffix(":"), Self.blockKeys.contains(String(line.dropLast())) {
                    block = String(line.dropLast())
                } else {
                    throw CaseError("\(place): neither a block of configuration nor a case")
                }
            } else {
                try cases[cases.count - 1].add(line, place)
            }
        }
        try check()
    }

    private func check() throws {
        guard let last = cases.last else { return }
        if last.bytes.isEmpty { throw CaseError("\(last): no bytes") }
        if last.differs != nil, last.why.isEmpty { throw CaseError("\(last): differs without a \"why:\"") }
    }

    /// Puts what was observed of Envoy into the file.
    public mutating func setEnvoy(_ index: Int, _ observed: [String]) { cases[index].envoy = observed }
    public mutating func setStats(_ observed: [ExpectedStat]) { stats = observed }

    public func write() throws {
        var lines = head
        while lines.last == "" { lines.removeLast() }
        for one in cases { lines += ["", "case: \(one.name)"] + one.lines }
        if !stats.isEmpty { lines.append("") }
        lines += stats.map { "= \($0.name): \($0.value)" }
        guard let file = fopen(path, "w") else { throw CaseError("\(path): \(String(cString: strerror(errno)))") }
        let written = fputs(lines.joined(separator: "\n") + "\n", file) >= 0
        guard fclose(file) == 0, written else { throw CaseError("\(path): \(String(cString: strerror(errno)))") }
    }
}

extension EnvoyCase {
    mutating func add(_ line: String, _ place: String) throws {
        let rest = String(line.dropFirst(line.dropFirst().hasPrefix(" ") ? 2 : 1))
        switch line.first {
        case nil, "#": break
        case "|": bytes += try Self.bytes(rest, place)
        case "^": answer += try Self.bytes(rest, place)
        case "<", ">": envoy.append(line)
        case "!": differs = (differs ?? []) + [rest == "nothing" ? "" : String(line.dropFirst())].filter { !$0.isEmpty }
        default:
            if line.hasPrefix("why: ") {
                why = String(line.dropFirst(5))
            } else if line.hasPrefix("from: ") {
                from = String(line.dropFirst(6))
            } else if line.hasPrefix("proxy: ") {
                proxyHeader = "PROXY " + line.dropFirst(7)
            } else {
                throw CaseError("\(place): neither bytes nor what is observed")
            }
        }
    }

    private static func bytes(_ text: String, _ place: String) throws -> [UInt8] {
        // A line that ends in an odd number of backslashes has no CR LF.
        let goesOn = text.reversed().prefix { $0 == "\\" }.count % 2 == 1
        guard let bytes = RawText.decode(goesOn ? String(text.dropLast()) : text) else {
            throw CaseError("\(place): an unknown escape, or a character that must be escaped")
        }
        return bytes + (goesOn ? [] : [13, 10])
    }

    /// As it stands in a file, without its name.
    var lines: [String] {
        var lines = from.isEmpty ? [] : ["from: \(from)"]
        if !proxyHeader.isEmpty { lines.append("proxy: \(proxyHeader.dropFirst(6))") }
        lines += Self.text("|", bytes) + Self.text("^", answer) + envoy
        if let differs { lines += differs.isEmpty ? ["! nothing"] : differs.map { "!" + $0 } }
        if !why.isEmpty { lines.append("why: \(why)") }
        return lines
    }

    private static func text(_ mark: String, _ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        var line = mark + " "
        var index = 0
        while index < bytes.count {
            if bytes[index] == 13, index + 1 < bytes.count, bytes[index + 1] == 10 {
                if line.hasSuffix(" ") && line.utf8.count > 2 { line = line.dropLast() + "\\s" }
                lines.append(line.utf8.count == 2 ? mark : line)
                line = mark + " "
                index += 2
                continue
            }
            line += RawText.escape(bytes[index])
            index += 1
        }
        if line.utf8.count > 2 { lines.append(line + "\\") }
        return lines
    }
}
