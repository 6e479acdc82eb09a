import CLinux

/// Tags that somebody wants names to have, other than Envoy's default ones (`stats_tags`, `use_all_default_tags`). They are found when
/// stats are shown: what the region keeps with a name are the default ones, whoever made it.
public final class TagRules: @unchecked Sendable {
    /// One of `stats_tags`.
    public enum Rule: Sendable, Equatable {
        /// All stats have it, with this value.
        case fixed(name: String, value: String)
        /// RE2, in the name. Of a match the first group is cut out of the name; the second is the value, or the first where there is
        /// no other.
        case expression(name: String, text: String)
        /// One of Envoy's, by its name.
        case usual(name: String)
    }

    private struct Item {
        var name: String
        var label: String
        /// nil: the value.
        var pattern: Pattern?
        var value = ""
        /// One of Envoy's that is on by its name.
        var usual: TagName?
        var number: UInt16
    }

    private let usesDefaults: Bool
    /// In the order in which they are asked: those whose names do not say at once whether they match, then the others.
    private let general: [Item]
    private let behindPrefix: [Item]
    private let byNumber: [Item]
    private let emptyLabel = ""

    /// In `cl_tag_span.tag`, of the first rule.
    static let firstNumber: UInt16 = 512

    /// Names of Envoy's tags that are found without an expression.
    public static let usualNames = TagName.envoys.map(\.text)

    /// - Parameter usesDefaults: the names have Envoy's default tags too.
    /// - Throws: what is wrong with an expression.
    public init(_ rules: [Rule], usesDefaults: Bool) throws(Pattern.Invalid) {
        self.usesDefaults = usesDefaults
        var general: [Item] = []
        var behindPrefix: [Item] = []
        var all: [Item] = []
        for (i, rule) in rules.enumerated() {
            let number = Self.firstNumber + UInt16(i)
            var isBehind = false
            var item: Item
            switch rule {
            case .fixed(let name, let value):
                item = Item(name: name, label: Self.label(name), value: value, number: number)
            case .expression(let name, let text):
                item = Item(name: name, label: Self.label(name), pattern: try Pattern(text), number: number)
                isBehind = Self.hasPrefix(text)
            case .usual(let name):
                let known = TagName.envoys.first { $0.text == name }
                item = Item(name: name, label: Self.label(name), usual: known, number: number)
                isBehind = known.map { !$0.isGeneral } ?? true
            }
            all.append(item)
            if isBehind { behindPrefix.append(item) } else { general.append(item) }
        }
        self.general = general
        self.behindPrefix = behindPrefix
        byNumber = all
    }

    /// What a label may be made of; every other byte is `_`, as in Envoy.
    private static func label(_ name: String) -> String {
        String(
            decoding: name.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    byte
                default: UInt8(ascii: "_")
                }
            }, as: UTF8.self)
    }

    /// As Envoy looks at an expression: `^`, a word, and a dot. Those are asked last, which is the order of labels.
    static func hasPrefix(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "^") else { return false }
        var i = 1
        while i < bytes.count, isWord(bytes[i]) { i += 1 }
        guard i > 1, i < bytes.count else { return false }
        let rest = bytes[i...]
        return rest.starts(with: "\\.".utf8) || rest.starts(with: "(?=\\.)".utf8) || rest.elementsEqual("$".utf8)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The tags of one of Envoy's names, in Envoy's order. Of several with one name the first is the one, and the others cut nothing.
    func tags(of name: UnsafeBufferPointer<UInt8>) -> [cl_tag_span] {
        let usual = TagExtractor.tags(Array(name)).map { (name: $0.name, span: cl_tag_span($0)) }
        var found: [cl_tag_span] = []
        var names: [String] = []
        func add(_ name: String, _ span: cl_tag_span) {
            if names.contains(name) { return }
            names.append(name)
            found.append(span)
        }
        func ask(_ item: Item) {
            if let known = item.usual {
                for tag in usual where tag.name == known { add(item.name, tag.span) }
            } else if let pattern = item.pattern {
                if names.contains(item.name) { return }
                guard let match = pattern.groups(in: name) else { return }
                add(
                    item.name,
                    cl_tag_span(
                        tag: item.number, cut_start: UInt16(clamping: match.first.lowerBound),
                        cut_length: UInt16(clamping: match.first.count),
                        value_start: UInt16(clamping: match.value.lowerBound),
                        value_length: UInt16(clamping: match.value.count), reserved: 0))
            } else {
                add(
                    item.name,
                    cl_tag_span(
                        tag: item.number, cut_start: 0, cut_length: 0, value_start: 0, value_length: 0, reserved: 0))
            }
        }
        if usesDefaults { for tag in usual where tag.name.isGeneral { add(tag.name.text, tag.span) } }
        for item in general { ask(item) }
        if usesDefaults { for tag in usual where !tag.name.isGeneral { add(tag.name.text, tag.span) } }
        for item in behindPrefix { ask(item) }
        return found
    }

    private func item(_ number: UInt16) -> Item? {
        let i = Int(number) - Int(Self.firstNumber)
        return byNumber.indices.contains(i) ? byNumber[i] : nil
    }

    /// As Prometheus has it.
    func label(_ number: UInt16) -> String { item(number)?.label ?? emptyLabel }

    func name(_ number: UInt16) -> String { item(number)?.name ?? emptyLabel }

    /// nil: it stands in the stat's name.
    func value(_ number: UInt16) -> String? {
        guard let item = item(number), item.pattern == nil else { return nil }
        return item.value
    }
}

extension TagName {
    /// Envoy's, in the order of the raw values.
    static let envoys = (0..<UInt16(envoyCount)).compactMap { TagName(rawValue: $0) }

    /// As Envoy calls it.
    var text: String { "envoy." + "\(labelText)".dropFirst("envoy_".count) }

    /// Envoy asks for it before those of the configuration.
    var isGeneral: Bool { self == .responseCode || self == .responseCodeClass || self == .workerID }
}
