import Testing

@testable import Stats

/// Sorting by eight bytes at a time is sorting by bytes.
struct NameOrderTests {
    private func order(_ names: [String]) -> [String] {
        var all = NameOrder.Names()
        for name in names { all.append(name) }
        return all.sorted().map { names[$0] }
    }

    private func plain(_ names: [String]) -> [String] {
        names.enumerated().sorted {
            let (a, b) = (Array($0.element.utf8), Array($1.element.utf8))
            return a == b ? $0.offset < $1.offset : a.lexicographicallyPrecedes(b)
        }.map(\.element)
    }

    @Test(arguments: [0, 1, 2, 12, 13, 40, 500, 3000])
    func randomNames(count: Int) {
        var random = SystemRandomNumberGenerator()
        // Long common beginnings, ends in the middle of eight bytes, zeros that look like ends, bytes above 127.
        let parts = ["cluster.", "a", "aaaaaaaa", "\0", "\0\0", "é", "z", "service_1.", "", "~"]
        let names = (0..<count).map { _ in
            (0..<Int.random(in: 0..<8, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
        }
        #expect(order(names).map { Array($0.utf8) } == plain(names).map { Array($0.utf8) })
    }

    @Test func equalNamesKeepTheirOrder() {
        var all = NameOrder.Names()
        for _ in 0..<100 { all.append("the same name, longer than eight bytes") }
        #expect(all.sorted() == Array(0..<100))
        var short = NameOrder.Names()
        for i in 0..<100 { short.append(i % 2 == 0 ? "b" : "a") }
        #expect(short.sorted() == Array(stride(from: 1, to: 100, by: 2)) + Array(stride(from: 0, to: 100, by: 2)))
    }
}
