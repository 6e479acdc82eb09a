import Testing

@testable import ProxyConfig

@Suite("Durations, numbers and suggestions")
struct ValueTests {
    static let durations: [(text: String, milliseconds: UInt64?)] = [
        ("0s", 0), ("1s", 1000), ("0.25s", 250), ("0.000000001s", 1), ("1.9999s", 1999), ("01s", 1000),
        ("315576000000s", ProtoDuration.mostMilliseconds), ("315576000001s", nil), ("9999999999999s", nil),
        ("", nil), ("s", nil), ("5", nil), ("5ms", nil), (".5s", nil), ("5.s", nil), ("1.0000000000s", nil),
        ("1 s", nil), ("+1s", nil), ("--1s", nil), ("1e3s", nil), ("1s ", nil), ("1.2.3s", nil),
    ]

    @Test("durations", arguments: durations)
    func duration(text: String, milliseconds: UInt64?) {
        #expect(ProtoDuration(text)?.milliseconds == milliseconds)
    }

    @Test("negative durations are read as such")
    func negative() {
        #expect(ProtoDuration("-1.5s")?.isNegative == true)
        #expect(ProtoDuration("-1.5s")?.milliseconds == 1500)
    }

    static let numbers: [(text: String, isPlain: Bool, value: Int64?)] = [
        ("0", true, 0), ("12", false, 12), ("-3", true, -3), ("+3", true, 3), ("+3", false, nil), ("1.0", true, 1),
        ("1e3", false, 1000), ("0x1F", true, 31), ("0x1F", false, nil), ("1.5", true, nil), ("010", true, nil),
        ("", false, nil), ("-", true, nil), ("a", true, nil), ("1a", false, nil), (".inf", true, nil),
        (" 1", false, nil), ("999999999", true, 999_999_999),
        ("1234567890", false, 1_234_567_890), ("00", true, nil), ("9223372036854775807", true, .max),
        ("1 ", true, nil), ("\u{661}", true, nil),
    ]

    @Test("whole numbers", arguments: numbers)
    func number(text: String, isPlain: Bool, value: Int64?) {
        #expect(WholeNumber.parse(text, isPlain: isPlain) == value.map { .within($0) })
    }

    @Test("whole numbers beyond 64 bits", arguments: ["99999999999999999999", "0xFFFFFFFFFFFFFFFFFF", "1e30"])
    func beyond(text: String) { #expect(WholeNumber.parse(text, isPlain: true) == .beyond) }

    static let scalars: [(text: String, kind: YAMLScalar.Kind)] = [
        ("", .null), ("~", .null), ("null", .null), ("true", .bool), ("True", .bool), ("yes", .bool),
        ("Y", .bool), ("YES", .bool), ("yEs", .string), ("on", .bool), ("Off", .bool), ("oN", .string), ("n", .bool),
        ("NO", .bool), ("nO", .string), ("t", .string), ("yess", .string), ("one", .string), ("OFF", .bool),
        ("1", .number), ("-1.5e3", .number), (".5", .number), (".", .string), ("1.2.3.4", .string), ("5s", .string),
        ("0x", .string), ("0xfg", .string), (".inf", .number), ("-.INF", .number), ("1e", .string), ("::1", .string),
        ("Null", .null), ("NULL", .null), ("nUll", .string), ("nullx", .string), ("~a", .string),
        ("false", .bool), ("falsetto", .string), (".NaN", .number), ("+.inf", .number), (".infx", .string),
        ("-", .string), ("+", .string), ("++1", .string), ("0", .number), ("0x1F", .number), ("-0x1F", .number),
        ("1_000", .string), ("é", .string),
    ]

    @Test("plain scalars", arguments: scalars)
    func scalar(text: String, kind: YAMLScalar.Kind) {
        #expect(YAMLScalar(text: text, isPlain: true).kind == kind)
        #expect(YAMLScalar(text: text, isPlain: false).kind == .string)
    }

    @Test("the nearest name is suggested, if it is near")
    func suggestion() {
        let names = ["connect_timeout", "type", "name", "node"]
        #expect(Suggestion.nearest(to: "conect_timeout", among: names) == "connect_timeout")
        #expect(Suggestion.nearest(to: "tpye", among: names) == "type")
        #expect(Suggestion.nearest(to: "nome", among: names) == "name")
        #expect(Suggestion.nearest(to: "foo", among: names) == nil)
        #expect(Suggestion.nearest(to: "", among: names) == nil)
        #expect(Suggestion.nearest(to: String(repeating: "x", count: 100_000), among: names) == nil)
        #expect(Suggestion.editDistance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
        #expect(Suggestion.editDistance([], Array("abc".utf8)) == 3)
    }

    @Test("JSON names")
    func jsonNames() {
        #expect(MessageSchema.jsonName("accept_http_10") == "acceptHttp10")
        #expect(MessageSchema.jsonName("ipv4_compat") == "ipv4Compat")
        #expect(
            MessageSchema.downstreamHTTP1Options.canonicalName("defaultHostForHttp10") == "default_host_for_http_10")
        #expect(MessageSchema.cluster.canonicalName("") == nil)
        #expect(MessageSchema.cluster.canonicalName("Name") == nil)
    }

    /// Each is found by both of its names, in every message.
    @Test("field names of all messages")
    func fieldNames() {
        for schema in CompatibilityDocument.sections.flatMap(\.schemas).map(\.schema) {
            for field in schema.fields {
                #expect(schema.canonicalName(field.name) == field.name)
                #expect(schema.canonicalName(MessageSchema.jsonName(field.name)) == field.name)
                #expect(schema.canonicalName(field.name + "x") == nil)
            }
        }
    }

    @Test("text in messages stays on one line")
    func shownText() {
        #expect(quoted("a\nb\u{7F}") == "\"a\\nb\\u{7f}\"")
        #expect(shown(String(repeating: "x", count: 200)).count == 101)
    }
}
