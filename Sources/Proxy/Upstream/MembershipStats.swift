import StatCatalog
import Stats

/// `cluster.<name>.` stats of discovery, on the main thread. Until `make` they count in memory of their own.
final class MembershipStats {
    private(set) var counters: CounterGroup<MembershipCounter>
    private(set) var gauges: GaugeGroup<MembershipGauge>
    private let statName: String
    private let names: Names
    private var waiting: WaitingStats?

    /// What every cluster has of them.
    struct Names {
        fileprivate let template: StatTemplate
        fileprivate let counters, gauges: Int

        init() {
            var template = StatTemplate()
            counters = template.add(MembershipCounter.self)
            gauges = template.add(MembershipGauge.self)
            self.template = template
        }
    }

    /// Those of a cluster, to be made later.
    init(_ statName: String, _ names: Names = Names()) {
        self.statName = statName
        self.names = names
        let waiting = WaitingStats(names.template)
        counters = CounterGroup(cells: waiting.views.counters(from: names.counters))
        gauges = GaugeGroup(cells: waiting.views.gauges(from: names.gauges))
        self.waiting = waiting
    }

    /// Shows them from now on, with what they have counted so far. Groups that were had before are not to be used any more.
    func make(_ store: StatsStore, _ writer: StatsWriter) {
        guard let waiting else { return }
        let ids = store.stats(names.template, prefix: ClusterScope(statName).prefix)
        let views = writer.views(names.template, ids)
        counters = CounterGroup(cells: views.counters(from: names.counters))
        gauges = GaugeGroup(cells: views.gauges(from: names.gauges))
        waiting.move(to: views)
        self.waiting = nil
    }
}
