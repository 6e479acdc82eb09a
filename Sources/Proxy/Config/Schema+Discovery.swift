/// Resources that come from files and change while the process runs.
extension MessageSchema {
    private static let filesOnly = "resources come from files: give path_config_source"

    static let configSource = MessageSchema(
        "envoy.config.core.v3.ConfigSource",
        supported: "path_config_source path", refused: "api_config_source ads self",
        fixed: ["resource_api_version": ["V3", "AUTO"]],
        // Of management servers.
        ignored: "initial_fetch_timeout authorities",
        hints: ["api_config_source": filesOnly, "ads": filesOnly, "self": filesOnly],
        oneofs: ["path_config_source path api_config_source ads self"])

    static let dynamicResources = MessageSchema(
        "envoy.config.bootstrap.v3.Bootstrap.DynamicResources",
        supported: "cds_config lds_config", refused: "ads_config lds_resources_locator cds_resources_locator",
        hints: [
            "ads_config": filesOnly,
            "lds_resources_locator": filesOnly, "cds_resources_locator": filesOnly,
        ])

    static let pathConfigSource = MessageSchema(
        "envoy.config.core.v3.PathConfigSource", supported: "path watched_directory")

    static let watchedDirectory = MessageSchema("envoy.config.core.v3.WatchedDirectory", supported: "path")

    static let edsClusterConfig = MessageSchema(
        "envoy.config.cluster.v3.Cluster.EdsClusterConfig", supported: "eds_config service_name")

    static let rds = MessageSchema(
        "envoy.extensions.filters.network.http_connection_manager.v3.Rds", supported: "config_source route_config_name")

    static let discoveryResponse = MessageSchema(
        "envoy.service.discovery.v3.DiscoveryResponse",
        supported: "version_info resources",
        // Of management servers.
        ignored: "type_url nonce canary control_plane resource_errors")

    static let discoveredResource = MessageSchema(
        "envoy.service.discovery.v3.Resource",
        supported: "name resource",
        unlessDefault: "ttl dynamic_parameter_constraints resource_name",
        ignored: "version aliases cache_control metadata")
}
