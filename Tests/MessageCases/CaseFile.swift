import Glibc

/// A file of cases, in the format that README.md describes.
public struct CaseFile: Sendable {
    public let path: String
    public private(set) var lines: [String]
    public private(set) var cases: [MessageCase] = []

    /// All files of requests or of responses, by name.
    public static func all(_ kind: MessageCase.Kind) throws -> [CaseFile] {
        let root = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let folder = root + (kind == .request ? "/Requests" : "/Responses")
        return try names(in: folder).filter { $0.hasSuffix(".txt") }.map { try CaseFile("\(folder)/\($0)", kind) }
    }

    /// All cases of a kind.
    public static func cases(_ kind: MessageCase.Kind) throws -> [MessageCase] {
        try all(kind).flatMap(\.cases)
    }

    public init(_ path: String, _ kind: MessageCase.Kind) throws {
        self.path = path
        lines = try Self.read(path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var current: MessageCase?
        for (index, line) in lines.enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("case: ") {
                try finish(current)
                current = MessageCase(kind)
                current?.file = path.split(separator: "/").suffix(2).joined(separator: "/")
                current?.line = index + 1
            }
            guard var it = current else { throw CaseError("\(path):\(index + 1): before the first case") }
            try Self.add(line, index + 1, to: &it, path)
            current = it
        }
        try finish(current)
    }

    private mutating func finish(_ one: MessageCase?) throws {
        guard let one else { return }
        let place = "\(path):\(one.line)"
        for (what, text) in [("rfc", one.rfc), ("expect", one.expected)] where text.isEmpty {
            throw CaseError("\(place): no \"\(what):\"")
        }
        if one.bytes.isEmpty { throw CaseError("\(place): no bytes") }
        if one.envoyLine == 0 { throw CaseError("\(place): no \"envoy:\", write \"envoy: same\" and compare") }
        if cases.contains(where: { $0.name == one.name }) { throw CaseError("\(place): a second \"\(one.name)\"") }
        cases.append(one)
    }

    private static func add(_ line: String, _ number: Int, to one: inout MessageCase, _ path: String) throws {
        if line.hasPrefix("|") {
            var text = line.dropFirst(line.hasPrefix("| ") ? 2 : 1)
            // A line that ends in an odd number of backslashes has no CRLF.
            let goesOn = text.reversed().prefix { $0 == "\\" }.count % 2 == 1
            if goesOn { text = text.dropLast() }
            guard let bytes = RawText.decode(text) else {
                throw CaseError("\(path):\(number): an unknown escape, or a character that must be escaped")
            }
            one.bytes += bytes + (goesOn ? [] : [13, 10])
            return
        }
        guard let colon = line.firstIndex(of: ":") else { throw CaseError("\(path):\(number): neither key nor bytes") }
        let value = String(line[colon...].dropFirst(2))
        switch line[..<colon] {
        case "case": one.name = value
        case "rfc": one.rfc = value
        case "listener": one.listener = value
        case "request" where one.kind == .response: one.method = value
        case "then" where one.kind == .response && value == "close": one.closes = true
        case "codec" where one.kind == .request && value == "accepts": one.codecAccepts = true
        case "expect": one.expected = value
        case "envoy":
            one.envoyLine = number
            one.envoy = value == "same" ? nil : value
        case "why": one.why = value
        default: throw CaseError("\(path):\(number): unknown key \"\(line[..<colon])\"")
        }
    }

    // MARK: Writing

    /// Puts what Envoy does into its column of a case.
    public mutating func setEnvoy(_ one: MessageCase, _ observed: String) {
        lines[one.envoyLine - 1] = "envoy: " + (observed == one.expected ? "same" : observed)
    }

    public func write() throws {
        guard let file = fopen(path, "w") else { throw CaseError("\(path): \(String(cString: strerror(errno)))") }
        let written = fputs(lines.joined(separator: "\n"), file) >= 0
        guard fclose(file) == 0, written else { throw CaseError("\(path): \(String(cString: strerror(errno)))") }
    }

    /// The text of a file.
    public static func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw CaseError("\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    package static func names(in folder: String) throws -> [String] {
        guard let directory = opendir(folder) else {
            throw CaseError("\(folder): \(String(cString: strerror(errno)))")
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.sorted()
    }
}
