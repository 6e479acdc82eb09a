/// Resources from files: where they are named, and what the files have.
extension Decoder {
    // MARK: - Where they are named

    /// nil: an error has been reported.
    func fileSource(_ value: Value) -> FileSource? {
        let others = ["api_config_source", "ads", "self"]
        guard let message = value.message(.configSource),
            let given = message.requireOne(of: ["path_config_source", "path"], else: others)
        else { return nil }
        guard message.has("path_config_source") else {
            return given.nonEmptyString().map { FileSource(path: $0) }
        }
        guard let fields = given.message(.pathConfigSource), let path = fields.require("path")?.nonEmptyString() else {
            return nil
        }
        var source = FileSource(path: path)
        if let directory = fields["watched_directory"]?.message(.watchedDirectory) {
            source.directory = directory.require("path")?.nonEmptyString()
        }
        return source
    }

    /// `eds_cluster_config`, and where it may stand.
    func endpointSource(_ message: Message, _ cluster: inout Cluster) {
        guard let value = message["eds_cluster_config"] else {
            if cluster.discovery == .eds { message.error("an EDS cluster needs eds_cluster_config") }
            return
        }
        guard let fields = value.message(.edsClusterConfig) else { return }
        // Of a type with an error of its own nobody knows.
        if cluster.discovery != .eds, message["type"] == nil || cluster.discovery.isDNS {
            value.error("only a cluster of type EDS has it")
        }
        let service = fields["service_name"]?.string() ?? ""
        guard let file = fields.require("eds_config").flatMap(fileSource) else { return }
        cluster.endpointSource = EndpointSource(file: file, name: service.isEmpty ? cluster.name : service)
    }

    // MARK: - What they have

    /// The messages of these kinds that a file has; nil: an error has been reported, at `place` if it cannot be read.
    func discovered(
        _ path: String, _ schema: MessageSchema, _ place: (String) -> Void
    ) -> (version: String, text: ResourceText, resources: [Message])? {
        let text: [UInt8]
        do throws(DataSources.Failure) {
            text = try sources.file(path)
        } catch {
            place("\(quoted(path)) \(error.reason)")
            return nil
        }
        guard let root = YAMLReader.read(name: path, text: text, findings: findings) else { return nil }
        let value = Value(node: root, place: .root, findings: findings)
        guard let response = value.message(.discoveryResponse) else { return nil }
        var resources: [Message] = []
        for item in response["resources"]?.list() ?? [] {
            guard let found = item.extensionMessage([schema, .discoveredResource]) else { continue }
            if found.schema == schema.name {
                resources.append(found.message)
            } else if let inner = found.message.require("resource")?.extensionMessage([schema]) {
                resources.append(inner.message)
            }
        }
        let version = response["version_info"]?.string() ?? ""
        return (version, ResourceText(path: path, bytes: text), resources)
    }

    /// The assignments of a file; nil: an error has been reported.
    func assignments(_ path: String, _ place: (String) -> Void) -> DiscoveredAssignments? {
        guard let found = discovered(path, .loadAssignment, place) else { return nil }
        var result = DiscoveredAssignments()
        result.version = found.version
        for message in found.resources {
            let assignment = loadAssignment(message, .ipLiteral)
            if let first = result.assignments[assignment.clusterName] {
                message["cluster_name"]?.error(
                    "duplicate cluster_name \(quoted(assignment.clusterName)), already in line \(first.location.line)")
            }
            result.assignments[assignment.clusterName] = assignment
        }
        return result
    }

    /// `dynamic_resources`.
    mutating func clusterSource(_ dynamic: Message?, _ bootstrap: inout Bootstrap) {
        guard let value = dynamic?["cds_config"], let file = fileSource(value) else { return }
        bootstrap.clusterSource = ClusterSource(file: file)
        mayHaveMoreClusters = true
        guard let found = discoveredClusters(file.path, { value.error($0) }) else { return }
        bootstrap.clusterSource?.version = found.version
        bootstrap.clusterSource?.text = found.text
        bootstrap.clusters += found.clusters
    }

    /// nil: an error has been reported. A name that is known already is an error, too.
    mutating func discoveredClusters(_ path: String, _ place: (String) -> Void) -> DiscoveredClusters? {
        guard let found = discovered(path, .cluster, place) else { return nil }
        var result = DiscoveredClusters()
        result.version = found.version
        result.text = found.text
        for message in found.resources {
            var cluster = cluster(message)
            cluster.isDiscovered = true
            cluster.digest = message.value.node.digest
            result.clusters.append(cluster)
        }
        return result
    }

    /// `dynamic_resources`: behind the listeners of the configuration itself.
    mutating func listenerSource(_ dynamic: Message?, _ bootstrap: inout Bootstrap) {
        guard let value = dynamic?["lds_config"], let file = fileSource(value) else { return }
        bootstrap.listenerSource = ListenerSource(file: file)
        guard let found = discoveredListeners(file.path, { value.error($0) }) else { return }
        bootstrap.listenerSource?.version = found.version
        bootstrap.listenerSource?.text = found.text
        bootstrap.listeners += found.listeners
    }

    /// nil: an error has been reported. A name or address that is known already is an error, too.
    mutating func discoveredListeners(_ path: String, _ place: (String) -> Void) -> DiscoveredListeners? {
        guard let found = discovered(path, .listener, place) else { return nil }
        var result = DiscoveredListeners(
            version: found.version, listeners: listeners(found.resources, isDiscovered: true))
        result.text = found.text
        return result
    }

    /// The routes of a connection manager: its own, or those of a file.
    mutating func routes(_ message: Message) -> (RouteConfiguration?, RouteSource?) {
        guard let given = message.requireOne(of: ["route_config", "rds"], else: ["scoped_routes"]) else {
            return (nil, nil)
        }
        guard message.has("rds") else {
            return (given.message(.routeConfiguration).map { routeConfiguration($0) }, nil)
        }
        guard let fields = given.message(.rds) else { return (nil, nil) }
        let name = fields.require("route_config_name")?.nonEmptyString()
        guard let place = fields.require("config_source"), let file = fileSource(place), let name else {
            return (nil, nil)
        }
        var source = RouteSource(file: file, name: name)
        let found = routeFiles[file.path] ?? discoveredRoutes(file.path) { place.error($0) }
        routeFiles[file.path] = .some(found)
        guard let found else { return (nil, source) }
        source.version = found.version
        source.text = found.text
        do throws(DiscoveryProblem) {
            return (try found.configuration(named: name), source)
        } catch {
            place.error("\(file.path): \(error.reason)")
            return (nil, source)
        }
    }

    /// nil: an error has been reported.
    mutating func discoveredRoutes(_ path: String, _ place: (String) -> Void) -> DiscoveredRoutes? {
        guard let found = discovered(path, .routeConfiguration, place) else { return nil }
        var result = DiscoveredRoutes()
        result.version = found.version
        result.text = found.text
        for message in found.resources {
            var configuration = routeConfiguration(message, isDiscovered: true)
            configuration.digest = message.value.node.digest
            if result.configurations.contains(where: { $0.name == configuration.name }) {
                message.error("a second route configuration \(quoted(configuration.name))")
            }
            result.configurations.append(configuration)
        }
        return result
    }

    /// Gives clusters the endpoints that their files have for them.
    func loadEndpoints(_ clusters: inout [Cluster]) {
        var files: [String: DiscoveredAssignments?] = [:]
        for i in clusters.indices {
            guard let source = clusters[i].endpointSource else { continue }
            let path = source.file.path
            let place = (clusters[i].location, "cluster \(quoted(clusters[i].name))")
            let file = files[path] ?? assignments(path) { findings.error(place.0, place.1, $0) }
            files[path] = .some(file)
            guard let file else { continue }
            do throws(DiscoveryProblem) {
                try clusters[i].take(file)
            } catch {
                findings.error(error.location ?? place.0, place.1, "\(path): \(error.reason)")
            }
        }
    }
}

/// All that is wrong with a file.
public struct DiscoveryError: Error, Sendable {
    /// In the order of the text; never empty.
    public var diagnostics: [ConfigDiagnostic]
    /// It is a `DiscoveryResponse`, and what is wrong is in its resources.
    public var wasRead: Bool
}

/// Why a cluster cannot have what its file has.
public struct DiscoveryProblem: Error, Sendable {
    public var reason: String
    /// nil: what is wanted is not there, or the reason says where.
    public var location: SourceLocation?
    public init(reason: String, location: SourceLocation? = nil) {
        self.reason = reason
        self.location = location
    }
}

extension DiscoveredRoutes {
    /// Of a file without any route configuration: one without routes.
    public func configuration(named name: String) throws(DiscoveryProblem) -> RouteConfiguration {
        if let found = configurations.first(where: { $0.name == name }) { return found }
        if configurations.isEmpty { return RouteConfiguration(name: name, virtualHosts: []) }
        let names = configurations.prefix(5).map { quoted($0.name) }.joined(separator: ", ")
        throw DiscoveryProblem(reason: "no RouteConfiguration \(quoted(name)), only \(names)")
    }
}

extension Cluster {
    /// Takes its endpoints from a file; one without any assignment leaves it as it is.
    public mutating func take(_ file: DiscoveredAssignments) throws(DiscoveryProblem) {
        guard let source = endpointSource, !file.assignments.isEmpty else { return }
        guard let assignment = file.assignments[source.name] else {
            let names = file.assignments.keys.sorted().prefix(5).map(quoted).joined(separator: ", ")
            throw DiscoveryProblem(reason: "no ClusterLoadAssignment for \(quoted(source.name)), only for \(names)")
        }
        var changed = self
        changed.endpoints = assignment.endpoints
        changed.groups = assignment.groups
        changed.overprovisioning = assignment.overprovisioning
        if let problem = Decoder.weightProblem(changed) {
            throw DiscoveryProblem(reason: problem, location: assignment.location)
        }
        changed.endpointSource?.version = file.version
        self = changed
    }
}

/// Reads what has changed, while the process runs.
public enum DiscoveryLoader {
    /// The assignments of a file.
    public static func assignments(_ path: String, sources: DataSources) throws(DiscoveryError)
        -> DiscoveredAssignments
    {
        let findings = Findings()
        let decoder = Decoder(findings: findings, sources: sources)
        let start = SourceLocation(file: path, line: 1, column: 1)
        let found = decoder.assignments(path) { findings.error(start, "", $0) }
        guard let found, findings.errors.isEmpty else {
            throw DiscoveryError(diagnostics: Findings.sorted(findings.errors, inline: ""), wasRead: found != nil)
        }
        return found
    }

    /// The clusters of a file, with the endpoints that other files have for them.
    ///
    /// - Parameter others: the clusters that do not come from it.
    public static func clusters(
        _ source: ClusterSource, others: [Cluster], sources: DataSources
    ) throws(DiscoveryError) -> (clusters: DiscoveredClusters, warnings: [ConfigDiagnostic]) {
        let findings = Findings()
        var decoder = Decoder(findings: findings, sources: sources)
        let start = SourceLocation(file: source.file.path, line: 1, column: 1)
        for cluster in others { decoder.clusterNames[cluster.name] = cluster.location }
        var found = decoder.discoveredClusters(source.file.path) { findings.error(start, "", $0) }
        if var clusters = found?.clusters {
            for i in clusters.indices {
                clusters[i].ownLocality = source.ownLocality
                clusters[i].bind = clusters[i].bind ?? source.bind
            }
            decoder.loadEndpoints(&clusters)
            found?.clusters = clusters
        }
        guard let found, findings.errors.isEmpty else {
            throw DiscoveryError(diagnostics: Findings.sorted(findings.errors, inline: ""), wasRead: found != nil)
        }
        return (found, Findings.sorted(findings.warnings, inline: ""))
    }

    /// The listeners of a file, with the routes that other files have for them.
    ///
    /// - Parameters:
    ///   - others: the listeners that do not come from it.
    ///   - clusters: those that there are.
    ///   - mayHaveMoreClusters: a file may bring others later.
    public static func listeners(
        _ path: String, others: [Listener], clusters: [String], mayHaveMoreClusters: Bool, sources: DataSources
    ) throws(DiscoveryError) -> (listeners: DiscoveredListeners, warnings: [ConfigDiagnostic]) {
        let findings = Findings()
        var decoder = Decoder(findings: findings, sources: sources)
        let start = SourceLocation(file: path, line: 1, column: 1)
        for name in clusters { decoder.clusterNames[name] = start }
        decoder.mayHaveMoreClusters = mayHaveMoreClusters
        for listener in others { decoder.know(listener) }
        let found = decoder.discoveredListeners(path) { findings.error(start, "", $0) }
        decoder.checkReferences()
        guard let found, findings.errors.isEmpty else {
            throw DiscoveryError(diagnostics: Findings.sorted(findings.errors, inline: ""), wasRead: found != nil)
        }
        return (found, Findings.sorted(findings.warnings, inline: ""))
    }

    /// The routes of a file.
    ///
    /// - Parameter clusters: those that there are.
    public static func routes(
        _ path: String, clusters: [String], sources: DataSources
    ) throws(DiscoveryError) -> (routes: DiscoveredRoutes, warnings: [ConfigDiagnostic]) {
        let findings = Findings()
        var decoder = Decoder(findings: findings, sources: sources)
        let start = SourceLocation(file: path, line: 1, column: 1)
        for name in clusters { decoder.clusterNames[name] = start }
        let found = decoder.discoveredRoutes(path) { findings.error(start, "", $0) }
        decoder.checkReferences()
        guard let found, findings.errors.isEmpty else {
            throw DiscoveryError(diagnostics: Findings.sorted(findings.errors, inline: ""), wasRead: found != nil)
        }
        return (found, Findings.sorted(findings.warnings, inline: ""))
    }

    /// What is wrong with a connection manager that has these routes.
    public static func check(_ http: HTTPConnectionManager) -> (
        errors: [ConfigDiagnostic], warnings: [ConfigDiagnostic]
    ) {
        let findings = Findings()
        Decoder(findings: findings).checkOverrides(http)
        return (Findings.sorted(findings.errors, inline: ""), Findings.sorted(findings.warnings, inline: ""))
    }
}
