import StatCatalog
import Stats

/// `cluster.<name>.` stats of discovery.
struct MembershipStats {
    let counters: CounterGroup<MembershipCounter>
    let gauges: GaugeGroup<MembershipGauge>

    init(_ name: String, _ store: StatsStore, _ writer: StatsWriter) {
        counters = GroupIDs(store, in: ClusterScope(name)).cells(writer)
        gauges = GroupIDs(store, in: ClusterScope(name)).cells(writer)
    }
}
