import ProxyConfig
import Testing

@testable import Proxy

/// Headers that routes add and remove, as lines and as bytes. `Tests/EnvoyCases/Cases/header_mutation.txt` has what Envoy does.
@Suite struct HeaderChangeTests {
    private static let head = "GET /a HTTP/1.1\r\nhost: h\r\nx-a: 1\r\nx-ab: 2\r\nx-a: 3\r\nx-e:\u{20}\r\n"

    /// What becomes of the head behind something else in the same memory.
    private func change(_ action: HeaderAction, _ name: String, _ value: String) -> String {
        let out = OutputScratch(capacity: 8)
        out.append("before")
        out.append(Bytes(keeping: Self.head))
        HeadLines(out, from: 6).change(action, Bytes(keeping: name), Bytes(keeping: value))
        #expect(Bytes(out.bytes, 6).string == "before")
        return Bytes(out.bytes + 6, out.count - 6).string
    }

    private func replaced(_ old: String, _ new: String) -> String {
        Self.head.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }

    @Test func removes() {
        #expect(change(.remove, "x-a", "") == "GET /a HTTP/1.1\r\nhost: h\r\nx-ab: 2\r\nx-e: \r\n")
        #expect(change(.remove, "x-e", "") == replaced("x-e: \r\n", ""))
        #expect(change(.remove, "x", "") == Self.head && change(.remove, "get /a http/1.1", "") == Self.head)
    }

    @Test func adds() {
        let long = String(repeating: "v", count: 3000)
        #expect(change(.append, "x-a", long) == Self.head + "x-a: \(long)\r\n")
        #expect(change(.append, "x-n", "") == Self.head + "x-n: \r\n")
        #expect(change(.addIfAbsent, "x-n", "v") == Self.head + "x-n: v\r\n")
        #expect(change(.addIfAbsent, "x-e", "v") == Self.head)
        #expect(change(.join, "x-ab", long) == replaced("x-ab: 2", "x-ab: 2,\(long)"))
        #expect(change(.join, "x-n", "v") == Self.head + "x-n: v\r\n")
    }

    @Test func overwrites() {
        let changed = "GET /a HTTP/1.1\r\nhost: h\r\nx-ab: 2\r\nx-e: \r\nx-a: v\r\n"
        #expect(change(.overwriteOrAdd, "x-a", "v") == changed && change(.overwriteIfExists, "x-a", "v") == changed)
        #expect(change(.overwriteOrAdd, "x-n", "v") == Self.head + "x-n: v\r\n")
        #expect(change(.overwriteIfExists, "x-n", "v") == Self.head)
    }

    @Test func lines() throws {
        let out = OutputScratch(capacity: 8)
        out.append(Bytes(keeping: Self.head))
        let lines = HeadLines(out, from: 0)
        #expect((0..<4).map { lines.word($0).string } == ["GET", "/a", "HTTP/1.1", ""])
        let first = try #require(lines.find(Bytes("x-a")))
        let second = try #require(lines.find(Bytes("x-a"), after: first))
        #expect([first, second].map { lines.value($0).string } == ["1", "3"])
        #expect(lines.find(Bytes("x-a"), after: second) == nil)
        #expect(lines.find(Bytes("x-e")).map { lines.value($0).string } == "")
    }

    @Test func replaces() {
        func replaced(_ body: (HeadLines) -> Void) -> String {
            let out = OutputScratch(capacity: 8)
            out.append("before")
            out.append(Bytes(keeping: Self.head))
            body(HeadLines(out, from: 6))
            #expect(Bytes(out.bytes, 6).string == "before")
            return Bytes(out.bytes + 6, out.count - 6).string
        }
        let long = String(repeating: "v", count: 3000)
        for text in ["", "/b", long] {
            #expect(replaced { $0.replaceWord(1, by: Bytes(keeping: text)) } == self.replaced("/a ", "\(text) "))
            let line = "GET \(text)\r\n"
            #expect(
                replaced { $0.replaceStartLine(fromWord: 1, by: Bytes(keeping: text)) }
                    == self.replaced("GET /a HTTP/1.1\r\n", line))
            #expect(
                replaced { lines in
                    if let host = lines.find(Bytes("host")) {
                        lines.replace(host.value, host.end, by: Bytes(keeping: text))
                    }
                } == self.replaced("host: h", "host: \(text)"))
        }
    }

    // MARK: As bytes

    private func kept(_ changes: [(HeaderAction, String, String)]) -> [UInt8] {
        let out = OutputScratch(capacity: 8)
        for (action, name, value) in changes {
            KeptChanges.write(action, Bytes(keeping: name), Bytes(keeping: value), to: out)
        }
        return Array(UnsafeBufferPointer(start: out.bytes, count: out.count))
    }

    private func read(_ bytes: [UInt8]) -> (isWhole: Bool, isSound: Bool, texts: [String]) {
        let memory = GuardedMemory(capacity: bytes.count)
        let changes = KeptChanges(memory.place(bytes), bytes.count)
        var texts: [String] = []
        let isWhole = changes.forEach { texts.append("\($0) \($1.string): \($2.string)") }
        return (isWhole, changes.areSound, texts)
    }

    @Test func comeBackAsTheyWere() {
        let value = String(repeating: "v", count: 70_000)
        let found = read(kept([(.remove, "x-a", ""), (.join, "vary", value), (.overwriteIfExists, "x-b", "")]))
        #expect(found.isWhole && found.isSound)
        #expect(found.texts == ["remove x-a: ", "join vary: \(value)", "overwriteIfExists x-b: "])
        #expect(read([]).isSound)
    }

    @Test func damagedOnesAreRefused() {
        let good = kept([(.append, "x-a", "value")])
        for cut in 1..<good.count { #expect(!read(Array(good.prefix(cut))).isWhole) }
        for (name, value) in [("X-A", "v"), ("x a", "v"), ("x-a", "v\r\nx-b: w"), ("x-a", "\u{7F}"), ("x:", "v")] {
            #expect(!read(kept([(.append, name, value)])).isSound, "\(name): \(value)")
        }
        // Of a newer build: nothing that this one could do.
        var newer = good
        newer[0] = 99
        #expect(read(newer) == (true, true, []))
        var seed: UInt64 = 3
        for _ in 0..<2000 {
            var damaged = good
            seed = seed &* 6_364_136_223_846_793_005 &+ 1
            damaged[Int(seed >> 33) % damaged.count] = UInt8(truncatingIfNeeded: seed >> 20)
            _ = read(damaged)
        }
    }

    /// Overwriting comes before adding, level by level.
    @Test func theOrderOfChanges() throws {
        func addition(_ name: String, _ action: AppendAction) -> HeaderAddition {
            var addition = HeaderAddition(name: name, value: [.literal("v")])
            addition.action = action
            return addition
        }
        var first = HeaderChanges()
        first.added = [addition("a", .append), addition("b", .overwriteOrAdd), addition("vary", .append)]
        first.removed = ["c"]
        var second = HeaderChanges()
        second.added = [addition("d", .addIfAbsent), addition("e", .overwriteIfExists)]
        let compiled = try #require(CompiledChanges([first, HeaderChanges(), second], isRequest: false))
        let all = (0..<compiled.count).map { compiled.changes[$0] }
        #expect(all.map(\.name.string) == ["c", "b", "a", "vary", "e", "d"])
        #expect(all.map(\.action) == [.remove, .overwriteOrAdd, .append, .join, .overwriteIfExists, .addIfAbsent])
        #expect(all.map(\.endsLevel) == [false, false, false, true, false, true])
        #expect(CompiledChanges([HeaderChanges()], isRequest: true) == nil)
    }
}
