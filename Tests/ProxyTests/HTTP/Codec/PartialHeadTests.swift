import Testing

@testable import Proxy

/// Heads that come in pieces: each is found to be complete with its last byte, and is not looked at too often.
@Suite struct PartialHeadTests {
    private struct Course {
        /// Bytes that had come when the parser had something to say; nil: it never had.
        var decidedAt: Int?
        var failed = false
        /// Bytes that the parser was given, all calls together.
        var looked = 0
    }

    /// Gives the bytes in pieces to the parser, as a worker does. `always`: after each piece.
    private func run(_ bytes: [UInt8], limits: HeadLimits, always: Bool = false, piece: () -> Int = { 1 }) -> Course {
        var head = MessageHead(capacity: limits.fields + 1)
        defer { head.free() }
        var course = Course()
        var parsed = 0
        var before = 0
        bytes.withUnsafeBufferPointer { all in
            let base = all.baseAddress!
            while before < all.count, course.decidedAt == nil {
                let count = min(piece(), all.count - before)
                let isWorth = PartialHead.isWorthParsing(
                    base + before, count: count, before: before, parsed: parsed, limit: limits.bytes)
                before += count
                if !isWorth, !always { continue }
                course.looked += min(before, limits.bytes)
                switch head.parseRequest(base, before, limits: limits) {
                case .incomplete: parsed = before
                case .complete: course.decidedAt = before
                case .failed:
                    course.decidedAt = before
                    course.failed = true
                }
            }
        }
        return course
    }

    private static let limits = HeadLimits(bytes: 60 * 1024, fields: 100)

    private static func fields(_ count: Int, _ size: Int) -> [UInt8] {
        var text = "GET / HTTP/1.1\r\nhost: a\r\n"
        for i in 0..<count { text += "x\(i): " + String(repeating: "v", count: size) + "\r\n" }
        return Array((text + "\r\n").utf8)
    }

    @Test(arguments: [(0, 0), (1, 1), (3, 500), (98, 1), (98, 500), (1, 50_000), (40, 1200)])
    func aHeadIsCompleteWithItsLastByte(_ count: Int, _ size: Int) {
        let bytes = Self.fields(count, size)
        let course = run(bytes, limits: Self.limits)
        #expect(course.decidedAt == bytes.count)
        #expect(!course.failed)
        #expect(course.looked < 100 * bytes.count)
    }

    /// Without a limit of fields that would end it soon.
    @Test func thousandsOfShortLines() {
        let bytes = Self.fields(10_000, 0)
        let course = run(bytes, limits: HeadLimits(bytes: 1 << 20, fields: 20_000))
        #expect(course.decidedAt == bytes.count)
        #expect(!course.failed)
        #expect(course.looked < 100 * bytes.count)
    }

    @Test func emptyLinesInFront() {
        let lines = [UInt8](repeating: 0, count: 30_000).flatMap { _ in [ASCII.cr, ASCII.lf] }
        for count in [1, 2, 100, 30_000] {
            let bytes = lines.prefix(2 * count) + Self.fields(2, 10)
            let course = run(Array(bytes), limits: Self.limits)
            #expect(course.decidedAt == bytes.count)
            #expect(!course.failed)
            #expect(course.looked < 100 * bytes.count)
        }
    }

    /// Too much is refused with the first byte that is too much, whatever it is.
    @Test(arguments: ["a", "\r\n", "x: y\r\n", "GET / HTTP/1.1\r\nhost: a\r\nx: "])
    func tooMuch(_ start: String) {
        var bytes = Array(start.utf8)
        while bytes.count < 70_000 { bytes += start.hasPrefix("GET") ? [ASCII.colon] : Array(start.utf8) }
        let course = run(bytes, limits: Self.limits)
        #expect(course.failed)
        #expect(course.decidedAt ?? .max <= Self.limits.bytes + 1)
        #expect(course.looked < 100 * bytes.count)
    }

    /// What is wrong in the middle of a head is refused when it has doubled, at the latest.
    @Test func whatIsNoHTTPIsRefusedSoon() {
        for place in [1, 10, 1000, 20_000] {
            var bytes = Self.fields(1, 50_000)
            bytes[place] = 0
            let course = run(bytes, limits: Self.limits)
            #expect(course.failed)
            #expect(course.decidedAt ?? .max <= 2 * place + 2)
        }
    }

    /// Pieces of any size: the parser is asked when it has the last byte of a head, as it is when it is always asked.
    @Test func anyPieces() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let size = Int.random(in: 0...200, using: &random)
            let bytes = Self.fields(Int.random(in: 0...20, using: &random), size) + Array("GET /next".utf8)
            let pieces = (0..<bytes.count).map { _ in Int.random(in: 1...40, using: &random) }
            var (first, second) = (pieces.makeIterator(), pieces.makeIterator())
            let course = run(bytes, limits: Self.limits) { first.next()! }
            let always = run(bytes, limits: Self.limits, always: true) { second.next()! }
            #expect(course.decidedAt == always.decidedAt)
            #expect(!course.failed)
        }
    }
}
