import Testing

@testable import ProxyConfig

@Suite("JSON of the admin listener")
struct JSONTests {
    @Test(
        "Values",
        arguments: [
            (JSON.object([:]), "{}\n"), (.array([]), "[]\n"), (.string(""), "\"\"\n"),
            (.number(UInt64.max), "18446744073709551615\n"), (.bool(true), "true\n"), (.bool(false), "false\n"),
            (.string("\0\u{7f}\u{85}\u{9b}\u{a0}"), "\"\\u0000\\u007f\\u0085\\u009b\u{a0}\"\n"),
            (.string("a\"b\\c\n\r\t\u{1}\u{1f}ä"), #""a\"b\\c\n\r\t\u0001\u001fä""# + "\n"),
        ])
    func values(value: JSON, text: String) {
        #expect(value.text == text)
    }

    @Test("Each level is one space deeper, keys stay in order")
    func nesting() {
        let value = JSON.object([
            "b": .array([.number(1), .object(["x": .bool(true)])]), "a": .object(["empty": .object([:])]),
        ])
        #expect(
            value.text == """
                {
                 "b": [
                  1,
                  {
                   "x": true
                  }
                 ],
                 "a": {
                  "empty": {}
                 }
                }

                """)
    }
}
