import Testing

@testable import Proxy

@Suite("Admin requests")
struct AdminRequestTests {
    @Test(
        "The path ends at the question mark",
        arguments: [
            ("/stats", "/stats"), ("/stats?usedonly", "/stats"), ("/stats?a=/b?c", "/stats"), ("?usedonly", "/"),
            ("", "/"), ("/stats?", "/stats"), ("*", "*"),
        ])
    func path(target: String, path: String) {
        #expect(AdminRequest(method: "GET", target: target).path == path)
    }

    @Test(
        "Parameters are cut at & and the first =",
        arguments: [
            ("", []), ("a", ["a", ""]), ("a&b=", ["a", "", "b", ""]), ("a=b=c", ["a", "b=c"]),
            ("&&a=1&", ["a", "1"]), ("filter=^a$", ["filter", "^a$"]), ("=x", ["", "x"]),
            ("us%65donly", ["usedonly", ""]), ("a=1&a=2", ["a", "1", "a", "2"]),
        ])
    func parameters(text: String, expected: [String]) {
        #expect(AdminQuery(text).parameters.flatMap { [$0.name, $0.value] } == expected)
    }

    @Test(
        "Escapes are decoded, what is no escape stays",
        arguments: [
            ("%5Ehttp%2e", "^http."), ("a+b", "a+b"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%%41", "%A"),
            ("%4g%41", "%4gA"), ("%c3%a4", "ä"), ("a%26b", "a&b"), ("%2541", "%41"),
        ])
    func decoding(text: String, expected: String) {
        #expect(AdminQuery.decoded(text) == expected)
    }

    @Test("The first value counts, an empty one is none")
    func firstValue() {
        let query = AdminQuery("a=1&a=2&b&c=")
        #expect(query["a"] == "1")
        #expect(query["b"] == nil)
        #expect(query["c"] == nil)
        #expect(query.has("b") && query.has("c") && !query.has("d"))
    }
}
