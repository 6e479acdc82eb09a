import ProxyConfig
import Testing

@testable import Proxy

/// What the filter `health_check` answers, and for how long an upstream's answer counts.
@Suite struct HealthCheckTests {
    private static func compile(
        _ filter: HealthCheckFilter, _ memberships: ClusterMemberships = ClusterMemberships()
    ) -> CompiledHealthCheck {
        CompiledHealthCheck(
            filter,
            FilterContext(
                listener: "l", clusters: ClusterNames(["a", "b"]), shares: RuntimeShares(), activeFaults: sharedCell(),
                limits: RateLimitTable(), memberships: memberships, localCluster: Bytes("here")))
    }

    @Test func anAnswerCountsUntilItsPeriodIsOver() {
        var filter = HealthCheckFilter(isPassThrough: true)
        #expect(!Self.compile(filter).keepsAnswers && Self.compile(filter).kept(nowNs: 0) == nil)
        filter.cacheTimeMs = 10
        let check = Self.compile(filter)
        #expect(check.keepsAnswers && check.kept(nowNs: 5_000_000) == nil)
        let answer = CompiledHealthCheck.Answer(status: 503, isDegraded: true)
        check.keep(answer, nowNs: 5_000_000)
        #expect(check.kept(nowNs: 5_000_000) == answer && check.kept(nowNs: 9_999_999) == answer)
        #expect(check.kept(nowNs: 10_000_000) == nil && check.kept(nowNs: 0) == answer)
        let other = CompiledHealthCheck.Answer(status: 200, isDegraded: false)
        check.keep(other, nowNs: 10_000_000)
        #expect(check.kept(nowNs: 19_999_999) == other)
    }

    @Test func theVerdictFollowsTheHosts() {
        let memberships = ClusterMemberships()
        var filter = HealthCheckFilter(isPassThrough: false)
        #expect(Self.compile(filter).verdict == (200, .healthCheckOK))
        filter.minHealthy = ["a": 33.3]
        let check = Self.compile(filter, memberships)
        #expect(check.verdict == (503, .healthCheckClusterEmpty))
        memberships.set(cluster: 0, total: 3, healthy: 1)
        #expect(check.verdict == (200, .healthCheckClusterHealthy))
        memberships.set(cluster: 0, total: 4, healthy: 1)
        #expect(check.verdict == (503, .healthCheckClusterUnhealthy))
        memberships.set(cluster: 1, total: 4, healthy: 4)
        #expect(check.verdict == (503, .healthCheckClusterUnhealthy))
        filter.minHealthy = ["none": 0]
        #expect(Self.compile(filter, memberships).verdict == (503, .healthCheckNoCluster))
        filter.minHealthy = ["b": 0]
        memberships.set(cluster: 1, total: 0, healthy: 0)
        #expect(Self.compile(filter, memberships).verdict == (200, .healthCheckClusterHealthy))
    }
}
