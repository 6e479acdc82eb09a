/// A part of stat names with placeholders for what is known at run time only: `cluster.<name>.`, `upstream_rq_<code>`.
struct StatPattern: Sendable {
    private enum Part: Sendable {
        case literal([UInt8])
        case value(Placeholder)
    }

    /// What a placeholder stands for.
    private enum Placeholder: String, Sendable {
        /// A number, in decimal.
        case i
        /// An HTTP status code; `unknown`: one that is none (RFC 9110 §15).
        case code
        case origin
        /// Of a virtual host.
        case part
        /// A prefix with the dot before it, or nothing.
        case optionalPrefix = ".stat_prefix"
        /// Any text: what the configuration says.
        case text

        func takes(_ value: ArraySlice<UInt8>) -> Bool {
            switch self {
            case .i: value.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            case .code: value.count == 3 && Self.i.takes(value) || value.elementsEqual("unknown".utf8)
            case .origin: value.elementsEqual("external".utf8) || value.elementsEqual("internal".utf8)
            case .part: value.elementsEqual("vcluster".utf8) || value.elementsEqual("route".utf8)
            case .optionalPrefix: value.first == UInt8(ascii: ".") && value.count > 1
            case .text: !value.isEmpty
            }
        }
    }

    let text: String
    private let parts: [Part]
    let placeholders: Int
    /// Bytes outside the placeholders.
    let literalLength: Int

    init(_ text: String) {
        self.text = text
        var parts: [Part] = []
        var count = 0
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            if rest.first == UInt8(ascii: "<"), let end = rest.firstIndex(of: UInt8(ascii: ">")) {
                let name = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
                parts.append(.value(Placeholder(rawValue: name) ?? .text))
                count += 1
                rest = rest[(end + 1)...]
            } else {
                let end = rest.firstIndex(of: UInt8(ascii: "<")) ?? rest.endIndex
                parts.append(.literal(Array(rest[..<end])))
                rest = rest[end...]
            }
        }
        self.parts = parts
        placeholders = count
        literalLength = parts.reduce(0) { sum, part in
            if case .literal(let literal) = part { sum + literal.count } else { sum }
        }
    }

    /// The pattern with its placeholders replaced, in their order.
    func filled(_ values: [String]) -> String {
        precondition(values.count == placeholders, "\(text) takes \(placeholders) values, not \(values.count)")
        var bytes: [UInt8] = []
        var next = 0
        for part in parts {
            switch part {
            case .literal(let literal): bytes += literal
            case .value:
                bytes += values[next].utf8
                next += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func matches(_ text: ArraySlice<UInt8>) -> Bool { Self.matches(parts[...], text) }

    private static func matches(_ parts: ArraySlice<Part>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let part = parts.first else { return text.isEmpty }
        switch part {
        case .literal(let literal):
            return text.starts(with: literal) && matches(parts.dropFirst(), text.dropFirst(literal.count))
        case .value(let placeholder):
            if placeholder == .optionalPrefix, matches(parts.dropFirst(), text) { return true }
            guard !text.isEmpty else { return false }
            for end in (text.startIndex + 1)...text.endIndex
            where matches(parts.dropFirst(), text[end...]) && placeholder.takes(text[..<end]) { return true }
            return false
        }
    }
}
