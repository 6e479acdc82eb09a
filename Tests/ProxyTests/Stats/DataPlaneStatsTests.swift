import CLinux
import ProxyConfig
import StatCatalog
import Stats
import Testing
import ThreadTesting

@testable import Proxy

/// Stats of clusters that are made after the workers have their tables.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct DataPlaneStatsTests {
    private static let place = SourceLocation(file: "e.yaml", line: 1, column: 1)

    /// A store with two workers' tables of ten clusters, of which the first `early` have stats.
    private struct Scene {
        let store = StatsStore.heapOnly(naming: .envoy)
        let stats: DataPlaneStats
        let tables: [UnsafeMutablePointer<ClusterStats>]

        init(early: Int) {
            var bootstrap = Bootstrap()
            bootstrap.clusters = (0..<10).map { Cluster(name: "c\($0)", location: place) }
            stats = DataPlaneStats(
                store: store, snapshot: CompiledConfiguration(bootstrap).snapshot, concurrency: 2, early: early)
            var tables: [UnsafeMutablePointer<ClusterStats>] = []
            for worker in 0..<2 { tables.append(stats.resolve(worker: worker, store.makeWriter()).clusters) }
            self.tables = tables
        }

        /// By cluster: whether both workers have its stats.
        var made: [Bool] {
            (0..<10).map { cluster in
                let both = tables.map { ClusterStats.isMade($0 + cluster) }
                #expect(both[0] == both[1])
                return both[0]
            }
        }
    }

    @Test(arguments: [0, 3, 10, Int.max]) func theRestFollowsInOrder(early: Int) {
        let scene = Scene(early: early)
        let first = min(early, 10)
        #expect(scene.made == (0..<10).map { $0 < first })
        #expect(scene.stats.hasMore == (first < 10))
        for cluster in first..<10 { #expect(scene.stats.makeNext() == cluster) }
        #expect(scene.stats.makeNext() == nil && !scene.stats.hasMore)
        #expect(scene.made.allSatisfy { $0 })
        for (worker, table) in scene.tables.enumerated() {
            for cluster in 0..<10 { table[cluster].counters[.upstream_rq_total].add(UInt64(100 * worker + cluster)) }
        }
        for cluster in 0..<10 {
            #expect(scene.store.value("cluster.c\(cluster).upstream_rq_total") == UInt64(100 + 2 * cluster))
        }
    }

    /// Every name of the template is where the groups look for it.
    @Test func groupsHaveTheirNames() {
        let scene = Scene(early: 0)
        scene.stats.make(cluster: 7)
        let stats = scene.tables[1][7]
        for (i, counter) in ClusterCounter.allCases.enumerated() { stats.counters[counter].add(UInt64(i + 1)) }
        for (i, gauge) in ClusterGauge.allCases.enumerated() { stats.gauges[gauge].set(UInt64(i + 1)) }
        for (i, counter) in OriginCounter.allCases.enumerated() { stats.inside.counters[counter].add(UInt64(i + 1)) }
        for (i, code) in CommonStatus.codes.enumerated() {
            stats.codes[CommonStatus.index(code)].add(UInt64(i + 1))
            stats.external.codes[i].add(UInt64(i + 1))
        }
        stats.histograms[.upstream_rq_time].record(5)
        stats.external.histograms[.upstream_rq_time].record(6)
        stats.inside.histograms[.upstream_rq_time].record(7)
        let shown = scene.store.snapshot()
        for (i, counter) in ClusterCounter.allCases.enumerated() {
            #expect(shown.value("cluster.c7.\(counter.name)") == UInt64(i + 1))
        }
        for (i, gauge) in ClusterGauge.allCases.enumerated() {
            #expect(shown.value("cluster.c7.\(gauge.name)") == UInt64(i + 1))
        }
        for (i, counter) in OriginCounter.allCases.enumerated() {
            #expect(shown.value("cluster.c7.internal.\(counter.name)") == UInt64(i + 1))
        }
        for (i, code) in CommonStatus.codes.enumerated() {
            #expect(shown.value("cluster.c7.upstream_rq_\(code)") == UInt64(i + 1))
            #expect(shown.value("cluster.c7.external.upstream_rq_\(code)") == UInt64(i + 1))
        }
        for (part, value) in [("", 5), ("external.", 6), ("internal.", 7)] {
            let histogram = shown.stats.first { $0.name == "cluster.c7.\(part)upstream_rq_time" }
            #expect(histogram?.histogram?.sum == UInt64(value))
        }
    }

    /// Those that workers wait for come first, and are not made again when it is their turn.
    @Test func whatIsWantedComesFirst() {
        let scene = Scene(early: 2)
        scene.stats.wanted.add(9)
        scene.stats.wanted.add(4)
        scene.stats.wanted.add(9)
        scene.stats.wanted.add(0)
        scene.stats.makeWanted()
        #expect(scene.made == [true, true, false, false, true, false, false, false, false, true])
        let cells = scene.tables[0][4].counters.cells
        scene.stats.wanted.add(8)
        #expect(scene.stats.makeNext() == 2)
        #expect(scene.made[8])
        #expect([3, 5, 6, 7].allSatisfy { scene.stats.makeNext() == $0 })
        #expect(scene.stats.makeNext() == nil)
        #expect(scene.tables[0][4].counters.cells == cells)
    }

    /// A cluster without stats has no requests.
    @Test func activityIsThatOfWhatIsMade() {
        let scene = Scene(early: 1)
        #expect(scene.stats.activity.requests(cluster: 5) == 0)
        scene.stats.make(cluster: 5)
        scene.tables[0][5].gauges[.upstream_rq_active].add(2)
        scene.tables[1][5].gauges[.upstream_rq_active].add(3)
        #expect(scene.stats.activity.requests(cluster: 5) == 5)
    }

    /// Clusters that only a predecessor had have theirs behind the others, at once.
    @Test func goneClustersHaveTheirs() {
        let scene = Scene(early: 0)
        let position = scene.stats.addGone("gone")
        #expect(position == 10)
        #expect(scene.tables.allSatisfy { ClusterStats.isMade($0 + 10) })
        scene.tables[1][10].counters[.upstream_rq_total].increment()
        #expect(scene.store.value("cluster.gone.upstream_rq_total") == 1)
        #expect(scene.stats.makeNext() == 0)
        for more in 1..<Snapshot.maxGoneClusters { #expect(scene.stats.addGone("gone\(more)") == 10 + Int32(more)) }
        #expect(scene.stats.addGone("one too many") == -1)
    }

    /// Threads wait for clusters of their own and of each other's, while the one that makes them does.
    @Test func threadsWaitForThem() {
        final class Table: @unchecked Sendable {
            let clusters: UnsafeMutablePointer<ClusterStats>
            init(_ clusters: UnsafeMutablePointer<ClusterStats>) { self.clusters = clusters }
        }
        for _ in 0..<20 {
            let scene = Scene(early: 0)
            let tables = scene.tables.map(Table.init)
            let wanted = scene.stats.wanted
            let workers = tables.enumerated().map { worker, table in
                Thread {
                    for step in 0..<10 {
                        let cluster = worker == 0 ? 9 - step : (step * 3) % 10
                        if !ClusterStats.isMade(table.clusters + cluster) {
                            wanted.add(cluster)
                            while !ClusterStats.isMade(table.clusters + cluster) {
                                ClusterStats.wait(table.clusters + cluster)
                            }
                        }
                        table.clusters[cluster].counters[.upstream_rq_total].increment()
                    }
                }
            }
            // Until both have all that they want.
            while !scene.made.allSatisfy({ $0 }) { scene.stats.makeWanted() }
            for worker in workers { worker.join() }
            for cluster in 0..<10 { #expect(scene.store.value("cluster.c\(cluster).upstream_rq_total") == 2) }
        }
    }
}
