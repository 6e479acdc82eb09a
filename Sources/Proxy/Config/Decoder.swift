/// From the checked tree to the model. What concerns several parts (names, references) is kept here until the end.
struct Decoder {
    let findings: Findings
    let sources: DataSources
    /// Every cluster's name with its place, also of clusters that have other errors.
    var clusterNames: [String: SourceLocation] = [:]
    /// Unknown clusters for which the nearest name is looked for.
    private static let mostSuggestions = 20
    /// Of `references` that are made now: requests to a cluster that is not there get a 503.
    var clustersAreOptional = false
    /// A file may bring clusters later.
    var mayHaveMoreClusters = false
    private var references: [(name: String, location: SourceLocation, path: String, isOptional: Bool)] = []
    /// Of listeners.
    var listenerNames: [String: SourceLocation] = [:]
    var listenerAddresses: [Address: SourceLocation] = [:]
    /// What is decoded comes from a file that may change.
    var isDiscovering = false
    /// Files of routes that have been read, by path; nil: with errors.
    var routeFiles: [String: DiscoveredRoutes?] = [:]

    init(findings: Findings, sources: DataSources = .none) {
        self.findings = findings
        self.sources = sources
    }

    /// `early`: what was made of the clusters while the text was read.
    mutating func bootstrap(_ root: YAMLNode, _ early: EarlyClusters? = nil) -> Bootstrap {
        var result = Bootstrap()
        let value = Value(node: root, place: .root, findings: findings)
        guard let message = value.message(.bootstrap) else { return result }
        if let node = message["node"]?.message(.node) { result.node = self.node(node) }
        if let admin = message["admin"]?.message(.admin) { result.admin = self.admin(admin) }
        if let value = message["stats_flush_interval"], let interval = value.duration() {
            if (1..<300_000).contains(interval) {
                result.statsFlushIntervalMs = UInt32(interval)
            } else {
                value.error("must be at least 0.001s and less than 300s")
            }
        }
        let resources = message["static_resources"]?.message(.staticResources)
        if let resources {
            if let early, early.isComplete {
                result.clusters = early.clusters
                clusterNames = early.decoder.clusterNames
                references = early.decoder.references
                findings.add(early.decoder.findings)
            } else {
                result.clusters = clusters(resources["clusters"]?.messages(.cluster) ?? [])
            }
        }
        let dynamic = message["dynamic_resources"]?.message(.dynamicResources)
        clusterSource(dynamic, &result)
        loadEndpoints(&result.clusters)
        // Their routes name clusters.
        result.listeners = listeners(resources?["listeners"]?.messages(.listener) ?? [])
        listenerSource(dynamic, &result)
        var own = Locality()
        (own.region, own.zone, own.subZone) = (result.node.region, result.node.zone, result.node.subZone)
        // Else each has it already, and writing would copy all of them.
        if own != Locality() { for i in result.clusters.indices { result.clusters[i].ownLocality = own } }
        if let value = message["stats_flush_on_admin"] {
            result.statsFlushOnAdmin = value.bool() ?? false
            if !result.statsFlushOnAdmin { value.error("must be true where it is given") }
        }
        result.statsSinks = statsSinks(message["stats_sinks"])
        if let config = message["stats_config"]?.message(.statsConfig) { result.statsConfig = statsConfig(config) }
        if let manager = message["cluster_manager"]?.message(.clusterManager) { clusterManager(manager, &result) }
        result.clusterSource?.ownLocality = own
        result.overload = message["overload_manager"]?.message(.overloadManager).map(overloadManager)
        result.runtimeLayers = runtimeLayers(message["layered_runtime"]?.message(.layeredRuntime), result)
        checkReferences()
        return result
    }

    private func node(_ message: Message) -> Node {
        var result = Node()
        result.id = message["id"]?.string() ?? ""
        result.cluster = message["cluster"]?.string() ?? ""
        if let locality = message["locality"]?.message(.locality) {
            let place = self.locality(locality)
            (result.region, result.zone, result.subZone) = (place.region, place.zone, place.subZone)
        }
        return result
    }

    /// Without an address there is no admin server, as in Envoy.
    private func admin(_ message: Message) -> Admin? {
        var logs = accessLogs(message["access_log"])
        if let value = message["access_log_path"], let path = value.string(), !path.isEmpty {
            logs.append(AccessLog(sink: .file(path: path), location: value.location, path: value.path))
        }
        guard let address = message["address"].flatMap({ self.address($0, .ipLiteral)?.address }) else { return nil }
        return Admin(address: address, accessLogs: logs, location: message.location)
    }

    /// To be checked once all clusters are known.
    mutating func refer(to name: String, at value: Value) {
        references.append((name, value.location, value.path, clustersAreOptional))
    }

    func checkReferences() {
        var suggestions: [String: String] = [:]
        for reference in references where clusterNames[reference.name] == nil {
            // Each asks all names: thousands of wrong ones are no typing slips.
            if suggestions[reference.name] == nil, suggestions.count < Self.mostSuggestions {
                suggestions[reference.name] = Suggestion.text(for: reference.name, among: clusterNames.keys)
            }
            let suggestion = suggestions[reference.name] ?? ""
            let text = "cluster \(quoted(reference.name)) does not exist\(suggestion)"
            if reference.isOptional {
                findings.warn(reference.location, reference.path, text + ": requests to it get a 503")
            } else {
                findings.error(reference.location, reference.path, text)
            }
        }
    }

    /// Only `raw_buffer`, which is what a connection has without a transport socket.
    func checkTransportSocket(_ value: Value?) {
        guard let message = value?.message(.transportSocket) else { return }
        _ = message.require("name")?.nonEmptyString()
        _ = message.requireOne(of: ["typed_config"], else: ["config"])?.extensionMessage([.rawBuffer])
    }

    /// What buffers may hold; Envoy's 0 means that there is no limit.
    func bufferLimit(_ value: Value?) -> UInt32? {
        guard let limit = value?.number() else { return nil }
        return limit == 0 ? UInt32.max : limit
    }
}
