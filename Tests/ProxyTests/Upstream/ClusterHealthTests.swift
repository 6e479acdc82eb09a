import CLinux
import ProxyConfig
import Stats
import Testing

@testable import Proxy

/// The health of a cluster's hosts on the main thread, without a network: nothing here lets the loop turn.
@Suite struct ClusterHealthTests {
    private struct Scene {
        let loop: MainLoop
        let store = StatsStore.heapOnly(naming: .envoy)
        let health: ClusterHealth

        init(_ change: (inout Cluster) -> Void) throws {
            loop = try MainLoop()
            var cluster = Cluster(name: "service", location: SourceLocation(file: "e.yaml", line: 1, column: 1))
            change(&cluster)
            let writer = store.makeWriter()
            let stats = MembershipStats("service")
            stats.make(store, writer)
            health = ClusterHealth(
                cluster, workers: 2, gauges: stats.gauges, loop: loop, pacer: CheckPacer(loop: loop), store: store,
                writer: writer,
                log: try Log(level: .off, path: nil))
        }

        func set(_ hosts: [UpstreamHost]) { health.setHosts(hosts) }

        /// The value of a gauge or counter.
        func stat(_ name: String) -> UInt64? {
            store.snapshot().stats.first { $0.name == "cluster.service." + name }?.value
        }
    }

    private static let checks = HealthCheck(
        method: .tcp(TCPHealthCheck()), timeoutMs: 1000, intervalMs: 1000, unhealthyThreshold: 2, healthyThreshold: 2)

    private static func host(_ port: UInt16, endpoint: Int = -1) -> UpstreamHost {
        UpstreamHost(address: address("127.0.0.1", port), endpoint: endpoint)
    }

    private static func record(
        _ port: UInt16, _ flags: HostHealthRecord.Flags, _ change: (inout HostHealthRecord.Host) -> Void = { _ in }
    ) -> HostHealthRecord.Host {
        var host = HostHealthRecord.Host()
        host.address = address("127.0.0.1", port)
        host.flags = flags
        change(&host)
        return host
    }

    private static func clusterRecord(_ hosts: HostHealthRecord.Host...) -> HostHealthRecord.Cluster {
        var record = HostHealthRecord.Cluster()
        record.name = "service"
        record.hosts = hosts
        return record
    }

    @Test func clustersWithoutHealthHaveNone() {
        var cluster = Cluster(name: "c", location: SourceLocation(file: "e.yaml", line: 1, column: 1))
        #expect(!ClusterHealth.isNeeded(cluster))
        #expect(HostWatch(cluster).isEmpty)
        cluster.outlierDetection = OutlierDetection()
        #expect(ClusterHealth.isNeeded(cluster))
        #expect(HostWatch(cluster) == .outcomes)
    }

    @Test func hostsBeginAsFailedAndAreAskedFirst() throws {
        let scene = try Scene { $0.healthCheck = Self.checks }
        scene.set([Self.host(1), Self.host(2)])
        #expect(!scene.health.isInitialized)
        #expect(scene.health.hosts.map(\.flags) == [.failedActiveCheck, .failedActiveCheck])
        // Panic: no host is healthy.
        #expect(scene.health.selection == HostSelection(positions: [0, 1], isPanic: true))
        #expect(scene.stat("membership_healthy") == 0)
    }

    @Test func whatARunningProcessKnowsIsUsed() throws {
        let scene = try Scene {
            $0.healthCheck = Self.checks
            $0.outlierDetection = OutlierDetection()
        }
        scene.set([Self.host(1), Self.host(2), Self.host(3)])
        let now = cl_monotonic_ns()
        let known = Self.clusterRecord(
            Self.record(1, .checked) { $0.nextCheckNs = now + 500_000_000 },
            Self.record(2, [.checked, .failedActiveCheck, .timedOut]) { $0.successes = 1 },
            Self.record(3, [.checked, .ejected]) {
                $0.ejectedNs = now - 1
                $0.backoff = 3
                $0.consecutive = [4, 2, 1 << 40]
            },
            // Not there yet.
            Self.record(4, [.checked]))
        scene.health.adopt(known)
        #expect(scene.health.isInitialized)
        #expect(
            scene.health.hosts.map(\.flags) == [[], [.failedActiveCheck, .timedOut], .failedOutlierCheck])
        #expect(scene.health.hosts[0].nextCheckNs == now + 500_000_000)
        #expect(scene.health.hosts[1].check?.successes == 1)
        #expect(scene.health.hosts[2].outlier.backoff == 3)
        // A count at its limit would never be noticed again.
        #expect(scene.health.hosts[2].cells.consecutive == [4, 2, 4])
        #expect(scene.stat("membership_healthy") == 1)
        #expect(scene.stat("outlier_detection.ejections_active") == 1)
        #expect(scene.stat("health_check.healthy") == 2)

        // The same goes to the next process.
        let again = scene.health.record()
        #expect(again.hosts.map(\.flags) == known.hosts.dropLast().map(\.flags))
        #expect(again.hosts[2].ejectedNs == now - 1)
        #expect(again.hosts[2].consecutive == [4, 2, 4])
        // A host that comes later is known too.
        scene.set([Self.host(1), Self.host(4), Self.host(5)])
        #expect(scene.health.hosts.map(\.flags) == [[], [], .failedActiveCheck])
    }

    @Test func aRecordCannotPutAChecksTimeOff() throws {
        let scene = try Scene { $0.healthCheck = Self.checks }
        scene.set([Self.host(1)])
        scene.health.adopt(Self.clusterRecord(Self.record(1, .checked) { $0.nextCheckNs = .max }))
        #expect(scene.health.hosts[0].nextCheckNs <= cl_monotonic_ns() + 2 * 60_000 * 1_000_000)
    }

    /// What this configuration does not watch is of no interest to it.
    @Test func aRecordOfAnotherConfigurationDoesNoHarm() throws {
        let scene = try Scene { cluster in
            var endpoint = Endpoint(
                address: .socket(host: "127.0.0.1", port: 1),
                location: SourceLocation(file: "e.yaml", line: 1, column: 1))
            endpoint.health = .unhealthy
            cluster.endpoints = [endpoint]
        }
        scene.set([Self.host(1, endpoint: 0), Self.host(2)])
        scene.health.adopt(Self.clusterRecord(Self.record(2, [.checked, .failedActiveCheck, .ejected])))
        #expect(scene.health.hosts.map(\.flags) == [.failedConfigured, []])
        #expect(scene.health.selection == HostSelection(positions: [1]))
    }

    @Test func onlyWhatHasChangedComesAgain() throws {
        let scene = try Scene { $0.outlierDetection = OutlierDetection() }
        scene.set([Self.host(1), Self.host(2)])
        let revision = scene.health.revision
        #expect(scene.health.record().hosts.count == 2)
        #expect(scene.health.record(since: revision).hosts.isEmpty)
        scene.health.touch(scene.health.hosts[1])
        let changed = scene.health.record(since: revision).hosts
        #expect(changed.map { SocketAddress.port($0.address) } == [2])
    }

    @Test func limitsThatAreReachedTakeHostsOut() throws {
        let scene = try Scene {
            var outliers = OutlierDetection()
            outliers.maxEjectionPercent = 50
            $0.outlierDetection = outliers
        }
        var failed: [UInt16] = []
        scene.health.outlet.failed = { failed.append(SocketAddress.port($0.address)) }
        scene.set([Self.host(1), Self.host(2), Self.host(3)])
        let hosts = scene.health.hosts
        // Not while another process serves.
        scene.health.handle(.consecutive5xx, hosts[0])
        #expect(!hosts[0].outlier.isEjected)
        scene.health.start()
        hosts[1].cells.setConsecutive(0, 5)
        scene.health.handle(.consecutive5xx, hosts[1])
        #expect(hosts.map(\.outlier.isEjected) == [false, true, false])
        #expect(hosts[1].cells.consecutive[0] == 0)
        // Said twice, by two workers.
        scene.health.handle(.consecutive5xx, hosts[1])
        scene.health.handle(.consecutive5xx, hosts[2])
        #expect(hosts.map(\.outlier.isEjected) == [false, true, false])
        #expect(failed == [2])
        #expect(scene.health.selection == HostSelection(positions: [0, 2]))
        #expect(scene.stat("outlier_detection.ejections_detected_consecutive_5xx") == 2)
        #expect(scene.stat("outlier_detection.ejections_overflow") == 1)
        #expect(scene.stat("outlier_detection.ejections_enforced_total") == 1)
        scene.health.pause()
    }

    @Test func aHostThatDNSHasNoMoreStaysWhileItIsWell() throws {
        func scene(_ ignores: Bool) throws -> Scene {
            let scene = try Scene {
                $0.discovery = .strictDNS
                $0.healthCheck = Self.checks
                $0.ignoresHealthOnRemoval = ignores
            }
            scene.set([Self.host(1), Self.host(2)])
            scene.health.adopt(
                Self.clusterRecord(Self.record(1, .checked), Self.record(2, [.checked, .failedActiveCheck])))
            return scene
        }
        let keeping = try scene(false)
        #expect(keeping.health.outlivesRemoval(address("127.0.0.1", 1)))
        #expect(!keeping.health.outlivesRemoval(address("127.0.0.1", 2)))
        #expect(!keeping.health.outlivesRemoval(address("127.0.0.1", 3)))
        #expect(!(try scene(true).health.outlivesRemoval(address("127.0.0.1", 1))))
        var dropped = 0
        keeping.health.outlet.dropRemoved = { dropped += 1 }
        keeping.health.hosts[0].isPendingRemoval = true
        keeping.health.publishNow()
        #expect(dropped == 0)
        #expect(keeping.health.hosts[0].flags == .pendingRemoval)
        keeping.health.failedPassively(keeping.health.hosts[0])
        keeping.health.publishNow()
        #expect(dropped == 1)
    }

    @Test func aLogicalHostIsTheSameAtAnotherAddress() throws {
        let scene = try Scene {
            $0.discovery = .logicalDNS
            $0.healthCheck = Self.checks
        }
        scene.set([Self.host(1)])
        scene.health.adopt(Self.clusterRecord(Self.record(1, .checked)))
        let id = scene.health.hosts[0].cells.id
        scene.set([Self.host(2)])
        #expect(scene.health.hosts.map(\.cells.id) == [id])
        #expect(scene.health.hosts[0].flags.isEmpty)
        #expect(SocketAddress.port(scene.health.hosts[0].checkAddress) == 2)
        #expect(scene.health.host(id: id) === scene.health.hosts[0])
        #expect(scene.health.host(id: id + 1) == nil)
    }
}
