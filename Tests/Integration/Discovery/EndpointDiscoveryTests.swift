import Glibc
import Testing

/// EDS from files, from outside.
@Suite struct EndpointDiscoveryTests {
    private static func stats(_ proxy: Proxy) throws -> [String: Int] {
        let stats = try proxy.stats("cluster.discovered")
        let names = ["attempt", "success", "failure", "rejected", "empty", "no_rebuild"]
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in
                stats["cluster.discovered.update_\(name)"].map { (name, Int($0)) }
            })
    }

    @Test func newEndpointsAreUsedAndLiveConnectionsStay() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            let file = try bed.file("eds.yaml", DiscoveryScene.endpoints([one.port], version: "1"))
            let proxy = try bed.proxy(DiscoveryScene.configuration(DiscoveryScene.cluster(file)))
            let live = try proxy.client()
            #expect(try live.get("/").text == one.hello)
            try DiscoveryScene.replace(file, DiscoveryScene.endpoints([two.port], version: "2"))
            try waitUntil("the new endpoint is asked") { try live.get("/").text == two.hello }
            for _ in 0..<10 { #expect(try proxy.client().get("/").text == two.hello) }
            #expect(
                try Self.stats(proxy)
                    == ["attempt": 2, "success": 2, "failure": 0, "rejected": 0, "empty": 0, "no_rebuild": 0])
            #expect(try proxy.admin("/stats?filter=version_text").text == "cluster.discovered.version_text: \"2\"\n")
            #expect(
                try proxy.admin("/clusters").text.contains("discovered::127.0.0.1:\(two.port)::health_flags::healthy\n")
            )
            try DiscoveryScene.replace(file, DiscoveryScene.endpoints([], version: "3"))
            try waitUntil("there is no endpoint") { try live.get("/").status == 503 }
            #expect(try live.get("/").text == "no healthy upstream")
            try DiscoveryScene.replace(file, DiscoveryScene.endpoints([one.port, two.port]))
            try waitUntil("both are asked") {
                try Set((0..<8).map { _ in try live.get("/").text }) == [one.hello, two.hello]
            }
        }
    }

    @Test func whatIsWrongChangesNothing() throws {
        try withBed { bed in
            let one = try bed.upstream("one")
            let file = try bed.file("eds.yaml", DiscoveryScene.endpoints([one.port]))
            let proxy = try bed.proxy(DiscoveryScene.configuration(DiscoveryScene.cluster(file)))
            let live = try proxy.client()
            for (text, kind, line) in [
                ("resources: [", "failure", "\(file):2:1: YAML syntax"),
                ("- a\n", "failure", "\(file):1:1: expected a mapping"),
                (
                    DiscoveryScene.endpoints([1], cluster: "x"), "rejected",
                    "cluster discovered: no ClusterLoadAssignment"
                ),
                (
                    DiscoveryScene.endpoints([1]).replacing("port_value", with: "port"), "rejected",
                    "socket_address.port: unknown field"
                ),
                ("resources: []", "empty", ""),
                (DiscoveryScene.endpoints([one.port]), "no_rebuild", ""),
            ] {
                let before = try Self.stats(proxy)
                try DiscoveryScene.replace(file, text)
                try waitUntil("\(kind) is counted") {
                    try Self.stats(proxy)[kind, default: 0] == before[kind, default: 0] + 1
                }
                try waitUntil("\(line) is told: \(proxy.log)") {
                    line.isEmpty || proxy.log.contains("eds: ") && proxy.log.contains(line)
                }
                #expect(try live.get("/").text == one.hello)
            }
        }
    }

    /// As Kubernetes replaces what it mounts: the file is behind a link in its directory that is moved.
    @Test func aWatchedDirectoryMayHaveALink() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            for (name, upstream) in [("v1", one), ("v2", two)] {
                mkdir(bed.path(name), 0o755)
                try Files.write(bed.path("\(name)/eds.yaml"), DiscoveryScene.endpoints([upstream.port]))
            }
            mkdir(bed.path("mount"), 0o755)
            symlink("../v1", bed.path("mount/..data"))
            symlink("..data/eds.yaml", bed.path("mount/eds.yaml"))
            let proxy = try bed.proxy(
                DiscoveryScene.configuration(
                    DiscoveryScene.cluster(bed.path("mount/eds.yaml"), directory: bed.path("mount"))))
            let live = try proxy.client()
            #expect(try live.get("/").text == one.hello)
            symlink("../v2", bed.path("mount/..next"))
            rename(bed.path("mount/..next"), bed.path("mount/..data"))
            try waitUntil("the new endpoint is asked") { try live.get("/").text == two.hello }
        }
    }

    /// The process that takes over reads the file as it is then; the other one looks again when it serves again.
    @Test func restartsReadWhatThereIs() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            let file = try bed.file("eds.yaml", DiscoveryScene.endpoints([one.port]))
            let configuration = DiscoveryScene.configuration(DiscoveryScene.cluster(file))
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(configuration, flags)
            let live = try parent.client()
            #expect(try live.get("/").text == one.hello)
            let child = try bed.proxy(configuration, flags)
            #expect(try live.get("/").text == one.hello)
            try DiscoveryScene.replace(file, DiscoveryScene.endpoints([two.port], version: "9"))
            try waitUntil("the child sees it") { try live.get("/").text == two.hello }
            // Of the parent and of the child when they began, and one that the child alone has counted.
            #expect(try Self.stats(child)["attempt"] == 3)
            child.process.signal(SIGKILL)
            try child.process.waitForEnd()
            try waitUntil("the parent serves again, with the new endpoint") {
                (try? parent.client().get("/").text) == two.hello
            }
        }
    }
}
