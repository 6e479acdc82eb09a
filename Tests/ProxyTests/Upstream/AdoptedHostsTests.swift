import CLinux
import ProxyConfig
import Stats
import Testing

@testable import Proxy

/// What a process that takes over makes of the hosts that the one before knew.
@Suite struct AdoptedHostsTests {
    /// RFC 1035 §2.3.4: of a label of more than 63 bytes nobody can be asked, which fails at once.
    private static let unaskable = String(repeating: "a", count: 64)

    private static func cluster(_ discovery: Discovery) -> Cluster {
        let location = SourceLocation(file: "e.yaml", line: 1, column: 1)
        var cluster = Cluster(name: "named", location: location)
        cluster.discovery = discovery
        cluster.dnsFamily = .v4Only
        cluster.endpoints = [Endpoint(address: .socket(host: unaskable, port: 80), location: location)]
        return cluster
    }

    private static func manager(_ discovery: Discovery) throws -> ClusterManager {
        let store = StatsStore.heapOnly(naming: .envoy)
        return try ClusterManager(
            [cluster(discovery)], concurrency: 1, loop: MainLoop(), store: store, writer: store.makeWriter(),
            log: Log(level: .off, path: nil))
    }

    private static func record(_ addresses: cl_address...) -> HostsRecord {
        var record = HostsRecord()
        record.names = [HostsRecord.Name(cluster: "named", host: unaskable, port: 80, addresses: addresses)]
        return record
    }

    /// A name server that fails while a process starts does not take its hosts from it.
    @Test(arguments: [Discovery.strictDNS, .logicalDNS])
    func areUsedWhenNamesCannotBeResolved(discovery: Discovery) throws {
        let manager = try Self.manager(discovery)
        manager.start()
        #expect(manager.isInitialized && manager.clusters[0].hosts.isEmpty, "it has failed")
        manager.adopt(Self.record(address("127.0.0.1", 80)))
        #expect(manager.clusters[0].hosts.count == 1)
        #expect(manager.clusters[0].hosts.allSatisfy { SocketAddress.equal($0.address, address("127.0.0.1", 80)) })
        // Nor are they forgotten when it fails again.
        manager.refresh()
        #expect(manager.clusters[0].hosts.count == 1)
        #expect(manager.resolvedHosts.names.map(\.addresses.count) == [1], "they are there for the next one")
    }

    /// Nor while a cluster changes.
    @Test(arguments: [Discovery.strictDNS, .logicalDNS])
    func stayWhenTheirClusterChanges(discovery: Discovery) throws {
        let manager = try Self.manager(.strictDNS)
        manager.start()
        manager.adopt(Self.record(address("127.0.0.1", 80), address("127.0.0.2", 80)))
        // Twice: the second time what is known comes from the time before the first.
        for _ in 0..<2 {
            manager.begin(Self.cluster(discovery), at: 0)
            #expect(manager.isReady(at: 0))
            manager.use(at: 0)
            let hosts = manager.clusters[0].hosts.map { SocketAddress.text($0.address) }
            #expect(hosts == ["127.0.0.1:80", "127.0.0.2:80"].prefix(discovery == .logicalDNS ? 1 : 2).map { $0 })
        }
        // Another cluster has hosts of its own.
        var other = Self.cluster(discovery)
        other.name = "other"
        manager.begin(other, at: 0)
        manager.use(at: 0)
        #expect(manager.clusters[0].hosts.isEmpty)
    }
}
