import ProxyConfig
import Testing

@testable import Proxy

/// What `normalize_path` and its like make of a path. `Tests/EnvoyCases/Cases` has more, against the real Envoy.
@Suite struct PathNormalizerTests {
    private func normalize(_ path: String, _ normalizer: PathNormalizer) -> (PathNormalizer.Outcome, String) {
        let memory = GuardedMemory()
        let bytes = Array(path.utf8)
        let room = UnsafeMutablePointer<UInt8>.allocate(capacity: max(PathNormalizer.room(for: bytes.count), 1))
        defer { room.deallocate() }
        let outcome = normalizer.normalize(
            UnsafeBufferPointer(start: memory.place(bytes), count: bytes.count), to: room)
        switch outcome {
        case .path(let count), .redirect(let count): return (outcome, Bytes(room, count).string)
        case .refused: return (outcome, "")
        }
    }

    @Test(arguments: [
        ("/", "/"), ("/a/./b", "/a/b"), ("/a/../b", "/b"), ("/..", "/"), ("/../../a", "/a"), ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"), ("/a//../b", "/a/b"), ("//..//a", "//a"), ("/a/..b", "/a/..b"), ("/a/...", "/a/..."),
        ("/a\\..\\b", "/b"), ("/a/%2E%2e/b", "/b"), ("/%61%7e%2F%20", "/a~%2F%20"), ("/%", "/%"), ("/%4", "/%4"),
        ("/%zz", "/%zz"), ("/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"), ("/a/..;x/b", "/b"),
        ("/a/;/../b", "/a/b"), ("/%252e", "/%252e"),
    ])
    func canonical(_ path: String, _ expected: String) {
        let normalizer = PathNormalizer(isOn: true)
        let (outcome, found) = normalize(path, normalizer)
        #expect(found == expected)
        #expect(outcome == .path(expected.utf8.count))
        #expect(normalize(found, normalizer).1 == found)
    }

    /// As in Envoy, which does not see these parameters once the dot is no escape any more.
    @Test func anEscapedDotWithParametersStays() {
        #expect(normalize("/a/%2e;/c", PathNormalizer(isOn: true)).1 == "/a/.;/c")
    }

    @Test(arguments: [
        ("/a/b.c/d-e", true), ("/", true), ("/a/", true), ("/a//b", false), ("/.a", false), ("/a/..", false),
        ("/%41", false),
        ("/a\\b", false), ("/a|", false), ("/a.", true),
    ])
    func mostAreLeftAlone(_ path: String, _ expected: Bool) {
        let normalizer = PathNormalizer(isOn: true)
        #expect(Array(path.utf8).withUnsafeBufferPointer { normalizer.leavesAlone($0) } == expected)
    }

    @Test func aNULIsRefused() { #expect(normalize("/a%00", PathNormalizer(isOn: true)).0 == .refused) }

    @Test(arguments: [
        ("/", "/"), ("//", "//"), ("////", "//"), ("//a", "/a"), ("/a///b//", "/a/b/"), ("/a%2f/", "/a%2f/"),
    ])
    func merged(_ path: String, _ expected: String) {
        #expect(normalize(path, PathNormalizer(mergesSlashes: true)).1 == expected)
    }

    @Test func escapedSlashes() {
        func outcome(_ action: EscapedSlashes, _ path: String) -> (PathNormalizer.Outcome, String) {
            normalize(path, PathNormalizer(isOn: true, escapedSlashes: action))
        }
        #expect(outcome(.reject, "/a%2fb").0 == .refused && outcome(.reject, "/a").0 == .path(2))
        #expect(outcome(.redirect, "/a%2f..%5Cb") == (.redirect(2), "/b") && outcome(.redirect, "/a").0 == .path(2))
        #expect(outcome(.forward, "/a%2F%2e%2e%2fb") == (.path(2), "/b"))
        #expect(outcome(.keep, "/a%2F..") == (.path(7), "/a%2F.."))
    }

    /// Whatever the bytes: nothing is read or written beyond the ends, and no dot segments stay.
    @Test func anyBytes() {
        var seed: UInt64 = 7
        func random(_ limit: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % limit
        }
        let parts = ["/", "//", ".", "..", "%2e", "%2F", "%5c", "%", "%4", "\\", ";", "a", "\"", "%41", "%2", "\u{1}"]
        let normalizer = PathNormalizer(isOn: true, mergesSlashes: true, escapedSlashes: .forward)
        for _ in 0..<20_000 {
            let path = "/" + (0..<random(8)).map { _ in parts[random(parts.count)] }.joined()
            let (_, once) = normalize(path, normalizer)
            let isLeftAlone = Array(path.utf8).withUnsafeBufferPointer { normalizer.leavesAlone($0) }
            #expect(!isLeftAlone || once == path, "\(path) \(once)")
            let segments = once.split(separator: "/", omittingEmptySubsequences: false)
            #expect(once.hasPrefix("/") && !segments.contains(".") && !segments.contains(".."), "\(path) \(once)")
            #expect(!once.contains("\\"), "\(path)")
        }
    }
}
