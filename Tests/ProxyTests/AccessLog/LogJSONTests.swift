import ProxyConfig
import Testing

@testable import Proxy

/// JSON lines. What is expected here Envoy 1.40 has written.
@Suite struct LogJSONTests {
    private static func template(_ text: String) throws -> LogValue { .template(try LogFormatParser.parse(text)) }

    private static func line(
        _ members: [(String, LogValue)], omitsEmpty: Bool = false, _ change: (LogScene) -> Void = { _ in }
    ) -> String {
        let value = LogValue.object(members.map { LogMember($0.0, $0.1) })
        let scene = LogScene([LogFormat(.json(value), omitsEmpty: omitsEmpty)])
        change(scene)
        return scene.text
    }

    @Test func typesAreKept() throws {
        let members: [(String, LogValue)] = [
            ("b", .bool(true)), ("code", try Self.template("%RESPONSE_CODE%")),
            ("lst", .list([try Self.template("%DURATION%"), try Self.template("x"), .null, .number("-3")])),
            ("mixed", try Self.template("a-%RESPONSE_CODE%-%REQ(none)%")), ("none", try Self.template("%REQ(none)%")),
            ("o", .object([LogMember("e", .object([])), LogMember("l", .list([]))])),
            ("pct", try Self.template("%%")), ("q\"", try Self.template("\\")),
            ("status", try Self.template("%RESP(:STATUS)%")), ("empty", try Self.template("")),
        ]
        let line = Self.line(members) { $0.facts.status = 200 }
        #expect(
            line == #"{"b":true,"code":200,"lst":[12,"x",null,-3],"mixed":"a-200--","none":null,"o":{"e":{},"l":[]},"#
                + #""pct":"%","q\"":"\\","status":"200","empty":""}"# + "\n")
    }

    @Test func whatIsEmptyIsLeftOut() throws {
        let none = try Self.template("%REQ(none)%")
        let members: [(String, LogValue)] = [
            ("e", .object([])), ("es", try Self.template("")), ("l", .list([])), ("l2", .list([none])),
            ("l3", .list([.object([LogMember("a", none)]), .list([])])),
            ("m", try Self.template("%REQ(none)%%REQ(none)%")), ("n", .null),
            ("o", .object([LogMember("x", none), LogMember("y", .object([LogMember("z", none)]))])),
        ]
        #expect(Self.line(members, omitsEmpty: true) == #"{"es":"","l":[],"l2":[],"l3":[[]],"m":""}"# + "\n")
        #expect(
            Self.line(members)
                == #"{"e":{},"es":"","l":[],"l2":[null],"l3":[{"a":null},[]],"m":"--","n":null,"o":{"x":null,"y":{"z":null}}}"#
                + "\n")
        #expect(Self.line([("n", .null)], omitsEmpty: true) == "{}\n")
    }

    @Test func textsAreEscaped() throws {
        let line = Self.line([("a", try Self.template("é%REQ(x)%")), ("b", try Self.template("%REQ(y)%"))]) {
            $0.set(.request, "x", [UInt8(ascii: "a"), 0xFF, 0xFE, UInt8(ascii: "b")])
            $0.set(.request, "y", "a\u{1}\u{7f}\u{8}\u{c}\n\r\tb/<>&'\"\\é")
        }
        #expect(line == #"{"a":"éa\u00ff\u00feb","b":"a\u0001"# + "\u{7f}" + #"\b\f\n\r\tb/<>&'\"\\é"}"# + "\n")
    }

    @Test(arguments: [
        ([UInt8]("é€😀".utf8), true), ([0xC3], false), ([0xC0, 0x80], false), ([0xED, 0xA0, 0x80], false),
        ([0xF4, 0x90, 0x80, 0x80], false), ([0xF4, 0x8F, 0xBF, 0xBF], true), ([0xE0, 0x80, 0x80], false),
        ([0xE2, 0x82], false), ([0x80], false), ([0xF5, 0x80, 0x80, 0x80], false), ([0xF0, 0x9F, 0x98, 0x41], false),
        ([], true),
    ])
    func whatIsUTF8(_ bytes: [UInt8], _ expected: Bool) {
        let found = (bytes + [0]).withUnsafeBufferPointer { JSONText.isUTF8($0.baseAddress!, bytes.count) }
        #expect(found == expected)
    }
}
