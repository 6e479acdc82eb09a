import StatCatalog
import Stats

/// What one worker counts for a class of requests (`RequestClass`).
struct RequestClassStats: BitwiseCopyable {
    let counters: CounterGroup<RequestClassCounter>
    /// `upstream_rq_<code>` by `CommonStatus.index`.
    let codes: UnsafeMutablePointer<Counter>
    let histograms: HistogramGroup<RequestClassHistogram>

    init(_ template: RequestClassTemplate, _ views: StatViews) {
        counters = CounterGroup(cells: views.counters(from: template.counters))
        codes = views.counters(from: template.codes)
        histograms = HistogramGroup(cells: views.histograms(from: template.histograms))
    }
}

/// The names that every class has, and where they stand among them.
struct RequestClassTemplate {
    let stats: StatTemplate
    let counters, codes, histograms: Int

    init() {
        var stats = StatTemplate()
        counters = stats.add(RequestClassCounter.self)
        codes = stats.count
        for code in CommonStatus.codes { stats.add(RequestClassStatusCounter.upstream_rq_code, "\(code)") }
        histograms = stats.add(RequestClassHistogram.self)
        self.stats = stats
    }
}

/// The classes of requests that all workers count by: only more and more of them. Main thread.
final class RequestClassPool {
    private let store: StatsStore
    private let template = RequestClassTemplate()
    private var ids: [StatIDs] = []
    private var classes: [RequestClass] = []
    /// What workers have: cells by class.
    private var tables: [(writer: StatsWriter, cells: RequestClassCells)] = []

    init(_ store: StatsStore) { self.store = store }

    /// Makes the names of classes that have come, which takes longer than workers should stand.
    func prepare(_ table: RequestClassTable) {
        guard table.all.count > classes.count else { return }
        for one in table.all[classes.count...] {
            classes.append(one)
            ids.append(store.stats(template.stats, prefix: one.scope.prefix))
        }
    }

    /// The stats of classes that have come, also in the tables of the workers, which stand.
    func add(_ table: RequestClassTable) {
        prepare(table)
        guard tables.contains(where: { $0.cells.count < ids.count }) else { return }
        for table in tables { fill(table.writer, table.cells) }
        // Histograms find room in the region with their first value.
        store.topUp()
    }

    /// A worker's cells, which follow what comes later.
    func resolve(_ writer: StatsWriter) -> RequestClassCells {
        let cells = RequestClassCells()
        fill(writer, cells)
        tables.append((writer, cells))
        return cells
    }

    private func fill(_ writer: StatsWriter, _ cells: RequestClassCells) {
        for ids in ids[cells.count...] {
            cells.append(RequestClassStats(template, writer.views(template.stats, ids)))
        }
    }

    /// The stat of a status code that is not common, made now if need be.
    func status(_ position: Int32, _ status: UInt16) -> StatID {
        store.stat(
            RequestClassStatusCounter.upstream_rq_code, in: classes[Int(position)].scope, DataPlaneStats.code(status))
    }
}

/// A worker's cells by class of requests. The main thread adds to them while the worker stands.
final class RequestClassCells: @unchecked Sendable {
    private var cells: UnsafeMutablePointer<RequestClassStats> = .allocate(capacity: 8)
    private var room = 8
    private(set) var count = 0

    func append(_ stats: RequestClassStats) {
        if count == room {
            let larger = UnsafeMutablePointer<RequestClassStats>.allocate(capacity: 2 * room)
            larger.moveInitialize(from: cells, count: count)
            cells.deallocate()
            cells = larger
            room *= 2
        }
        (cells + count).initialize(to: stats)
        count += 1
    }

    subscript(position: Int32) -> RequestClassStats { cells[Int(position)] }
}
