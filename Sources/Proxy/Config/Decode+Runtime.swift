/// `layered_runtime`, and values that the runtime can change.
extension Decoder {
    /// - Parameter bootstrap: what else the configuration has: it says which keys are read.
    func runtimeLayers(_ message: Message?, _ bootstrap: Bootstrap) -> [RuntimeLayer] {
        guard let message else { return Bootstrap().runtimeLayers }
        var layers: [RuntimeLayer] = []
        var names: [String: SourceLocation] = [:]
        var admin: SourceLocation?
        for layer in message["layers"]?.messages(.runtimeLayer) ?? [] {
            let name = layer.require("name")
            guard let name, let text = name.nonEmptyString() else { continue }
            if let first = names[text] {
                name.error("duplicate layer name \(quoted(text)), already in \(Self.place(first, name))")
            }
            names[text] = name.location
            guard let source = source(layer) else { continue }
            if case .admin = source {
                if let admin {
                    layer.error("a second admin_layer, there may be one; the first is in \(Self.place(admin, name))")
                }
                admin = layer.location
            }
            layers.append(RuntimeLayer(name: text, source: source))
        }
        warnOfUnread(message, layers, bootstrap)
        return layers
    }

    private func source(_ layer: Message) -> RuntimeLayer.Source? {
        let given = layer.requireOne(of: ["static_layer", "disk_layer", "admin_layer"], else: ["rtds_layer"])
        guard let given else { return nil }
        if layer["static_layer"] != nil {
            var values: [String: RuntimeValue] = [:]
            guard case .mapping = given.node.content else {
                given.error("expected a mapping, got \(given.node.kindText)")
                return nil
            }
            findings.forms?.note(given.node, .free)
            flatten(given, "", into: &values)
            return .fixed(values)
        }
        if layer["disk_layer"] != nil {
            guard let disk = given.message(.diskLayer) else { return nil }
            return .disk(
                DiskLayer(
                    symlinkRoot: disk.require("symlink_root")?.nonEmptyString() ?? "",
                    subdirectory: disk["subdirectory"]?.string() ?? "",
                    appendServiceCluster: disk["append_service_cluster"]?.bool() ?? false))
        }
        return given.message(.adminLayer).map { _ in .admin }
    }

    /// As Envoy walks a `google.protobuf.Struct`: names are joined by dots, and what has a numerator or a denominator is a
    /// fraction.
    private func flatten(_ value: Value, _ key: String, into values: inout [String: RuntimeValue]) {
        switch value.node.content {
        case .scalar(let scalar):
            switch scalar.kind {
            case .null: value.error("a runtime value must not be null")
            case .bool: values[key] = RuntimeValue(text: scalar.text)
            case .string: values[key] = RuntimeValue(scalar.text)
            case .number:
                var number: UInt64?
                if case .within(let whole)? = WholeNumber.parse(scalar.text, isPlain: true) {
                    number = UInt64(exactly: whole)
                }
                values[key] = RuntimeValue(text: scalar.text, number: number)
            }
        case .sequence: value.error("a runtime value must be a number, a boolean, a text or a fraction, not a list")
        case .mapping(let entries):
            if !key.isEmpty, entries.contains(where: { $0.key == "numerator" || $0.key == "denominator" }) {
                if let fraction = value.message(.fractionalPercent)?.fraction() {
                    values[key] = RuntimeValue(text: fraction.text, fraction: fraction)
                }
                return
            }
            for entry in entries {
                let child = value.member(entry.key, entry.value)
                flatten(child, key.isEmpty ? entry.key : "\(key).\(entry.key)", into: &values)
            }
        }
    }

    /// Runtime keys of Envoy itself switch nothing here; a user's own are read where the configuration names them.
    private func warnOfUnread(_ message: Message, _ layers: [RuntimeLayer], _ bootstrap: Bootstrap) {
        let read = RuntimeKeys(bootstrap)
        var unread: Set<String> = []
        for layer in layers {
            guard case .fixed(let values) = layer.source else { continue }
            unread.formUnion(values.keys.filter { !read.contains($0) })
        }
        if unread.isEmpty { return }
        let list = unread.sorted().map(quoted).joined(separator: ", ")
        findings.warn(message.location, message.path, "nothing in this build reads the runtime keys \(list)")
    }

    /// `envoy.config.core.v3.RuntimeFractionalPercent`.
    func runtimeFraction(_ value: Value) -> RuntimeFraction? {
        guard let message = value.message(.runtimeFraction) else { return nil }
        let key = message["runtime_key"]?.string() ?? ""
        guard let fallback = message.require("default_value")?.message(.fractionalPercent)?.fraction() else {
            return nil
        }
        return RuntimeFraction(fallback, key: key)
    }

    /// `envoy.config.core.v3.RuntimeFeatureFlag`.
    func runtimeFlag(_ value: Value) -> RuntimeFlag? {
        guard let message = value.message(.runtimeFlag) else { return nil }
        let fallback = message.require("default_value")?.bool()
        let key = message["runtime_key"]?.string() ?? ""
        return fallback.map { RuntimeFlag($0, key: key) }
    }
}

extension Message {
    /// `envoy.type.v3.FractionalPercent`.
    func fraction() -> FractionalPercent? {
        let denominator: UInt32? =
            self["denominator"].map {
                $0.choice([("HUNDRED", 0, UInt32(100)), ("TEN_THOUSAND", 1, 10_000), ("MILLION", 2, 1_000_000)])
            } ?? 100
        let numerator = self["numerator"].map { $0.number() } ?? 0
        guard let numerator, let denominator else { return nil }
        return FractionalPercent(numerator, of: denominator)
    }
}

/// The runtime keys that something reads.
public struct RuntimeKeys: Sendable {
    private var keys: Set<String>

    public init(_ bootstrap: Bootstrap) {
        keys = Set(bootstrap.clusters.map { Self.maintenance(of: $0.name) })
        for cluster in bootstrap.clusters {
            for isHigh in [false, true] {
                let budget = Budget(cluster: cluster.name, isHigh: isHigh)
                keys.formUnion([budget.percent, budget.minConcurrency])
            }
            if case .leastRequest(let config) = cluster.balancing, let bias = config.bias, !bias.key.isEmpty {
                keys.insert(bias.key)
            }
            if let aggression = cluster.slowStart?.aggression, !aggression.key.isEmpty { keys.insert(aggression.key) }
        }
        keys.insert(Self.globalConnectionLimit)
        for filter in bootstrap.admin?.accessLogs.compactMap(\.filter) ?? [] { add(filter) }
        for listener in bootstrap.listeners {
            keys.insert(Self.connectionLimit(of: listener.name))
            for filter in listener.accessLogs.compactMap(\.filter) { add(filter) }
            for chain in listener.allChains {
                if case .httpConnectionManager(let http) = chain.filter {
                    for route in http.routes.virtualHosts.lazy.flatMap(\.routes) {
                        if let key = route.fraction?.key { keys.insert(key) }
                        guard case .forward(let forward) = route.action else { continue }
                        keys.formUnion(forward.mirrors.compactMap(\.fraction?.key))
                    }
                    for filter in http.filters { add(filter.config) }
                    for override in http.routes.allOverrides {
                        if case .configure(let config) = override.action { add(config) }
                    }
                }
                keys.formUnion(chain.rateLimits.map(\.enabled.key))
                for mapper in chain.filter.localReplies?.mappers ?? [] { add(mapper.filter) }
                for filter in chain.filter.accessLogs.compactMap(\.filter) { add(filter) }
            }
        }
    }

    private mutating func add(_ filter: HTTPFilterConfig) {
        switch filter {
        case .fault(let fault): keys.formUnion(fault.keys.all)
        case .cors(let policy): keys.formUnion([policy.enabled, policy.shadowEnabled].compactMap(\.?.key))
        case .localRateLimit(let limit): keys.formUnion([limit.enabled.key, limit.enforced.key])
        case .headerMutation, .buffer, .healthCheck: break
        }
    }

    private mutating func add(_ filter: LogFilter) {
        switch filter {
        case .status(let comparison), .duration(let comparison): keys.insert(comparison.key)
        case .all(let filters), .any(let filters): for filter in filters { add(filter) }
        case .runtime(let share): keys.insert(share.key)
        case .always, .notHealthCheck, .flags, .header, .types: break
        }
    }

    /// `upstream.maintenance_mode.<cluster>`: the share of a cluster's requests that are answered with 503 at once.
    public static func maintenance(of cluster: String) -> String { "upstream.maintenance_mode.\(cluster)" }

    /// `envoy.resource_limits.listener.<name>.connection_limit`: how many connections a listener may have open.
    public static func connectionLimit(of listener: String) -> String {
        "envoy.resource_limits.listener.\(listener).connection_limit"
    }

    /// How many connections of clients there may be in all, unless the overload manager says it.
    public static let globalConnectionLimit = "overload.global_downstream_max_connections"

    /// The keys of a cluster's retry budget.
    public struct Budget: Sendable {
        /// `circuit_breakers.<cluster>.<priority>.retry_budget.budget_percent`.
        public let percent: String
        /// `circuit_breakers.<cluster>.<priority>.retry_budget.min_retry_concurrency`.
        public let minConcurrency: String

        public init(cluster: String, isHigh: Bool = false) {
            let prefix = "circuit_breakers.\(cluster).\(isHigh ? "high" : "default").retry_budget"
            percent = "\(prefix).budget_percent"
            minConcurrency = "\(prefix).min_retry_concurrency"
        }
    }

    public func contains(_ key: String) -> Bool { keys.contains(key) }
}
