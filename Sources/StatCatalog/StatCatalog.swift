import Stats

/// Every stat that this build can show: one table, from which the code that counts, `statdump --describe` and
/// `docs/stats.md` come.
public enum StatCatalog {
    /// In the order of the documentation.
    static let groups: [any StatGroup.Type] = [
        HTTPCounter.self, HTTPGauge.self, HTTPHistogram.self,
        RouteDiscoveryCounter.self, RouteDiscoveryGauge.self, RouteDiscoveryText.self,
        CodecCounter.self, AsyncClientCounter.self,
        TCPCounter.self,
        ListenerCounter.self, ListenerGauge.self, ListenerHistogram.self,
        ListenerWorkerCounter.self, ListenerWorkerGauge.self,
        ListenerHTTPCounter.self,
        ProxyProtocolCounter.self, ProxyProtocolVersionCounter.self,
        ConnectionLimitCounter.self, ConnectionLimitGauge.self, ConnectionRateCounter.self,
        FaultCounter.self, FaultGauge.self, CORSCounter.self, LocalRateLimitCounter.self,
        ClusterCounter.self, ClusterStatusCounter.self, ClusterGauge.self, ClusterHistogram.self,
        MembershipCounter.self, MembershipGauge.self,
        EndpointDiscoveryCounter.self, EndpointDiscoveryGauge.self, EndpointDiscoveryText.self,
        LimitGauge.self, RemainingGauge.self,
        HealthCheckCounter.self, HealthCheckGauge.self, OutlierCounter.self, OutlierGauge.self,
        RingHashGauge.self, MaglevGauge.self,
        OriginCounter.self, OriginStatusCounter.self, OriginHistogram.self,
        ClusterRetryCounter.self, ClusterRetryStatusCounter.self,
        RequestClassCounter.self, RequestClassStatusCounter.self, RequestClassHistogram.self,
        ServerGauge.self, ServerHistogram.self,
        HotRestartCounter.self, HotRestartHistogram.self,
        ListenerManagerCounter.self, ListenerManagerGauge.self,
        ClusterManagerCounter.self, ClusterManagerGauge.self,
        ClusterDiscoveryCounter.self, ClusterDiscoveryGauge.self, ClusterDiscoveryText.self,
        ListenerDiscoveryCounter.self, ListenerDiscoveryGauge.self, ListenerDiscoveryText.self,
        RuntimeCounter.self, RuntimeGauge.self,
        OverloadHistogram.self, OverloadMonitorCounter.self, OverloadMonitorGauge.self,
        OverloadActionGauge.self, OverloadActionCounter.self,
        FilesystemCounter.self, FilesystemGauge.self,
        AdminHTTPCounter.self, AdminHTTPGauge.self,
        AdminListenerCounter.self, AdminListenerGauge.self,
        StatsCounter.self, StatsGauge.self, ServerRegionCounter.self,
        UnusedCounter.self, UnusedGauge.self, UnusedHistogram.self,
    ]

    /// The table.
    public static let all: [StatDescription] = groups.flatMap { $0.descriptions }

    /// The row of a stat by its full name, `cluster.service.upstream_rq_200`; nil for a name that is not in the table.
    public static func describe(_ fullName: String) -> StatDescription? {
        let bytes = Array(fullName.utf8)
        // Scopes end in a dot, names have none.
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let scope = bytes[...dot]
        let name = bytes[(dot + 1)...]
        for row in index[String(decoding: name, as: UTF8.self)] ?? [] where row.scope.matches(scope) {
            return row.description
        }
        return patterns.first { $0.name.matches(name) && $0.scope.matches(scope) }?.description
    }

    private struct Row {
        let scope: StatPattern
        let name: StatPattern
        let description: StatDescription
    }

    /// Where several scopes match (`http.admin.` is one of `http.<stat_prefix>.` too), the one that says most is meant.
    private static let rows: [Row] = all.map { row in
        Row(scope: StatPattern(row.scope), name: StatPattern(row.name), description: row)
    }.sorted { $0.scope.literalLength > $1.scope.literalLength }
    private static let patterns = rows.filter { $0.name.placeholders > 0 }
    private static let index = [String: [Row]](grouping: rows.filter { $0.name.placeholders == 0 }) {
        $0.description.name
    }
}
