import Glibc
import ProxyConfig
import Stats
import Testing

@testable import Proxy

/// Layers, overrides, and what the workers see of them.
@Suite struct RuntimeTests {
    private struct Scene {
        let runtime: Runtime
        let share: RuntimeShare
        let store = StatsStore.heapOnly(naming: .envoy)

        /// One share of a tenth under the key `k`.
        init(_ layers: [RuntimeLayer]) throws {
            let shares = RuntimeShares()
            share = shares.make(RuntimeFraction(FractionalPercent(10), key: "k"))
            runtime = Runtime(
                layers, shares: shares, serviceCluster: "edge", store: store, writer: store.makeWriter(),
                warn: { _ in })
        }

        /// Of a hundred random numbers, how many are in the share.
        var hits: Int { (0..<UInt64(100)).count { share.contains($0) } }
        func value(_ name: String) -> UInt64? { store.snapshot().value("runtime.\(name)") }
    }

    private static let admin = RuntimeLayer(name: "admin", source: .admin)
    private static func fixed(_ name: String, _ values: [String: String]) -> RuntimeLayer {
        RuntimeLayer(name: name, source: .fixed(values.mapValues { RuntimeValue($0) }))
    }

    @Test func laterLayersOverrideEarlierOnes() throws {
        let scene = try Scene([Self.fixed("one", ["k": "20", "a": "x"]), Self.fixed("two", ["k": "30"]), Self.admin])
        #expect(scene.hits == 30)
        #expect(
            scene.runtime.entries == [
                Runtime.Entry(key: "a", layerValues: ["x", "", ""], finalValue: "x"),
                Runtime.Entry(key: "k", layerValues: ["20", "30", ""], finalValue: "30"),
            ])
        try scene.runtime.modify([("k", "40"), ("new", "n")])
        #expect(scene.hits == 40)
        #expect(scene.runtime.entries.last == Runtime.Entry(key: "new", layerValues: ["", "", "n"], finalValue: "n"))
        #expect(scene.value("num_keys") == 3 && scene.value("admin_overrides_active") == 1)
        try scene.runtime.modify([("k", ""), ("new", ""), ("a", "")])
        #expect(scene.hits == 30 && scene.runtime.entries.count == 2, "an override is taken away, no value of a file")
        #expect(scene.value("admin_overrides_active") == 0)
        #expect(scene.value("load_success") == 3 && scene.value("num_layers") == 3)
    }

    @Test func whatIsNoShareLeavesTheDefault() throws {
        let scene = try Scene([Self.admin])
        #expect(scene.hits == 10 && !scene.share.isNone)
        for (text, hits) in [("abc", 10), ("0", 0), ("1000", 100), ("{numerator: 5, denominator: TEN_THOUSAND}", 5)] {
            try scene.runtime.modify([("k", text)])
            #expect(scene.hits == hits, "\(text)")
            #expect(scene.share.isNone == (hits == 0))
        }
    }

    @Test func withoutAnAdminLayerNothingIsModified() throws {
        let scene = try Scene([Self.fixed("one", ["k": "20"])])
        #expect(throws: Runtime.ModifyError.noAdminLayer) { try scene.runtime.modify([("k", "1")]) }
        scene.runtime.adopt(RuntimeRecord(overrides: [.init(key: "k", value: "1")]))
        #expect(scene.hits == 20)
    }

    @Test func overridesAreBounded() throws {
        let scene = try Scene([Self.admin])
        try scene.runtime.modify((0..<Runtime.maxOverrides).map { ("key.\($0)", "1") })
        #expect(throws: Runtime.ModifyError.full) { try scene.runtime.modify([("k", "50")]) }
        #expect(scene.hits == 10)
        try scene.runtime.modify([("key.0", ""), ("k", "50")])
        #expect(scene.hits == 50)
    }

    @Test func overridesTravel() throws {
        let parent = try Scene([Self.admin])
        try parent.runtime.modify([("k", "70"), ("b", "x y")])
        let record = try RuntimeRecord(parent.runtime.record.encoded())
        #expect(record.overrides == [.init(key: "b", value: "x y"), .init(key: "k", value: "70")])
        let child = try Scene([Self.fixed("one", ["k": "20"]), Self.admin])
        child.runtime.adopt(record)
        #expect(child.hits == 70 && child.runtime.overrides["b"]?.text == "x y")
        child.runtime.adopt(try RuntimeRecord([]))
        #expect(child.hits == 20)
    }

    @Test(arguments: [[0x0A, 0xFF], [0x0A, 0x03, 0x0A, 0x05, 0x61], [0xFF]] as [[UInt8]])
    func aBrokenRecordIsRefused(bytes: [UInt8]) {
        #expect(throws: RecordError.self) { try RuntimeRecord(bytes) }
    }

    // MARK: disk_layer

    @Test func filesAreValues() throws {
        try withDirectory { directory in
            try write("\(directory)/v1/envoy/edge/k", "# a comment\n60\n")
            try write("\(directory)/v1/envoy/edge/some/key", "text\nof two lines\n\n")
            try write("\(directory)/v1/envoy/edge/.hidden", "1")
            symlink("v1", "\(directory)/current")
            let layer = DiskLayer(
                symlinkRoot: "\(directory)/current", subdirectory: "envoy", appendServiceCluster: true)
            let scene = try Scene([RuntimeLayer(name: "disk", source: .disk(layer)), Self.admin])
            #expect(scene.hits == 60)
            #expect(scene.runtime.entries.map(\.finalValue) == ["60", "text\nof two lines"])
            #expect(scene.runtime.entries.map(\.key) == ["k", "some.key"])
            #expect(scene.value("override_dir_exists") == 1)
            let loop = try MainLoop()
            let watcher = MoveWatcher(loop: loop)
            defer { withExtendedLifetime(watcher) {} }
            scene.runtime.watch(watcher)
            try write("\(directory)/v2/envoy/edge/k", "80")
            symlink("v2", "\(directory)/next")
            rename("\(directory)/next", "\(directory)/current")
            #expect(loop.run(until: { scene.hits == 80 }, limitMs: 20_000))
            #expect(scene.runtime.entries.map(\.key) == ["k"])
            // A link that leads in a circle cannot be read: what was known stays.
            symlink("loop", "\(directory)/v2/envoy/edge/loop")
            symlink("v2", "\(directory)/next")
            rename("\(directory)/next", "\(directory)/current")
            #expect(loop.run(until: { scene.value("load_error") == 1 }, limitMs: 20_000))
            #expect(scene.hits == 80)
        }
    }

    @Test func aDirectoryThatIsNotThereHasNoValues() throws {
        let layer = DiskLayer(symlinkRoot: "/nonexistent/root", subdirectory: "", appendServiceCluster: false)
        let scene = try Scene([RuntimeLayer(name: "disk", source: .disk(layer))])
        #expect(scene.hits == 10 && scene.value("load_error") == 0)
    }

    private func withDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/envoyd-runtime-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { removeTree(path) }
        try body(path)
    }

    private func removeTree(_ path: String) {
        if remove(path) == 0 { return }
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { removeTree("\(path)/\(name)") }
        }
        closedir(directory)
        rmdir(path)
    }

    /// Writes a file, with its directories.
    private func write(_ path: String, _ text: String) throws {
        let parts = path.split(separator: "/")
        for count in 1..<parts.count { mkdir("/" + parts.prefix(count).joined(separator: "/"), 0o700) }
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }
}
