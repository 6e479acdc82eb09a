import ProxyConfig
import Testing

@Suite("--config-yaml over the file")
struct MergeTests {
    private let file = """
        node: {id: file, cluster: fileCluster}
        stats_flush_interval: 2s
        admin: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}
        static_resources:
          clusters: [{name: one}]
        """

    @Test("messages merge, scalars replace")
    func scalars() throws {
        let loaded = try load(file, inline: "{node: {id: inline}, statsFlushInterval: 3s}")
        #expect(loaded.bootstrap.node.id == "inline")
        #expect(loaded.bootstrap.node.cluster == "fileCluster")
        #expect(loaded.bootstrap.statsFlushIntervalMs == 3000)
        #expect(loaded.bootstrap.clusters.map(\.name) == ["one"])
    }

    @Test("lists are appended and keep their places")
    func lists() throws {
        let loaded = try load(file, inline: "static_resources: {clusters: [{name: two}]}")
        #expect(loaded.bootstrap.clusters.map(\.name) == ["one", "two"])
        #expect(loaded.bootstrap.clusters.map(\.location.file) == ["envoy.yaml", "--config-yaml"])
    }

    @Test("one field of an address is replaced, null changes nothing")
    func deep() throws {
        let loaded = try load(file, inline: "admin: {address: {socketAddress: {portValue: 9, address: ~}}}\nnode: ~")
        #expect(loaded.bootstrap.admin?.address == .socket(host: "127.0.0.1", port: 9))
        #expect(loaded.bootstrap.node.id == "file")
    }

    @Test("another member of a oneof clears the first")
    func oneof() throws {
        let loaded = try load(file, inline: "admin: {address: {pipe: {path: /a}}}")
        #expect(loaded.bootstrap.admin?.address == .pipe(path: "/a"))
    }

    @Test("inline text alone is a whole configuration")
    func alone() throws {
        let loaded = try BootstrapLoader.load(file: nil, inline: Array("node: {id: x}".utf8))
        #expect(loaded.bootstrap.node.id == "x")
    }

    @Test("errors name the text they stand in, the file's first")
    func places() {
        #expect(
            errors("node: {idd: a}", inline: "{adminn: {}, node: {id: 1}}") == [
                "envoy.yaml:1:8: node.idd: unknown field \"idd\" (did you mean \"id\"?)",
                "--config-yaml:1:2: adminn: unknown field \"adminn\" (did you mean \"admin\"?)",
                "--config-yaml:1:25: node.id: expected a string, got the number 1; put it in quotes",
            ])
    }

    @Test("a name in both is a duplicate")
    func duplicate() {
        #expect(
            errors(file, inline: "static_resources: {clusters: [{name: one}]}") == [
                "--config-yaml:1:38: static_resources.clusters[1].name: "
                    + "duplicate cluster name \"one\", already in envoy.yaml line 5"
            ])
    }

    @Test("syntax errors of both are reported, and nothing that follows from them")
    func syntax() {
        #expect(errors(file, inline: "").map { $0 } == ["--config-yaml:1:1: the text is empty"])
        #expect(errors("a: [", inline: "b: [").count == 2)
        #expect(errors("a: [", inline: Sample.tcp("stat_prefix: p, cluster: missing")).count == 1)
    }

    @Test("without any text there is no configuration")
    func nothing() {
        #expect(throws: ConfigurationError.self) { try BootstrapLoader.load(file: nil, inline: nil) }
    }

    @Test("the error's description has one line for each")
    func description() {
        do throws(ConfigurationError) {
            _ = try BootstrapLoader.load(file: (name: "a\nb", text: Array("x: 1\ny: 2".utf8)), inline: nil)
            Issue.record("loaded")
        } catch {
            #expect(error.diagnostics.count == 2)
            #expect("\(error)".hasSuffix(":2:1: y: unknown field \"y\""))
        }
    }
}
