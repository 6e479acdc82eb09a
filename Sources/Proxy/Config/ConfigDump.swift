/// The texts that a configuration was made of.
public struct BootstrapTexts: Sendable {
    public var file: ResourceText?
    /// `--config-yaml`.
    public var inline: [UInt8]?
    public init(file: ResourceText? = nil, inline: [UInt8]? = nil) {
        self.file = file
        self.inline = inline
    }
}

/// What was loaded, in protobuf's JSON form, for `/config_dump`. Only the texts are kept: they are read once more when somebody asks.
///
/// Fields stand as in the text, with their names in snake_case, durations, enums, booleans and whole numbers as protobuf writes them.
/// Other than from Envoy, they are in the order of the text, and those with the value that they have without being given are
/// there if they are given.
public enum ConfigDump {
    /// What a file of resources has.
    public enum Kind: Sendable {
        case clusters, listeners, routes, endpoints

        var schema: MessageSchema {
            switch self {
            case .clusters: .cluster
            case .listeners: .listener
            case .routes: .routeConfiguration
            case .endpoints: .loadAssignment
            }
        }
    }

    /// The bootstrap, the text of `--config-yaml` merged into it.
    public static func bootstrap(_ texts: BootstrapTexts) -> JSON {
        let findings = Findings()
        let forms = ValueForms()
        let base = texts.file.flatMap { BootstrapLoader.read(name: $0.path, text: $0.bytes, findings) }
        let over = texts.inline.flatMap {
            BootstrapLoader.read(name: BootstrapLoader.inlineName, text: $0, findings)
        }
        guard let first = base ?? over else { return .members([]) }
        let root = base != nil ? over.map { Merge.merge($0, over: first) } ?? first : first
        findings.forms = forms
        var decoder = Decoder(findings: findings, sources: .none)
        _ = decoder.bootstrap(root, nil)
        return forms.json(root)
    }

    /// The resources of a file, each with its `@type`.
    public static func resources(_ text: ResourceText, _ kind: Kind) -> [JSON] {
        let findings = Findings()
        let forms = ValueForms()
        findings.forms = forms
        let sources = DataSources(
            file: { (path) throws(DataSources.Failure) in
                guard path == text.path else { throw DataSources.Failure("is not wanted") }
                return text.bytes
            }, variable: { _ in nil })
        var decoder = Decoder(findings: findings, sources: sources)
        // Those that have none in the text are known by their address.
        var names: [String] = []
        switch kind {
        case .clusters: _ = decoder.discoveredClusters(text.path) { _ in }
        case .listeners: names = decoder.discoveredListeners(text.path) { _ in }?.listeners.map(\.name) ?? []
        case .routes: _ = decoder.discoveredRoutes(text.path) { _ in }
        case .endpoints: _ = decoder.assignments(text.path) { _ in }
        }
        let found = decoder.discovered(text.path, kind.schema) { _ in }
        return (found?.resources ?? []).enumerated().map { i, resource in
            let json = forms.json(resource.value.node)
            guard names.indices.contains(i), json["name"]?.string ?? "" == "", case .members(let members) = json else {
                return json
            }
            let name = JSON.Member(name: "name", value: .string(names[i]))
            return .members(members.filter { $0.name != "name" } + [name])
        }
    }

    /// A message with its `@type` in front.
    public static func any(_ message: JSON, _ kind: Kind) -> JSON {
        guard case .members(let members) = message else { return message }
        let type = JSON.Member(name: "@type", value: .string("type.googleapis.com/\(kind.schema.name)"))
        return .members([type] + members.filter { $0.name != "@type" })
    }

    /// The route configurations that stand in listeners themselves.
    public static func ownRoutes(_ listener: JSON) -> [JSON] {
        switch listener {
        case .array(let items): return items.flatMap(ownRoutes)
        case .members(let members):
            if let type = listener["@type"]?.string, type.hasSuffix(".HttpConnectionManager") {
                return listener["route_config"].map { [any($0, .routes)] } ?? []
            }
            return members.flatMap { ownRoutes($0.value) }
        case .string, .number, .bool, .raw: return []
        }
    }

    /// Whether messages of a kind have the field.
    public static func has(_ field: String, _ kind: Kind) -> Bool { kind.schema.position(field) != nil }

    public static func bootstrapHas(_ field: String) -> Bool { MessageSchema.bootstrap.position(field) != nil }
}
