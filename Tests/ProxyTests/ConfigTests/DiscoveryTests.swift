import Testing

@testable import ProxyConfig

@Suite("resources from files")
struct DiscoveryTests {
    private static let assignmentType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    private static let routesType = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

    private static func files(_ files: [String: String]) -> DataSources {
        DataSources(
            file: { (path) throws(DataSources.Failure) in
                guard let text = files[path] else { throw DataSources.Failure("cannot be opened: there is none") }
                return Array(text.utf8)
            },
            variable: { _ in nil })
    }

    private static func assignment(_ name: String, port: Int = 1, _ more: String = "") -> String {
        """
        {"@type": \(assignmentType), cluster_name: \(name), endpoints: [{lb_endpoints: [{endpoint: {address: \
        {socket_address: {address: 127.0.0.1, port_value: \(port)}}}}]\(more)}]}
        """
    }

    private static func response(_ resources: String..., version: String = "v") -> String {
        "version_info: \"\(version)\"\nresources:\n" + resources.map { "- \($0)\n" }.joined()
    }

    private static func cluster(_ config: String) -> String {
        Sample.cluster("type: EDS, eds_cluster_config: {eds_config: {\(config)}}")
    }

    private static func errors(_ text: String, _ files: [String: String] = [:]) -> [String] {
        do {
            _ = try load(text, sources: Self.files(files))
            return []
        } catch {
            return (error as? ConfigurationError)?.diagnostics.map(\.description) ?? ["\(error)"]
        }
    }

    // MARK: Endpoints

    @Test(
        "endpoints come with the configuration",
        arguments: [
            "path_config_source: {path: /eds}", "path: /eds",
            "resource_api_version: V3, path_config_source: {path: /eds}",
        ]) func endpoints(source: String) throws
    {
        let files = ["/eds": Self.response(Self.assignment("other"), Self.assignment("c", port: 7), version: "12")]
        let loaded = try load(Self.cluster(source), sources: Self.files(files)).bootstrap.clusters[0]
        #expect(loaded.discovery == .eds)
        #expect(loaded.endpoints.map(\.address) == [.socket(host: "127.0.0.1", port: 7)])
        #expect(loaded.endpointSource?.version == "12" && loaded.endpointSource?.file == FileSource(path: "/eds"))
    }

    @Test("a service has another name than its cluster, and a directory may be watched") func names() throws {
        let text = Sample.cluster(
            "type: EDS, eds_cluster_config: {service_name: s, eds_config: {path_config_source: {path: /d/eds, "
                + "watched_directory: {path: /d}}}}")
        let loaded = try load(text, sources: Self.files(["/d/eds": Self.response(Self.assignment("s"))]))
        #expect(loaded.bootstrap.clusters[0].endpoints.count == 1)
        #expect(loaded.bootstrap.clusters[0].endpointSource?.file == FileSource(path: "/d/eds", directory: "/d"))
    }

    @Test("JSON, resources in envelopes, no resources") func forms() throws {
        let json = """
            {"versionInfo": "1", "resources": [{"@type": "type.googleapis.com/envoy.service.discovery.v3.Resource", \
            "name": "c", "resource": {"@type": "\(Self.assignmentType)", "clusterName": "c", "endpoints": []}}]}
            """
        for text in [json, "resources: []", "version_info: \"1\""] {
            #expect(Self.errors(Self.cluster("path: /eds"), ["/eds": text]) == [])
        }
    }

    @Test(
        "what is wrong is said with its place",
        arguments: [
            (Sample.cluster("type: EDS"), "", "envoy.yaml:6:1: static_resources.clusters[0]: an EDS cluster needs"),
            (
                Sample.cluster("eds_cluster_config: {eds_config: {path: /eds}}"), "",
                "envoy.yaml:7:21: static_resources.clusters[0].eds_cluster_config: only a cluster of type EDS has it"
            ),
            (cluster("path: /none"), "", "envoy.yaml:6:1: cluster \"c\": \"/none\" cannot be opened: there is none"),
            (cluster("ads: {}"), "", "eds_config.ads: \"ads\" is an Envoy field that this build does not support; res"),
            (cluster(""), "", "eds_config: one of path_config_source, path is required"),
            (cluster("path: /eds"), "[", "YAML syntax: "),
            (cluster("path: /eds"), "a: 1", "/eds:1:1: a: unknown field \"a\""),
            (
                cluster("path: /eds"), response(assignment("x"), assignment("z")),
                "envoy.yaml:6:1: cluster \"c\": /eds: no ClusterLoadAssignment for \"c\", only for \"x\", \"z\""
            ),
            (
                cluster("path: /eds"), response(assignment("c"), assignment("c")),
                "resources[1].cluster_name: duplicate cluster_name \"c\", already in line 3"
            ),
            (
                cluster("path: /eds"), response(assignment("c", port: 99999)),
                "resources[0].endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value: "
            ),
            (
                cluster("path: /eds"), response("{\"@type\": \(routesType)}"),
                "/eds:3:13: resources[0].@type: \"\(routesType)\" is not supported by this build; expected \(assignmentType)"
            ),
            (
                Sample.cluster(
                    "type: EDS, eds_cluster_config: {eds_config: {path: /eds}}, load_assignment: {cluster_name: c}"),
                response(assignment("c")),
                "load_assignment: the endpoints of an EDS cluster come from eds_cluster_config"
            ),
        ]) func wrong(text: String, file: String, error: String)
    {
        let found = Self.errors(text, file.isEmpty ? [:] : ["/eds": file])
        #expect(found.contains { $0.contains(error) }, "\(found)")
    }

    @Test("what a file says later is taken as a whole or not at all") func later() throws {
        func take(_ text: String, _ cluster: inout Cluster) throws {
            try cluster.take(DiscoveryLoader.assignments("/eds", sources: Self.files(["/eds": text])))
        }
        let start = Self.files(["/eds": Self.response(Self.assignment("c"))])
        var cluster = try load(Self.cluster("path: /eds"), sources: start).bootstrap.clusters[0]
        try take(Self.response(Self.assignment("c", port: 2, ", priority: 1"), version: "2"), &cluster)
        #expect(cluster.endpoints.map(\.address) == [.socket(host: "127.0.0.1", port: 2)])
        #expect(cluster.groups.map(\.priority) == [1] && cluster.endpointSource?.version == "2")
        let problem = #expect(throws: DiscoveryProblem.self) {
            try take(Self.response(Self.assignment("d", port: 3)), &cluster)
        }
        #expect(problem?.reason == "no ClusterLoadAssignment for \"c\", only for \"d\"")
        let unread = #expect(throws: DiscoveryError.self) { try take("- 1", &cluster) }
        #expect(unread?.wasRead == false)
        let bad = #expect(throws: DiscoveryError.self) {
            try take(Self.response(Self.assignment("c", port: 3, ", nonsense: 1")), &cluster)
        }
        #expect(bad?.wasRead == true && bad?.diagnostics.count == 1)
        #expect(cluster.endpointSource?.version == "2")
    }

    // MARK: Clusters

    private static let clusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster"

    private static func bootstrap(_ more: String = "") -> String {
        Sample.bootstrap(
            clusters: "{name: own}",
            rest: "dynamic_resources: {cds_config: {path_config_source: {path: /cds}}}\n\(more)")
    }

    @Test("clusters come with the configuration, and have what others have") func clustersCome() throws {
        let text = Self.bootstrap(
            "node: {id: a, cluster: b, locality: {zone: z}}\n"
                + "cluster_manager: {upstream_bind_config: {source_address: {address: 127.0.0.1, port_value: 0}}}")
        let files = [
            "/cds": Self.response(
                "{\"@type\": \(Self.clusterType), name: a}",
                "{\"@type\": \(Self.clusterType), name: b, type: EDS, eds_cluster_config: {eds_config: {path: /eds}}}",
                version: "3"),
            "/eds": Self.response(Self.assignment("b", port: 9)),
        ]
        let loaded = try load(text, sources: Self.files(files)).bootstrap
        #expect(loaded.clusters.map(\.name) == ["own", "a", "b"])
        #expect(loaded.clusters.map(\.isDiscovered) == [false, true, true])
        #expect(loaded.clusters[2].endpoints.count == 1 && loaded.clusterSource?.version == "3")
        #expect(loaded.clusters.allSatisfy { $0.ownLocality.zone == "z" && $0.bind != nil })
        let source = try #require(loaded.clusterSource)
        let later = try DiscoveryLoader.clusters(
            source, others: [loaded.clusters[0]], sources: Self.files(files)
        ).clusters
        #expect(later.clusters.map(\.digest) == loaded.clusters.dropFirst().map(\.digest) && later.version == "3")
        #expect(later.clusters.allSatisfy { $0.ownLocality.zone == "z" && $0.bind != nil && !$0.name.isEmpty })
        #expect(later.clusters[1].endpoints.count == 1)
    }

    @Test("a name is one cluster's") func clusterNames() throws {
        let files = ["/cds": Self.response("{\"@type\": \(Self.clusterType), name: own}")]
        #expect(
            Self.errors(Self.bootstrap(), files) == [
                "/cds:3:72: resources[0].name: duplicate cluster name \"own\", already in envoy.yaml line 6"
            ])
        let loaded = try load(Self.bootstrap(), sources: Self.files(["/cds": "resources: []"])).bootstrap
        let source = try #require(loaded.clusterSource)
        let error = #expect(throws: DiscoveryError.self) {
            try DiscoveryLoader.clusters(source, others: loaded.clusters, sources: Self.files(files))
        }
        #expect(error?.diagnostics.count == 1 && error?.wasRead == true)
    }

    // MARK: Listeners

    private static let listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"

    private static func listener(_ name: String, port: Int, _ more: String = "", chain: String = "") -> String {
        let manager =
            "{name: http, typed_config: {\"@type\": \(Sample.hcmType), stat_prefix: p, \(Sample.router), "
            + "route_config: {virtual_hosts: []}}}"
        return "{\"@type\": \(listenerType), name: \(name), "
            + "address: {socket_address: {address: 127.0.0.1, port_value: \(port)}}, "
            + "filter_chains: [{filters: [\(manager)]\(chain)}]\(more)}"
    }

    private static let lds = Sample.bootstrap(rest: "dynamic_resources: {lds_config: {path: /lds}}")

    @Test("listeners come behind those of the configuration") func listenersCome() throws {
        let files = [
            "/lds": Self.response(Self.listener("x", port: 1), Self.listener("\"\"", port: 2), version: "7")
        ]
        let loaded = try load(Self.lds, sources: Self.files(files)).bootstrap
        #expect(loaded.listenerSource?.version == "7" && loaded.listenerSource?.file.path == "/lds")
        let own = loaded.listeners.filter { !$0.isDiscovered }
        #expect(loaded.listeners.suffix(2).map(\.name) == ["x", "127.0.0.1:2"])
        let later = try DiscoveryLoader.listeners(
            "/lds", others: own, clusters: [], mayHaveMoreClusters: false, sources: Self.files(files)
        ).listeners
        #expect(later.version == "7" && later.listeners.allSatisfy(\.isDiscovered))
        #expect(later.listeners.map(\.digest) == loaded.listeners.suffix(2).map(\.digest))
        #expect(later.listeners[0].allChains[0].digest == later.listeners[1].allChains[0].digest)
    }

    @Test("what a listener says itself and its filter chains are told apart") func listenerDigests() throws {
        func digests(_ listener: String) throws -> [Int] {
            let found = try DiscoveryLoader.listeners(
                "/lds", others: [], clusters: [], mayHaveMoreClusters: false,
                sources: Self.files(["/lds": Self.response(listener)])
            ).listeners.listeners[0]
            return [found.digest, found.ownDigest, found.allChains[0].digest]
        }
        let first = try digests(Self.listener("x", port: 1))
        let chain = try digests(Self.listener("x", port: 1, chain: ", name: other"))
        let own = try digests(Self.listener("x", port: 1, ", tcp_backlog_size: 9"))
        #expect(zip(first, chain).map { $0 == $1 } == [false, true, false])
        #expect(zip(first, own).map { $0 == $1 } == [false, false, true])
        #expect(try first == digests(Self.listener("x", port: 1)))
    }

    @Test("a name and an address are one listener's") func listenerNames() throws {
        let files = ["/lds": Self.response(Self.listener("x", port: 1), Self.listener("x", port: 1))]
        #expect(Self.errors(Self.lds, files).count == 2)
        let loaded = try load(
            Self.lds, sources: Self.files(["/lds": Self.response(Self.listener("x", port: 1))])
        ).bootstrap
        let error = #expect(throws: DiscoveryError.self) {
            try DiscoveryLoader.listeners(
                "/lds", others: loaded.listeners, clusters: [], mayHaveMoreClusters: false,
                sources: Self.files(["/lds": Self.response(Self.listener("z", port: 1))]))
        }
        #expect(
            error?.diagnostics.first?.message.hasPrefix("duplicate listener address 127.0.0.1:1, already in ") == true)
    }

    @Test("those on any free port need names") func unnamedListeners() {
        let files = ["/lds": Self.response(Self.listener("\"\"", port: 0), Self.listener("\"\"", port: 0))]
        #expect(Self.errors(Self.lds, files).count == 1)
        #expect(Self.errors(Self.lds, files)[0].hasSuffix("needs a name, since there is another one for 127.0.0.1:0"))
        let one = ["/lds": Self.response(Self.listener("\"\"", port: 0), Self.listener("x", port: 0))]
        #expect(Self.errors(Self.lds, one).isEmpty)
    }

    @Test("management servers are refused") func refused() {
        let text = Sample.bootstrap(rest: "dynamic_resources: {lds_config: {ads: {}}, ads_config: {}}")
        #expect(Self.errors(text).count == 2)
        #expect(Self.errors(text).allSatisfy { $0.contains("is an Envoy field that this build does not support; ") })
    }

    // MARK: Routes

    private static func rds(_ name: String = "rc", _ source: String = "path: /rds") -> String {
        Sample.hcm("stat_prefix: p, \(Sample.router), rds: {route_config_name: \(name), config_source: {\(source)}}")
    }

    private static func listed(_ name: String, _ route: String, _ more: String = "") -> String {
        """
        {"@type": \(routesType), name: \(name)\(more), virtual_hosts: [{name: v, domains: ["*"], routes: [{match: \
        {prefix: /}, \(route)}]}]}
        """
    }

    @Test("routes come with the configuration") func routesCome() throws {
        let files = [
            "/rds": Self.response(
                Self.listed("other", "redirect: {}"), Self.listed("rc", "route: {cluster: c}"), version: "7")
        ]
        let http = try #require(load(Self.rds(), sources: Self.files(files)).http)
        #expect(http.routes.name == "rc" && http.routes.virtualHosts.count == 1 && http.routes.digest != 0)
        #expect(http.routeSource?.version == "7" && http.routeSource?.name == "rc")
        // Without any there are no routes, and nothing is wrong.
        let none = try #require(load(Self.rds(), sources: Self.files(["/rds": "resources: []"])).http)
        #expect(none.routes.virtualHosts.isEmpty)
    }

    @Test("clusters that are not there are errors only where Envoy asks for them") func clusters() throws {
        func loaded(_ more: String) throws -> LoadedConfiguration {
            let text = Self.response(Self.listed("rc", "route: {cluster: none}", more))
            return try load(Self.rds(), sources: Self.files(["/rds": text]))
        }
        #expect(try loaded(", validate_clusters: false").warnings.count == 1)
        let warnings = try loaded("").warnings.map(\.message)
        #expect(warnings == ["cluster \"none\" does not exist: requests to it get a 503"])
        #expect(throws: ConfigurationError.self) { try loaded(", validate_clusters: true") }
        let own = Sample.hcm(
            "stat_prefix: p, \(Sample.router), route_config: {validate_clusters: false, virtual_hosts: [{name: v, "
                + "domains: [\"*\"], routes: [{match: {prefix: /}, route: {cluster: none}}]}]}")
        #expect(try load(own).warnings.count == 1)
        #expect(Self.errors(own.replacing("validate_clusters: false, ", with: "")).count == 1)
    }

    @Test(
        "what is wrong with routes is said with its place",
        arguments: [
            (rds("rc", "path: /none"), "", ".rds.config_source: \"/none\" cannot be opened: there is none"),
            (
                rds("x"), response(listed("a", "redirect: {}")),
                ".rds.config_source: /rds: no RouteConfiguration \"x\", only \"a\""
            ),
            (
                rds(), response(listed("rc", "redirect: {}"), listed("rc", "redirect: {}")),
                "/rds:4:3: resources[1]: a second route configuration \"rc\""
            ),
            (
                rds(), response(listed("rc", "redirekt: {}")),
                "resources[0].virtual_hosts[0].routes[0].redirekt: unknown field"
            ),
            (rds("\"\""), "", ".rds.route_config_name: must not be empty"),
        ]) func wrongRoutes(text: String, file: String, error: String)
    {
        let found = Self.errors(text, file.isEmpty ? [:] : ["/rds": file])
        #expect(found.contains { $0.contains(error) }, "\(found)")
    }

    @Test("other routes have another digest, another place has not") func digests() throws {
        func digest(_ text: String) throws -> Int {
            try #require(load(Self.rds(), sources: Self.files(["/rds": text])).http).routes.digest
        }
        let first = try digest(Self.response(Self.listed("rc", "redirect: {}")))
        #expect(try digest("\n\n" + Self.response(Self.listed("rc", "redirect: {}"), version: "2")) == first)
        #expect(try digest(Self.response(Self.listed("rc", "redirect: {path_redirect: /a}"))) != first)
    }
}
