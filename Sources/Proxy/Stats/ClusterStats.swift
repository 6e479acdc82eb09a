import CLinux
import StatCatalog
import Stats
import Synchronization

/// What one worker counts for a cluster.
struct ClusterStats: BitwiseCopyable {
    /// 0: the main thread has not made the stats yet, and nothing may be counted. Set when all else is there.
    private var made: UInt32 = 0
    let counters: CounterGroup<ClusterCounter>
    let gauges: GaugeGroup<ClusterGauge>
    let histograms: HistogramGroup<ClusterHistogram>
    /// `upstream_rq_<code>` by `CommonStatus.index`.
    let codes: UnsafeMutablePointer<Counter>
    /// `external.` and `internal.` repeat the response counters by origin of the request.
    let external: OriginStats
    let inside: OriginStats

    init(_ template: ClusterTemplate, _ views: StatViews) {
        counters = CounterGroup(cells: views.counters(from: template.counters))
        gauges = GaugeGroup(cells: views.gauges(from: template.gauges))
        histograms = HistogramGroup(cells: views.histograms(from: template.histograms))
        codes = views.counters(from: template.codes)
        external = OriginStats(template.external, views)
        inside = OriginStats(template.inside, views)
    }

    /// Whether a worker may count here. What is seen afterwards is whole.
    @inline(__always)
    static func isMade(_ stats: UnsafeMutablePointer<ClusterStats>) -> Bool { cl_load32_acquire(word(stats)) != 0 }

    /// Main thread: workers may count from now on.
    static func publish(_ value: ClusterStats, at stats: UnsafeMutablePointer<ClusterStats>) {
        // All but the word, which a worker may be looking at.
        let start = MemoryLayout<ClusterStats>.offset(of: \.counters) ?? 0
        withUnsafeBytes(of: value) { bytes in
            (UnsafeMutableRawPointer(stats) + start).copyMemory(
                from: bytes.baseAddress! + start, byteCount: bytes.count - start)
        }
        cl_store32_release(word(stats), 1)
    }

    /// A worker waits until the main thread publishes it, or for a while.
    static func wait(_ stats: UnsafeMutablePointer<ClusterStats>) { cl_word_wait(word(stats), 0, 100) }

    /// Lets the worker know that waits.
    static func wake(_ stats: UnsafeMutablePointer<ClusterStats>) { cl_word_wake(word(stats)) }

    /// It is the first field.
    @inline(__always)
    private static func word(_ stats: UnsafeMutablePointer<ClusterStats>) -> UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(stats).assumingMemoryBound(to: UInt32.self)
    }
}

struct OriginStats: BitwiseCopyable {
    let counters: CounterGroup<OriginCounter>
    let codes: UnsafeMutablePointer<Counter>
    let histograms: HistogramGroup<OriginHistogram>

    init(_ places: ClusterTemplate.Origin, _ views: StatViews) {
        counters = CounterGroup(cells: views.counters(from: places.counters))
        codes = views.counters(from: places.codes)
        histograms = HistogramGroup(cells: views.histograms(from: places.histograms))
    }
}

/// The names that every cluster has, and where they stand among them.
struct ClusterTemplate {
    struct Origin {
        let counters, codes, histograms: Int
    }
    let stats: StatTemplate
    let counters, gauges, histograms, codes: Int
    let external, inside: Origin

    init() {
        var stats = StatTemplate()
        counters = stats.add(ClusterCounter.self)
        gauges = stats.add(ClusterGauge.self)
        histograms = stats.add(ClusterHistogram.self)
        codes = stats.count
        for code in CommonStatus.codes { stats.add(ClusterStatusCounter.upstream_rq_code, "\(code)") }
        external = Self.add(.external, to: &stats)
        inside = Self.add(.internal, to: &stats)
        self.stats = stats
    }

    private static func add(_ origin: ClusterOriginScope.Origin, to stats: inout StatTemplate) -> Origin {
        let part = "\(origin.rawValue)."
        let counters = stats.add(OriginCounter.self, behind: part)
        let codes = stats.count
        for code in CommonStatus.codes { stats.add(OriginStatusCounter.upstream_rq_code, behind: part, "\(code)") }
        return Origin(counters: counters, codes: codes, histograms: stats.add(OriginHistogram.self, behind: part))
    }
}

/// Clusters whose stats workers wait for.
final class WantedClusters: Sendable {
    private let clusters = Mutex<[Int]>([])

    func add(_ cluster: Int) { clusters.withLock { $0.append(cluster) } }

    func take() -> [Int] {
        clusters.withLock { clusters in
            let taken = clusters
            clusters = []
            return taken
        }
    }
}

extension Worker {
    /// Before the first thing that is counted for a request or a tunnel of a cluster.
    @inline(__always)
    func needStats(cluster: Int) {
        if !ClusterStats.isMade(clusterStats + cluster) { awaitStats(cluster) }
    }

    /// Nobody has used the cluster, and the main thread has not come to it by itself: now it does.
    @inline(never)
    private func awaitStats(_ cluster: Int) {
        hooks.needClusterStats(cluster)
        while !ClusterStats.isMade(clusterStats + cluster) { ClusterStats.wait(clusterStats + cluster) }
        state.pointee.nowNs = cl_monotonic_ns()
    }
}
