import StatCatalog
import Stats

/// `cluster.<name>.` stats of discovery, on the main thread. Until `make` they count in memory of their own.
final class MembershipStats {
    private(set) var counters: CounterGroup<MembershipCounter>
    private(set) var gauges: GaugeGroup<MembershipGauge>
    /// `circuit_breakers.default.` and `.high.`
    private(set) var limits: [GaugeGroup<LimitGauge>]
    private let statName: String
    private let names: Names
    private var waiting: WaitingStats?

    /// What every cluster has of them.
    struct Names {
        fileprivate let template: StatTemplate
        fileprivate let counters, gauges: Int
        fileprivate let limits: [Int]

        init() {
            var template = StatTemplate()
            counters = template.add(MembershipCounter.self)
            gauges = template.add(MembershipGauge.self)
            limits = ["default", "high"].map { template.add(LimitGauge.self, behind: "circuit_breakers.\($0).") }
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
        limits = names.limits.map { GaugeGroup(cells: waiting.views.gauges(from: $0)) }
        self.waiting = waiting
    }

    /// Shows them from now on, with what they have counted so far. Groups that were had before are not to be used any more.
    func make(_ store: StatsStore, _ writer: StatsWriter) {
        guard let waiting else { return }
        let ids = store.stats(names.template, prefix: ClusterScope(statName).prefix)
        let views = writer.views(names.template, ids)
        counters = CounterGroup(cells: views.counters(from: names.counters))
        gauges = GaugeGroup(cells: views.gauges(from: names.gauges))
        limits = names.limits.map { GaugeGroup(cells: views.gauges(from: $0)) }
        waiting.move(to: views)
        self.waiting = nil
    }
}
