import CLinux
import ProxyConfig
import StatCatalog
import Stats
import Testing

@testable import Proxy

/// Clusters whose endpoints come from a file, without files.
@Suite struct AssignedEndpointsTests {
    private static let place = SourceLocation(file: "eds.yaml", line: 1, column: 1)

    private static func file(_ ports: [UInt16], priority: UInt32 = 0, name: String = "c") -> DiscoveredAssignments {
        var assignment = LoadAssignment(location: place)
        assignment.clusterName = name
        assignment.groups = [EndpointGroup(priority: priority, locality: Locality())]
        assignment.endpoints = ports.map {
            Endpoint(address: .socket(host: "127.0.0.1", port: $0), location: place)
        }
        var file = DiscoveredAssignments()
        file.assignments[name] = assignment
        return file
    }

    /// A cluster manager with one cluster that has hosts with these ports.
    private struct Scene {
        let manager: ClusterManager
        let store: StatsStore

        init(_ ports: [UInt16], _ change: (inout Cluster) -> Void = { _ in }) throws {
            store = StatsStore.heapOnly(naming: .envoy)
            var cluster = Cluster(name: "c", location: place)
            cluster.discovery = .eds
            cluster.endpointSource = EndpointSource(file: FileSource(path: "/eds"), name: "c")
            change(&cluster)
            try cluster.take(file(ports))
            manager = try ClusterManager(
                [cluster], concurrency: 1, loop: MainLoop(), store: store, writer: store.makeWriter(),
                log: Log(level: .off, path: nil))
            manager.start()
        }

        var hosts: [String] { manager.clusters[0].hosts.map { SocketAddress.text($0.address) } }
        var priorities: [UInt32] {
            manager.clusters[0].hosts.map { manager.clusters[0].cluster.group(of: $0)?.priority ?? 99 }
        }
        func counter(_ name: MembershipCounter) -> UInt64 {
            store.snapshot().value("cluster.c.\(name.name)") ?? 0
        }
    }

    @Test func theFilesHostsAreTheClusters() throws {
        let scene = try Scene([1, 2])
        #expect(scene.manager.isInitialized && scene.hosts == ["127.0.0.1:1", "127.0.0.1:2"])
        try scene.manager.assign(Self.file([2, 3]), cluster: 0)
        #expect(scene.hosts == ["127.0.0.1:2", "127.0.0.1:3"] && scene.counter(.membership_change) == 2)
        try scene.manager.assign(Self.file([2, 3]), cluster: 0)
        #expect(scene.counter(.update_no_rebuild) == 1 && scene.counter(.membership_change) == 2)
        // Another priority is another set, with the same addresses.
        try scene.manager.assign(Self.file([2, 3], priority: 1), cluster: 0)
        #expect(scene.priorities == [1, 1] && scene.counter(.membership_change) == 4)
        try scene.manager.assign(Self.file([]), cluster: 0)
        #expect(scene.hosts == [])
        // A file without assignments leaves what there is.
        try scene.manager.assign(Self.file([4]), cluster: 0)
        try scene.manager.assign(DiscoveredAssignments(), cluster: 0)
        #expect(scene.hosts == ["127.0.0.1:4"] && scene.counter(.update_empty) == 1)
        #expect(throws: DiscoveryProblem.self) {
            try scene.manager.assign(Self.file([5], name: "d"), cluster: 0)
        }
        #expect(scene.hosts == ["127.0.0.1:4"])
    }

    private static func checked(_ cluster: inout Cluster) { cluster.healthCheck = healthCheck }

    private static var healthCheck: HealthCheck {
        HealthCheck(
            method: .tcp(TCPHealthCheck()), timeoutMs: 1000, intervalMs: 1000, unhealthyThreshold: 1,
            healthyThreshold: 1)
    }

    @Test func aHostThatIsWellOutlivesItsFile() throws {
        let scene = try Scene([1, 2], Self.checked)
        let health = try #require(scene.manager.clusters[0].health)
        for host in health.hosts { host.check?.isFailed = false }
        let first = health.hosts[0]
        try scene.manager.assign(Self.file([2, 3], priority: 1), cluster: 0)
        #expect(Set(scene.hosts) == ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])
        #expect(
            zip(scene.hosts, scene.priorities).allSatisfy { ($0 == "127.0.0.1:1") == ($1 == 0) }, "it stays in its own")
        #expect(first.isPendingRemoval && health.hosts.contains { $0 === first })
        // Again, and back.
        try scene.manager.assign(Self.file([3], priority: 1), cluster: 0)
        #expect(Set(scene.hosts) == ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])
        try scene.manager.assign(Self.file([1, 3]), cluster: 0)
        #expect(!first.isPendingRemoval && health.hosts.contains { $0 === first })
        // It fails: then it goes.
        for host in health.hosts where host.isPendingRemoval { host.check?.isFailed = true }
        health.outlet.dropRemoved()
        #expect(scene.hosts == ["127.0.0.1:1", "127.0.0.1:3"] && scene.priorities == [0, 0])
    }

    @Test func healthOfTheFileCounts() throws {
        let scene = try Scene([1, 2])
        var file = Self.file([1, 2])
        file.assignments["c"]?.endpoints[0].health = .unhealthy
        try scene.manager.assign(file, cluster: 0)
        #expect(scene.counter(.update_no_rebuild) == 0)
        let described = try #require(scene.manager.described.first)
        #expect(described.hosts.map(\.health.text) == ["/failed_eds_health", "healthy"])
        #expect(scene.store.snapshot().value("cluster.c.membership_healthy") == 1)
    }

    @Test func aHostThatIsCheckedOtherwiseIsANewOne() throws {
        let scene = try Scene([1, 2], Self.checked)
        let health = try #require(scene.manager.clusters[0].health)
        let old = health.hosts
        var file = Self.file([1, 2])
        file.assignments["c"]?.endpoints[0].healthCheckPort = 99
        try scene.manager.assign(file, cluster: 0)
        #expect(health.hosts[0] !== old[0] && health.hosts[1] === old[1])
    }

    @Test func versionsAreHashedAsInEnvoy() {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        let scope = ClusterScope("c")
        let counters = GroupIDs<EndpointDiscoveryCounter>(store, in: scope).cells(writer)
        let gauges = GroupIDs<EndpointDiscoveryGauge>(store, in: scope).cells(writer)
        let stats = SubscriptionStats(
            attempts: counters[.update_rejected], successes: counters[.update_rejected],
            failures: counters[.update_rejected], rejections: counters[.update_rejected],
            updateTime: gauges[.update_time], version: gauges[.version],
            versionText: writer.text(store.stat(EndpointDiscoveryText.version_text, in: scope)))
        // As an Envoy 1.40 shows them.
        for (text, number) in [("1", 13_237_225_503_670_494_420), ("2", 6_927_017_134_761_466_251)]
            as [(String, UInt64)]
        {
            stats.taken(version: text)
            let shown = store.snapshot()
            #expect(shown.value("cluster.c.version") == number)
            #expect(shown.stats.first { $0.name == "cluster.c.version_text" }?.text == text)
        }
        stats.taken(version: "")
        #expect(store.snapshot().value("cluster.c.version") == 17_241_709_254_077_376_921)
    }
}
