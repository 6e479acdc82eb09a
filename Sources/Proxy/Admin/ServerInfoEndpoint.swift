import ProxyConfig
import Stats

/// `/server_info`: Envoy's `ServerInfo` message. Options that this server does not have are left out, so that nobody
/// reads a default as a setting.
enum ServerInfoEndpoint {
    static func answer(_: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        let uptime = context.uptime
        return .json(
            JSON.object([
                "version": .string(version),
                "state": .string(context.state.name),
                "uptime_current_epoch": seconds(uptime.currentEpoch),
                "uptime_all_epochs": seconds(uptime.allEpochs),
                "hot_restart_version": .string(context.hotRestartVersion),
                "command_line_options": options(context),
                "node": node(context.node),
            ]).text)
    }

    /// Five parts as in Envoy: revision, version, state of the sources, kind of build, TLS library.
    static var version: String {
        #if DEBUG
            let build = "DEBUG"
        #else
            let build = "RELEASE"
        #endif
        return "\(ProductVersion.text)/\(ProductVersion.text)/Clean/\(build)/none"
    }

    private static func seconds(_ value: UInt64) -> JSON { .string("\(value)s") }

    private static func options(_ context: any AdminContext) -> JSON {
        let options = context.options
        return .object([
            // 64-bit numbers are strings in protobuf's JSON.
            "base_id": .string("\(options.baseID)"),
            "concurrency": .number(UInt64(context.concurrency)),
            "config_path": .string(options.configPath ?? ""),
            "config_yaml": .string(options.configYAML ?? ""),
            "admin_address_path": .string(options.adminAddressPath ?? ""),
            "log_level": .string(options.logLevel),
            "log_path": .string(options.logPath ?? ""),
            "service_cluster": .string(options.serviceCluster ?? ""),
            "service_node": .string(options.serviceNode ?? ""),
            "service_zone": .string(options.serviceZone ?? ""),
            "drain_time": seconds(UInt64(options.drainSeconds)),
            "parent_shutdown_time": seconds(UInt64(options.parentShutdownSeconds)),
            "mode": .string(name(options.mode)),
            "disable_hot_restart": .bool(options.disableHotRestart),
            "restart_epoch": .number(UInt64(context.epoch)),
            "use_dynamic_base_id": .bool(options.useDynamicBaseID),
            "base_id_path": .string(options.baseIDPath ?? ""),
            "drain_strategy": .string(options.drainStrategy == .gradual ? "Gradual" : "Immediate"),
            "socket_path": .string(options.socketPath ?? options.hotRestartFile ?? ""),
            "socket_mode": .number(UInt64(options.socketMode)),
            "skip_hot_restart_on_no_parent": .bool(options.skipHotRestartOnNoParent),
            "skip_hot_restart_parent_stats": .bool(options.skipHotRestartParentStats),
        ])
    }

    private static func name(_ mode: ServerOptions.Mode) -> String {
        switch mode {
        case .serve: "Serve"
        case .validate: "Validate"
        case .initOnly: "InitOnly"
        }
    }

    static func node(_ node: Node) -> JSON {
        var members: [JSON.Member] = [
            .init(name: "id", value: .string(node.id)), .init(name: "cluster", value: .string(node.cluster)),
        ]
        if !node.region.isEmpty || !node.zone.isEmpty || !node.subZone.isEmpty {
            members.append(
                .init(
                    name: "locality",
                    value: .object([
                        "region": .string(node.region), "zone": .string(node.zone),
                        "sub_zone": .string(node.subZone),
                    ])))
        }
        let numbers = ProductVersion.text.split(separator: ".").map { UInt64($0) ?? 0 }
        members += [
            .init(name: "user_agent_name", value: .string("envoyd")),
            .init(
                name: "user_agent_build_version",
                value: .object([
                    "version": .object([
                        "major_number": .number(numbers.first ?? 0),
                        "minor_number": .number(numbers.dropFirst().first ?? 0),
                        "patch": .number(numbers.dropFirst(2).first ?? 0),
                    ])
                ])),
        ]
        return .members(members)
    }
}
