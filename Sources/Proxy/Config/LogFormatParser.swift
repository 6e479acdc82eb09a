/// Why a format is not one.
public struct LogFormatError: Error, Equatable, Sendable, CustomStringConvertible {
    public var description: String
}

/// Envoy's command operators: `%NAME%`, `%NAME(parameters)%`, `%NAME(parameters):length%`, and `%%` for a percent sign.
public enum LogFormatParser {
    /// The pieces of a text format. An operator that this build does not know is an error, never a text.
    public static func parse(_ text: String) throws(LogFormatError) -> [LogPiece] {
        let bytes = Array(text.utf8)
        var pieces: [LogPiece] = []
        var literal: [UInt8] = []
        var i = 0
        while i < bytes.count {
            guard bytes[i] == percent else {
                literal.append(bytes[i])
                i += 1
                continue
            }
            if i + 1 < bytes.count, bytes[i + 1] == percent {
                literal.append(percent)
                i += 2
                continue
            }
            guard let command = Command(bytes, at: i) else {
                throw LogFormatError(
                    description: "no command operator begins at character \(i + 1), \(excerpt(bytes, i)); "
                        + "a percent sign is written as %%")
            }
            if !literal.isEmpty { pieces.append(.literal(string(literal[...]))) }
            literal = []
            pieces.append(try piece(command))
            i = command.end
        }
        if !literal.isEmpty { pieces.append(.literal(string(literal[...]))) }
        return pieces
    }

    private static let percent = UInt8(ascii: "%")

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func excerpt(_ bytes: [UInt8], _ start: Int) -> String {
        quoted(string(bytes[start..<min(start + 20, bytes.count)]))
    }

    private static func piece(_ command: Command) throws(LogFormatError) -> LogPiece {
        switch command.name {
        case "REQ": return .request(try header(command), maxLength: command.length)
        case "RESP": return .response(try header(command), maxLength: command.length)
        case "START_TIME":
            guard command.length == nil else { throw LogFormatError(description: "START_TIME takes no length") }
            return .startTime(try LogTimeParser.parse(command.parameters ?? ""))
        case "RESPONSE_CODE_DETAILS" where command.length == nil:
            // Envoy ignores what stands in the brackets.
            return .field(.responseCodeDetails)
        default: break
        }
        guard let field = LogField(rawValue: command.name) else {
            let known = LogField.allCases.map(\.rawValue) + ["REQ", "RESP", "START_TIME"]
            let suggestion = Suggestion.text(for: command.name, among: known)
            throw LogFormatError(
                description:
                    "command operator \(quoted(command.name)) is unknown or not supported by this build\(suggestion)")
        }
        guard command.parameters == nil, command.length == nil else {
            throw LogFormatError(description: "command operator \(quoted(command.name)) takes no parameters or length")
        }
        return .field(field)
    }

    private static func header(_ command: Command) throws(LogFormatError) -> LogHeader {
        guard let parameters = command.parameters, !parameters.isEmpty else {
            throw LogFormatError(description: "command operator \(quoted(command.name)) needs the name of a header")
        }
        let names = parameters.split(separator: "?", omittingEmptySubsequences: false).map { $0.lowercased() }
        guard names.count <= 2 else {
            throw LogFormatError(description: "\(quoted(parameters)): only one alternative header may be given")
        }
        for name in names where !isHeaderName(name) {
            throw LogFormatError(description: "\(quoted(name)) is not the name of a header")
        }
        return LogHeader(names[0], or: names.count == 2 ? names[1] : nil)
    }

    /// A token (RFC 9110 §5.6.2), or a pseudo-header.
    static func isHeaderName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        let token = bytes.first == UInt8(ascii: ":") ? bytes.dropFirst() : bytes[...]
        guard !token.isEmpty else { return false }
        return token.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
    }

    /// `%NAME(parameters):length%`, as it stands in the text.
    private struct Command {
        var name: String
        var parameters: String?
        var length: Int?
        /// Behind the last percent sign.
        var end: Int

        /// - Parameter start: the first percent sign.
        init?(_ bytes: [UInt8], at start: Int) {
            var i = start + 1
            while i < bytes.count, Self.isNameByte(bytes[i]) { i += 1 }
            guard i > start + 1, i < bytes.count else { return nil }
            name = LogFormatParser.string(bytes[(start + 1)..<i])
            if bytes[i] == UInt8(ascii: "(") {
                // To the first bracket behind which the operator ends: a time's format has percent signs of its own.
                var close = i + 1
                while close < bytes.count {
                    if bytes[close] == UInt8(ascii: ")"), let tail = Self.tail(bytes, close + 1) {
                        parameters = LogFormatParser.string(bytes[(i + 1)..<close])
                        (length, end) = tail
                        return
                    }
                    close += 1
                }
                return nil
            }
            guard let tail = Self.tail(bytes, i) else { return nil }
            (length, end) = tail
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }

        /// `:length%` or `%`.
        private static func tail(_ bytes: [UInt8], _ start: Int) -> (Int?, Int)? {
            var i = start
            var length: Int?
            if i < bytes.count, bytes[i] == UInt8(ascii: ":") {
                var value = 0
                i += 1
                let digits = i
                while i < bytes.count, bytes[i] >= 48, bytes[i] <= 57, i - digits < 9 {
                    value = value * 10 + Int(bytes[i] - 48)
                    i += 1
                }
                guard i > digits else { return nil }
                length = value
            }
            guard i < bytes.count, bytes[i] == LogFormatParser.percent else { return nil }
            return (length, i + 1)
        }
    }
}
