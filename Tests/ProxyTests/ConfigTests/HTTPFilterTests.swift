import Testing

@testable import ProxyConfig

@Suite("http_filters")
struct HTTPFilterTests {
    private static let extensions = "type.googleapis.com/envoy.extensions.filters.http"

    private static func filter(_ type: String, _ fields: String, name: String = "f", more: String = "") -> String {
        "{name: \(name), \(more)typed_config: {\"@type\": \(extensions).\(type)\(fields.isEmpty ? "" : ", ")\(fields)}}"
    }

    /// The filters stand in line 7.
    private static func manager(_ filters: [String], routes: String = "{virtual_hosts: []}") -> String {
        let router = "{name: router, typed_config: {\"@type\": \(Sample.routerType)}}"
        return Sample.hcm(
            "stat_prefix: p, http_filters: [\((filters + [router]).joined(separator: ", "))], route_config: \(routes)")
    }

    private func http(_ config: String) throws -> HTTPConnectionManager {
        let bootstrap = try load(config).bootstrap
        let chain = try #require(bootstrap.listeners.first?.allChains.first)
        guard case .httpConnectionManager(let http) = chain.filter else { throw NoManager() }
        return http
    }

    private struct NoManager: Error {}

    private func fault(_ fields: String) throws -> HTTPFault {
        guard
            case .fault(let fault)? = try http(Self.manager([Self.filter("fault.v3.HTTPFault", fields)])).filters.first?
                .config
        else { throw NoManager() }
        return fault
    }

    private func limit(_ fields: String) throws -> LocalRateLimit {
        let filter = Self.filter("local_ratelimit.v3.LocalRateLimit", "stat_prefix: s, \(fields)")
        guard case .localRateLimit(let limit)? = try http(Self.manager([filter])).filters.first?.config else {
            throw NoManager()
        }
        return limit
    }

    private func refused(_ filters: [String], routes: String = "{virtual_hosts: []}") -> [String] {
        errors(Self.manager(filters, routes: routes))
    }

    @Test("faults")
    func faults() throws {
        let found = try fault(
            """
            delay: {fixed_delay: 0.25s, percentage: {numerator: 5, denominator: MILLION}}, abort: {header_abort: {}},
            upstream_cluster: c, headers: [{name: X}], max_active_faults: 3, max_active_faults_runtime: m
            """)
        var delay = HTTPFault.Delay(fixedMs: 250)
        delay.percentage = FractionalPercent(5, of: 1_000_000)
        #expect(found.delay == delay && found.abort == HTTPFault.Abort(status: nil))
        #expect(found.upstreamCluster == "c" && found.headers.map(\.name) == ["x"] && found.maxActiveFaults == 3)
        #expect(found.keys.maxActiveFaults == "m" && found.keys.abortStatus == "fault.http.abort.http_status")
    }

    @Test("buffer and health_check")
    func whatAnswersItself() throws {
        let check = Self.filter(
            "health_check.v3.HealthCheck",
            "pass_through_mode: true, cache_time: 2.5s, headers: [{name: X}], cluster_min_healthy_percentages: {c: {value: 12.5}}"
        )
        let filters = try http(Self.manager([Self.filter("buffer.v3.Buffer", "max_request_bytes: 5"), check])).filters
        guard case .buffer(5)? = filters.first?.config, case .healthCheck(let found)? = filters.last?.config else {
            throw NoManager()
        }
        #expect(found.isPassThrough && found.cacheTimeMs == 2500 && found.headers.map(\.name) == ["x"])
        #expect(found.minHealthy == ["c": 12.5])
        #expect(refused([Self.filter("buffer.v3.Buffer", "")]).first?.contains("max_request_bytes") == true)
        #expect(refused([Self.filter("buffer.v3.Buffer", "max_request_bytes: 0")]).count == 1)
        #expect(refused([Self.filter("health_check.v3.HealthCheck", "")]).first?.contains("pass_through_mode") == true)
        let fails = refused([Self.filter("health_check.v3.HealthCheck", "pass_through_mode: false, cache_time: 1s")])
        #expect(fails.first?.contains("cache_time: only a filter with pass_through_mode: true keeps answers") == true)
    }

    @Test("buffer of a route")
    func bufferOfARoute() throws {
        func said(_ fields: String) -> [String] {
            refused(
                [Self.filter("buffer.v3.Buffer", "max_request_bytes: 5")],
                routes: "{virtual_hosts: [], typed_per_filter_config: {f: {\"@type\": "
                    + "\(Self.extensions).buffer.v3.BufferPerRoute\(fields)}}}")
        }
        #expect(said(", disabled: true") == [] && said(", buffer: {max_request_bytes: 1}") == [])
        #expect(said(", disabled: false").first?.contains("disabled: can only be true") == true)
        #expect(said("").count == 1)
    }

    @Test("local rate limits")
    func limits() throws {
        let found = try limit(
            """
            token_bucket: {max_tokens: 10, fill_interval: 2s}, status: {code: 503},
            filter_enabled: {default_value: {numerator: 50}, runtime_key: enabled},
            enable_x_ratelimit_headers: DRAFT_VERSION_03, local_rate_limit_per_downstream_connection: true,
            response_headers_to_add: [{header: {key: X, value: z}}]
            """)
        #expect(found.bucket == .init(maxTokens: 10, tokensPerFill: 1, fillIntervalMs: 2000))
        #expect(found.status == 503 && found.tellsLimits && found.isPerConnection)
        #expect(found.enabled == RuntimeFraction(FractionalPercent(50), key: "enabled"))
        #expect(found.enforced == RuntimeFraction(FractionalPercent(0)))
        #expect(found.responseHeaders == [HeaderAddition(name: "x", value: [.literal("z")])])
        // As in Envoy, a status that is no error is none.
        #expect(try limit("status: {code: OK}").status == 429)
        #expect(try limit("status: {code: UnprocessableEntity}").status == 422)
    }

    @Test("mutations keep their order")
    func mutations() throws {
        let fields =
            "mutations: {request_mutations: [{remove: A}, {append: {header: {key: B, value: c}, append_action: ADD_IF_ABSENT}}]}"
        let filter = Self.filter("header_mutation.v3.HeaderMutation", fields)
        guard case .headerMutation(let found)? = try http(Self.manager([filter])).filters.first?.config else {
            throw NoManager()
        }
        var (removal, addition) = (HeaderChanges(), HeaderChanges())
        removal.removed = ["a"]
        addition.added = [HeaderAddition(name: "b", value: [.literal("c")])]
        addition.added[0].action = .addIfAbsent
        #expect(found.request == [removal, addition] && found.response == [])
    }

    private static let corsFilter = filter("cors.v3.Cors", "", name: "cors")

    private static func routes(_ overrides: String, host: String = "") -> String {
        """
        {virtual_hosts: [{name: h, domains: ["*"], \(host)routes: [{match: {prefix: /}, direct_response: {status: 200},
        typed_per_filter_config: {\(overrides)}}]}]}
        """
    }

    @Test("what routes say of filters")
    func overrides() throws {
        let policy = "{\"@type\": \(Self.extensions).cors.v3.CorsPolicy, allow_methods: GET, allow_credentials: true}"
        let config = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
        let host = "typed_per_filter_config: {cors: {\"@type\": \(config), disabled: true}}, "
        let found = try http(
            Self.manager(
                [Self.corsFilter], routes: Self.routes("cors: {\"@type\": \(config), config: \(policy)}", host: host))
        ).routes.virtualHosts[0]
        guard case .disable? = found.overrides.first?.action else { throw NoManager() }
        guard case .configure(.cors(let cors))? = found.routes[0].overrides.first?.action else { throw NoManager() }
        #expect(cors.methods == "GET" && cors.allowsCredentials == true && cors.enabled == nil)
    }

    @Test("a filter that is optional and not known is left out")
    func optional() throws {
        let unknown = Self.filter("lua.v3.Lua", "", more: "is_optional: true, ")
        let config = Self.manager([unknown, Self.corsFilter])
        #expect(try http(config).filters.map(\.name) == ["cors"])
        #expect(refused([Self.filter("lua.v3.Lua", "")]).count == 1)
    }

    @Test(
        "what is refused",
        arguments: [
            ("fault.v3.HTTPFault", "delay: {fixed_delay: 0s}", "must be greater than 0s"),
            ("fault.v3.HTTPFault", "abort: {http_status: 100}", "out of range (200 to 599)"),
            ("fault.v3.HTTPFault", "abort: {grpc_status: 1}", "does not support"),
            ("fault.v3.HTTPFault", "response_rate_limit: {header_limit: {}}", "does not support"),
            ("local_ratelimit.v3.LocalRateLimit", "token_bucket: {}", "\"stat_prefix\" is missing"),
            (
                "local_ratelimit.v3.LocalRateLimit",
                "stat_prefix: s, token_bucket: {max_tokens: 1, fill_interval: 0.04s}", "at least 0.05s"
            ),
            (
                "header_mutation.v3.HeaderMutation", "mutations: {request_mutations: [{remove: host}]}",
                "neither host nor"
            ),
            ("header_mutation.v3.HeaderMutation", "mutations: {request_mutations: [{}]}", "one of remove, append"),
        ])
    func refusals(_ type: String, _ fields: String, _ expected: String) {
        let found = refused([Self.filter(type, fields)])
        #expect(found.count == 1 && found.allSatisfy { $0.contains(expected) }, "\(found)")
    }

    @Test("what routes say must be of the filter's kind")
    func kinds() {
        let fault = "{\"@type\": \(Self.extensions).fault.v3.HTTPFault}"
        let found = refused([Self.corsFilter], routes: Self.routes("cors: \(fault)"))
        #expect(found.count == 1 && found[0].contains("is a filter of the kind cors, and this is of the kind fault"))
        // Of none that is there it is only told.
        #expect(refused([Self.corsFilter], routes: Self.routes("cros: \(fault)")).isEmpty)
    }

    @Test("the runtime keys of filters are read")
    func keys() throws {
        let fault = Self.filter("fault.v3.HTTPFault", "abort: {http_status: 503}, abort_percent_runtime: share")
        let keys = RuntimeKeys(try load(Self.manager([fault])).bootstrap)
        #expect(keys.contains("share") && keys.contains("fault.http.delay.fixed_duration_ms"))
    }
}
