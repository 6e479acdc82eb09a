import Stats
import Testing

@testable import StatCatalog

@Suite struct CatalogTests {
    @Test func everyNameIsDeclaredOnce() {
        let names = StatCatalog.all.map(\.fullName)
        let repeated = Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
        #expect(repeated == [])
        #expect(StatCatalog.all.count > 150)
    }

    @Test func helpIsASentence() {
        for stat in StatCatalog.all {
            let start = stat.help.first.map { $0.isUppercase || $0.isNumber || $0 == "`" } ?? false
            #expect(start && stat.help.hasSuffix("."), "\(stat.fullName): \(stat.help)")
            #expect(!stat.help.contains("|") && !stat.help.contains("\n"), "\(stat.fullName) breaks its table")
            #expect(stat.name.allSatisfy { $0 != "." } && stat.scope.hasSuffix("."), "\(stat.fullName)")
        }
    }

    /// Who counts an answer adds its class to the place of the first.
    @Test func statusClassesFollowEachOther() {
        func check<Name: StatGroup>(_ first: Name, _ part: String) {
            for offset in 0..<5 {
                #expect(Name(rawValue: first.rawValue + offset)?.name == "\(part)_\(offset + 1)xx")
            }
        }
        check(HTTPCounter.downstream_rq_1xx, "downstream_rq")
        check(ListenerHTTPCounter.downstream_rq_1xx, "downstream_rq")
        check(AdminHTTPCounter.downstream_rq_1xx, "downstream_rq")
        check(ClusterCounter.upstream_rq_1xx, "upstream_rq")
        check(OriginCounter.upstream_rq_1xx, "upstream_rq")
        check(RequestClassCounter.upstream_rq_1xx, "upstream_rq")
    }

    /// Cells are found by position: raw values count from 0 without a gap.
    @Test func rawValuesArePositions() {
        func check(_ group: any StatGroup.Type) {
            func positions<Name: StatGroup>(_: Name.Type) -> [Int] { Name.allCases.map(\.rawValue) }
            let found = positions(group)
            #expect(found == Array(0..<found.count), "\(group)")
        }
        for group in StatCatalog.groups { check(group) }
    }

    @Test(
        "Full names are found in their scope",
        arguments: [
            ("http.ingress_http.downstream_rq_total", "http.<stat_prefix>."),
            ("http.in.gress.no_route", "http.<stat_prefix>."),
            ("http.admin.downstream_rq_total", "http.admin."),
            ("http.admin.no_route", "http.<stat_prefix>."),
            ("tcp.ingress_tcp.idle_timeout", "tcp.<stat_prefix>."),
            ("listener.127.0.0.1_80.downstream_cx_total", "listener.<address>."),
            ("listener.[__1]_80.worker_12.downstream_cx_total", "listener.<address>.worker_<i>."),
            ("listener.a.worker_x.downstream_cx_total", "listener.<address>."),
            ("listener.0.0.0.0_80.http.in.downstream_rq_2xx", "listener.<address>.http.<stat_prefix>."),
            ("listener.admin.downstream_cx_total", "listener.admin."),
            ("cluster.www.example.com.upstream_cx_total", "cluster.<name>."),
            ("cluster.a.upstream_rq_418", "cluster.<name>."),
            ("cluster.a.upstream_rq_4xx", "cluster.<name>."),
            ("cluster.a.external.upstream_rq_503", "cluster.<name>.<origin>."),
            ("cluster.a.internal.upstream_rq_time", "cluster.<name>.<origin>."),
            ("cluster.external.upstream_rq_200", "cluster.<name>."),
            ("proxy_proto.not_found_allowed", "proxy_proto<.stat_prefix>."),
            ("proxy_proto.a.b.not_found_allowed", "proxy_proto<.stat_prefix>."),
            ("proxy_proto.versions.v1.found", "proxy_proto<.stat_prefix>.versions.v<i>."),
            ("proxy_proto.pp.versions.v2.error", "proxy_proto<.stat_prefix>.versions.v<i>."),
            ("vhost.a.b.vcluster.c.d.upstream_rq_total", "vhost.<virtual_host>.<part>.<name>."),
            ("vhost.a.route.r.upstream_rq_unknown", "vhost.<virtual_host>.<part>.<name>."),
            ("server.live", "server."),
            ("stats.overflow", "stats."),
        ])
    func described(name: String, scope: String) {
        #expect(StatCatalog.describe(name)?.scope == scope)
    }

    @Test(
        "Other names are not",
        arguments: [
            "", ".", "live", "server.", "server.alive", "http..no_route", "http.a.",
            "cluster.a.upstream_rq_42", "vhost.a.other.r.upstream_rq_total", "cluster.a.upstream_rq_abc",
            "xhttp.a.no_route",
            "proxy_proto..not_found_allowed", "proxy_protox.not_found_allowed", "proxy_proto.versions.vx.found",
            "cluster.a.other.upstream_rq_code", "cluster.a.upstream_rq_<code>",
        ])
    func unknown(name: String) {
        #expect(StatCatalog.describe(name)?.fullName == nil)
    }

    @Test func aDescriptionSaysAll() throws {
        let time = try #require(StatCatalog.describe("cluster.a.external.upstream_rq_time"))
        #expect(time.kind == .histogram)
        #expect(time.unit == .milliseconds)
        #expect(time.isOnDemand)
        let hosts = try #require(StatCatalog.describe("cluster.a.membership_total"))
        #expect(hosts.kind == .gauge)
        #expect(hosts.gaugeImport == .neverImport)
        #expect(!hosts.isOnDemand)
        #expect(hosts.help == "Hosts of the cluster.")
    }
}
