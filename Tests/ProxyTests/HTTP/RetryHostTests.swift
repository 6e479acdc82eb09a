import ProxyConfig
import Testing

@testable import Proxy

/// Where a request is sent again, and when its host says so. `Tests/EnvoyCases` has the same against the real Envoy.
@Suite struct RetryHostTests {
    // MARK: Hosts

    private static func endpoint(_ metadata: String) throws -> Endpoint {
        let address = "address: {socket_address: {address: 127.0.0.1, port_value: 1}}"
        let text = """
            static_resources:
              clusters:
              - name: c
                load_assignment:
                  cluster_name: c
                  endpoints: [{lb_endpoints: [{endpoint: {\(address)}, metadata: {filter_metadata: {\(metadata)}}}]}]
            """
        let loaded = try BootstrapLoader.load(file: (name: "envoy.yaml", text: Array(text.utf8)), inline: nil)
        return try #require(loaded.bootstrap.clusters.first?.endpoints.first)
    }

    @Test(arguments: [
        ("a: b", true), ("a: \"b\"", true), ("a: B", false), ("a: [c, b]", true), ("a: [[b]]", false), ("b: b", false),
        ("a: b, x: 1", true), ("a: bb", false), ("a: {b: b}", false), ("a: true", false), ("a: []", false),
    ])
    func labels(metadata: String, isSame: Bool) throws {
        let labels = Bytes(keeping: try Self.endpoint("envoy.lb: {\(metadata)}").labels)
        let tests = try #require(LabelTests([["\"a\"\u{1}\"b\""]]))
        #expect(tests.anyHolds(labels) == isSame)
    }

    @Test func allOfOneList() throws {
        let endpoint = try Self.endpoint("envoy.lb: {n: 3, deep: {b: [x], a: 1}, canary: true}, other: {z: z}")
        #expect(endpoint.isCanary)
        let labels = Bytes(keeping: endpoint.labels)
        let (n, deep) = ("\"n\"\u{1}3", "\"deep\"\u{1}{\"a\":1,\"b\":[\"x\"]}")
        let no = "\"z\"\u{1}\"z\""
        #expect(LabelTests([]) == nil)
        #expect(LabelTests([[n, deep]])?.anyHolds(labels) == true)
        #expect(LabelTests([[n, no]])?.anyHolds(labels) == false)
        #expect(LabelTests([[n, no], [deep]])?.anyHolds(labels) == true)
        #expect(LabelTests([[no, n], [no]])?.anyHolds(labels) == false)
        #expect(try Self.endpoint("envoy.lb: {canary: \"true\"}").isCanary == false)
        #expect(try Self.endpoint("other: {canary: true}").labels.isEmpty)
    }

    @Test func hostsThatWereTried() {
        var hosts = AttemptedHosts()
        #expect(!hosts.contains(0))
        for host in 0..<9 as Range<Int32> { hosts.note(host) }
        #expect(!hosts.contains(0) && (1..<9).allSatisfy { hosts.contains($0) })
    }

    // MARK: Priorities

    @Test func prioritiesAreExcludedAfterSoManyTries() {
        var tried = TriedPriorities()
        let all: (TriedPriorities.Bits) -> Bool = { bits in (0..<3 as Range<UInt32>).contains { !bits.contains($0) } }
        tried.note(0)
        #expect(!tried.apply(every: 2, isAnyLeft: all) && !tried.apply(every: 0, isAnyLeft: all))
        tried.note(1)
        #expect(tried.apply(every: 2, isAnyLeft: all) && tried.excluded.contains(1) && !tried.excluded.contains(2))
        // Not yet, but what is excluded stays so.
        tried.note(2)
        #expect(tried.apply(every: 2, isAnyLeft: all) && !tried.excluded.contains(2))
        tried.note(128)
        // All are: it begins anew.
        #expect(tried.apply(every: 2, isAnyLeft: all) && tried == TriedPriorities())
        tried.note(0)
        #expect(!tried.apply(every: 1) { _ in false } && tried == TriedPriorities())
        var bits = TriedPriorities.Bits()
        for priority in [0, 63, 64, 128, 191, 192, .max] as [UInt32] { bits.insert(priority) }
        #expect((0..<300 as Range<UInt32>).filter { bits.contains($0) } == [0, 63, 64, 128, 191])
    }

    private static func level(_ priority: UInt32, _ availability: UInt32, isDegraded: Bool = false) -> WorkerLevel {
        let place = UnsafeMutablePointer<WorkerPlace>.allocate(capacity: 1)
        place.initialize(to: WorkerPlace([], next: 0))
        return WorkerLevel(
            priority: priority, isDegraded: isDegraded, load: 0, availability: availability, isPanic: false,
            places: place, placeCount: 1)
    }

    @Test func whatIsLeftTakesTheLoad() {
        var used = WorkerLevels([Self.level(0, 100), Self.level(0, 50, isDegraded: true)])
        var others = WorkerLevels([Self.level(1, 30), Self.level(2, 60), Self.level(1, 20, isDegraded: true)])
        defer {
            used.free()
            others.free()
        }
        let levels = RetryLevels(used, others)
        var excluded = TriedPriorities.Bits()
        func spread() -> [String] {
            var counts: [String: Int] = [:]
            for percent in 0..<100 as Range<UInt64> {
                let level = levels.choose(without: excluded, percent)
                counts[level.map { "\($0.pointee.priority)\($0.pointee.isDegraded ? "d" : "")" } ?? "-", default: 0] +=
                    1
            }
            return counts.map { "\($0.key) \($0.value)" }.sorted()
        }
        #expect(levels.count == 5 && levels.availability(excluded) == 100)
        #expect(spread() == ["0 100"])
        excluded.insert(0)
        #expect(spread() == ["1 30", "1d 10", "2 60"])
        excluded.insert(2)
        #expect(levels.availability(excluded) == 50)
        #expect(spread() == ["1 60", "1d 40"])
        excluded.insert(1)
        #expect(levels.availability(excluded) == 0 && levels.choose(without: excluded, 0) == nil)
    }

    @Test func prioritiesWithoutLoadAreKnown() throws {
        var cluster = Cluster(name: "c", location: SourceLocation(file: "e.yaml", line: 1, column: 1))
        cluster.groups = (0..<3).map { EndpointGroup(priority: $0, locality: Locality()) }
        let members = [(0, HostState.healthy), (1, .failed), (2, .healthy), (2, .degraded)].map {
            HostSpread.Member(group: $0.0, state: $0.1)
        }
        let selection = try #require(HostSpread.selection(cluster, members))
        #expect(selection.levels.map(\.priority) == [0] && selection.levels[0].availability == 100)
        #expect(selection.others.map(\.priority) == [2, 2] && selection.others.map(\.isDegraded) == [false, true])
        #expect(selection.others.map(\.availability) == [70, 70])
    }

    // MARK: Times

    private static func wait(_ lines: String, maxMs: UInt64 = 300_000, now: UInt64 = 1000) -> UInt64 {
        var backOff = RateLimitedBackOff()
        backOff.headers = [
            .init(name: "x-at", format: .unixTimestamp), .init(name: "retry-after", format: .seconds),
        ]
        backOff.maxMs = maxMs
        let headers = ResetHeaders(backOff)
        return withResponse("HTTP/1.1 503 X\r\n\(lines)\r\n\r\n") { headers.wait($0, nowSeconds: now) } / 1_000_000_000
    }

    private static func withResponse<Result>(_ text: String, _ body: (RoutedRequest) -> Result) -> Result {
        let bytes = Array(text.utf8)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + MessageHead.slack)
        memory.initialize(repeating: 0, count: bytes.count + MessageHead.slack)
        memory.update(from: bytes, count: bytes.count)
        var head = MessageHead(capacity: 100)
        defer {
            head.free()
            memory.deallocate()
        }
        _ = head.parseResponse(
            memory, bytes.count, limits: HeadLimits(bytes: 65536, fields: 100), requestMethod: .get,
            slack: MessageHead.slack)
        return withUnsafeMutablePointer(to: &head) { body(RoutedRequest(head: $0)) }
    }

    @Test(arguments: [
        ("retry-after: 5", 5), ("Retry-After:  300 ", 300), ("retry-after: 301", 0), ("retry-after: 0", 0),
        ("retry-after: -1", 0), ("retry-after: x", 0), ("retry-after: 99999999999999999999", 0), ("x-at: 1007", 7),
        ("x-at: 999", 0), ("x-at: 1000\r\nretry-after: 3", 0), ("x-at: 999\r\nretry-after: 3", 3),
        ("x-at: 9999\r\nretry-after: 3", 3), ("retry-after: 4\r\nretry-after: 5", 4), ("a: b", 0),
    ])
    func times(lines: String, seconds: UInt64) {
        #expect(Self.wait(lines) == seconds)
    }

    @Test func noLongerThanAllowed() {
        #expect(Self.wait("retry-after: 2", maxMs: 2000) == 2 && Self.wait("retry-after: 2", maxMs: 1999) == 0)
    }

    @Test func headersThatRequestsName() {
        var state = RetryState()
        defer { state.headerNames.free() }
        let response = "HTTP/1.1 200 OK\r\nX-Again: \r\n\r\n"
        #expect(!Self.withResponse(response) { state.hasNamedHeader($0) })
        for (names, isThere) in [("x-no,, x-agai", false), ("x-no, x-again", true), (":status", true), (",", false)] {
            state.headerNames.free()
            state.headerNames.append(Array(names.utf8), names.utf8.count)
            #expect(Self.withResponse(response) { state.hasNamedHeader($0) } == isThere, "\(names)")
        }
    }

    // MARK: The record

    @Test func travels() throws {
        var state = RetryState()
        defer { state.headerNames.free() }
        state.policy.hostAttempts = 4
        state.policy.avoids = .canaries
        state.policy.priorityFrequency = 2
        state.limitedTries = 3
        state.tried.note(0)
        state.tried.note(128)
        state.tried.excluded.insert(0)
        state.tried.excluded.insert(64)
        state.headerNames.append(Array("x-a,x-b".utf8), 7)
        var out = RecordWriter(capacity: 64)
        RetryRecord.write(state, StreamRecord.retryTag, into: &out)
        let bytes = Array(out.bytes)
        try bytes.withUnsafeBufferPointer { buffer in
            let record = try StreamRecord(RecordBytes(try #require(buffer.baseAddress), buffer.count))
            let read = try #require(record.retry)
            #expect(read.policy.avoids == .canaries && read.policy.priorityFrequency == 2 && read.limitedTries == 3)
            #expect(read.tried == state.tried && read.policy.hasNames && read.headerNames.isEmpty)
            let names = UnsafeBufferPointer(start: record.retryNames.start, count: record.retryNames.count)
            #expect(String(decoding: names, as: UTF8.self) == "x-a,x-b")
        }
    }

    /// One that looks past hosts by their metadata only.
    @Test func nothingElseIsAvoided() throws {
        var state = RetryState()
        state.policy.hostAttempts = 2
        var out = RecordWriter(capacity: 64)
        RetryRecord.write(state, StreamRecord.retryTag, into: &out)
        let bytes = Array(out.bytes)
        try bytes.withUnsafeBufferPointer { buffer in
            let record = try StreamRecord(RecordBytes(try #require(buffer.baseAddress), buffer.count))
            #expect(record.retry?.policy.avoids == [])
        }
    }

    /// They know of one predicate only.
    @Test func ofAnOlderBuild() throws {
        var out = RecordWriter(capacity: 64)
        let record = out.begin(StreamRecord.retryTag)
        out.number(6, 5)
        out.end(record)
        let bytes = Array(out.bytes)
        try bytes.withUnsafeBufferPointer { buffer in
            let record = try StreamRecord(RecordBytes(try #require(buffer.baseAddress), buffer.count))
            #expect(record.retry?.policy.avoids == .previous && record.retry?.policy.hostAttempts == 5)
            #expect(record.retryNames.count == 0 && record.retry?.policy.hasNames == false)
        }
    }

    /// Times that a host has given do not make the others longer.
    @Test func backOffDoublesForItself() {
        var state = RetryState()
        state.attempts = 5
        state.limitedTries = 4
        #expect((0..<1000).allSatisfy { state.backOff($0 &* 999_983_333) < 25_000_000 })
        // From another process.
        state.limitedTries = 9
        #expect(state.backOff(.max) < 25_000_000)
    }
}
