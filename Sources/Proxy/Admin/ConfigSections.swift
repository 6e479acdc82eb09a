import ProxyConfig

/// One message of a dump, such as `ClustersConfigDump`.
struct ConfigSection {
    /// The members of one of its lists.
    struct List {
        /// Their message, such as `ClustersConfigDump.StaticCluster`.
        let type: String
        let fields: [String]
        /// The field that holds the resource, and what it is; nil: something whose fields nobody knows here.
        var resource: (field: String, kind: ConfigDump.Kind?)
        var items: [JSON] = []

        func has(_ mask: ConfigMask) -> Bool {
            mask.paths.allSatisfy { path in
                guard let first = path.first, fields.contains(first) else { return false }
                guard path.count > 1, first == resource.field, let kind = resource.kind else { return true }
                return ConfigDump.has(path[1], kind)
            }
        }
    }

    let type: String
    /// In the order of the message.
    let fields: [String]
    var lists: [String: List] = [:]
    var single: [JSON.Member] = []

    func has(_ mask: ConfigMask) -> Bool {
        mask.paths.allSatisfy { path in
            guard let first = path.first, fields.contains(first) else { return false }
            if path.count > 1, first == "bootstrap" { return ConfigDump.bootstrapHas(path[1]) }
            return path.count == 1
        }
    }

    var json: JSON {
        var members = single
        for field in fields {
            if let list = lists[field], !list.items.isEmpty {
                members.append(.init(name: field, value: .array(list.items)))
            }
        }
        return .members(members)
    }
}

/// The messages of a dump, in Envoy's order.
enum ConfigSections {
    static func all(_ context: any AdminContext, _ names: NamePattern, endpoints: Bool) -> [ConfigSection] {
        let config = context.configInUse
        let bootstrap = bootstrap(config, context)
        let resources = bootstrap["static_resources"]
        let listeners = items(resources?["listeners"]).map { ConfigDump.any($0, .listeners) }
        let found = config.listeners.map { ConfigDump.resources($0.text, .listeners) } ?? []
        return [
            ConfigSection(
                type: "BootstrapConfigDump", fields: ["bootstrap", "last_updated"],
                single: [.init(name: "bootstrap", value: bootstrap), updated(config.loadedMs)]),
            clusters(config, items(resources?["clusters"]), names),
        ] + (endpoints ? [EndpointSection.make(context.clusters, names)] : []) + [
            self.listeners(config, listeners, found, names),
            ConfigSection(
                type: "ScopedRoutesConfigDump", fields: ["inline_scoped_route_configs", "dynamic_scoped_route_configs"]),
            routes(config, listeners + found, names),
            ConfigSection(
                type: "SecretsConfigDump",
                fields: ["static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"]),
        ]
    }

    private static func items(_ list: JSON?) -> [JSON] {
        if case .array(let items) = list { return items }
        return []
    }

    private static func bootstrap(_ config: ConfigInUse, _ context: any AdminContext) -> JSON {
        let read = ConfigDump.bootstrap(config.texts)
        guard case .members(let members) = read else { return read }
        // As it is, with what the command line says.
        var node = ServerInfoEndpoint.node(context.node)
        if case .members(var parts) = node, let metadata = read["node"]?["metadata"] {
            parts.insert(.init(name: "metadata", value: metadata), at: min(2, parts.count))
            node = .members(parts)
        }
        return .members([.init(name: "node", value: node)] + members.filter { $0.name != "node" })
    }

    // MARK: - Each message

    private static func clusters(_ config: ConfigInUse, _ own: [JSON], _ names: NamePattern) -> ConfigSection {
        var section = ConfigSection(
            type: "ClustersConfigDump",
            fields: ["version_info", "static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"])
        section.single = version(config.clusters?.version)
        var list = ConfigSection.List(
            type: "ClustersConfigDump.StaticCluster", fields: ["cluster", "last_updated"],
            resource: ("cluster", .clusters))
        list.items = own.filter { names.takes($0["name"]?.string) }.map {
            .members([.init(name: "cluster", value: ConfigDump.any($0, .clusters)), updated(config.loadedMs)])
        }
        section.lists["static_clusters"] = list
        var dynamic = ConfigSection.List(
            type: "ClustersConfigDump.DynamicCluster",
            fields: ["version_info", "cluster", "last_updated", "error_state", "client_status"],
            resource: ("cluster", .clusters))
        if let inUse = config.clusters {
            for (cluster, state) in named(ConfigDump.resources(inUse.text, .clusters), inUse, names) {
                dynamic.items.append(
                    .members(
                        version(state.version) + [.init(name: "cluster", value: cluster), updated(state.updatedMs)]))
            }
        }
        section.lists["dynamic_active_clusters"] = dynamic
        dynamic.items = []
        section.lists["dynamic_warming_clusters"] = dynamic
        return section
    }

    private static func listeners(
        _ config: ConfigInUse, _ own: [JSON], _ found: [JSON], _ names: NamePattern
    ) -> ConfigSection {
        var section = ConfigSection(
            type: "ListenersConfigDump", fields: ["version_info", "static_listeners", "dynamic_listeners"])
        section.single = version(config.listeners?.version)
        var list = ConfigSection.List(
            type: "ListenersConfigDump.StaticListener", fields: ["listener", "last_updated"],
            resource: ("listener", .listeners))
        list.items = own.filter { names.takes($0["name"]?.string) }.map {
            .members([.init(name: "listener", value: $0), updated(config.loadedMs)])
        }
        section.lists["static_listeners"] = list
        var dynamic = ConfigSection.List(
            type: "ListenersConfigDump.DynamicListener",
            fields: ["name", "active_state", "warming_state", "draining_state", "error_state", "client_status"],
            resource: ("listener", nil))
        if let inUse = config.listeners {
            for (listener, state) in named(found, inUse, names) {
                let active = JSON.members(
                    version(state.version) + [.init(name: "listener", value: listener), updated(state.updatedMs)])
                dynamic.items.append(
                    .members([
                        .init(name: "name", value: listener["name"] ?? .string("")),
                        .init(name: "active_state", value: active),
                    ]))
            }
        }
        section.lists["dynamic_listeners"] = dynamic
        return section
    }

    private static func routes(_ config: ConfigInUse, _ listeners: [JSON], _ names: NamePattern) -> ConfigSection {
        var section = ConfigSection(
            type: "RoutesConfigDump", fields: ["static_route_configs", "dynamic_route_configs"])
        var list = ConfigSection.List(
            type: "RoutesConfigDump.StaticRouteConfig", fields: ["route_config", "last_updated"],
            resource: ("route_config", .routes))
        for listener in listeners {
            let name = listener["name"]?.string ?? ""
            let time = config.listeners?.states[name]?.updatedMs ?? config.loadedMs
            for routes in ConfigDump.ownRoutes(listener) where names.takes(routes["name"]?.string) {
                list.items.append(.members([.init(name: "route_config", value: routes), updated(time)]))
            }
        }
        section.lists["static_route_configs"] = list
        var dynamic = ConfigSection.List(
            type: "RoutesConfigDump.DynamicRouteConfig",
            fields: ["version_info", "route_config", "last_updated", "error_state", "client_status"],
            resource: ("route_config", .routes))
        // A file that many connection managers have is read once.
        var read: [(text: ResourceText, found: [String: JSON])] = []
        func resources(_ text: ResourceText) -> [String: JSON] {
            if let known = read.first(where: { $0.text == text }) { return known.found }
            let found = ConfigDump.resources(text, .routes).map { ($0["name"]?.string ?? "", $0) }
            read.append((text, Dictionary(found) { first, _ in first }))
            return read[read.count - 1].found
        }
        for inUse in config.routes where names.takes(inUse.name) {
            let found = resources(inUse.text)[inUse.name]
            // Nothing in the file: a route configuration without routes.
            let routes = found ?? ConfigDump.any(.object(["name": .string(inUse.name)]), .routes)
            dynamic.items.append(
                .members(
                    version(inUse.version) + [.init(name: "route_config", value: routes), updated(inUse.updatedMs)]))
        }
        section.lists["dynamic_route_configs"] = dynamic
        return section
    }

    // MARK: - Parts

    /// Those in use that are wanted, in the order of the file.
    private static func named(
        _ resources: [JSON], _ inUse: ResourcesInUse, _ names: NamePattern
    ) -> [(resource: JSON, state: ResourcesInUse.State)] {
        resources.compactMap { resource in
            let name = resource["name"]?.string ?? ""
            guard names.takes(name), let state = inUse.states[name] else { return nil }
            return (resource, state)
        }
    }

    private static func version(_ text: String?) -> [JSON.Member] {
        text.flatMap { $0.isEmpty ? nil : [.init(name: "version_info", value: .string($0))] } ?? []
    }

    private static func updated(_ ms: UInt64) -> JSON.Member {
        JSON.Member(name: "last_updated", value: .string(HealthEvent.timestamp(ms * 1_000_000)))
    }
}
