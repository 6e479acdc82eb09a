import Glibc

/// Files of resources that are replaced while a proxy runs.
enum DiscoveryScene {
    /// Puts a text in place of a file in one step.
    static func replace(_ path: String, _ text: String) throws {
        try Files.write(path + ".next", text)
        guard rename(path + ".next", path) == 0 else { throw Failure.system("rename \(path)") }
    }

    static func response(_ version: String, _ resource: String) -> String {
        "version_info: \"\(version)\"\nresources:\n- \(resource)\n"
    }

    /// The endpoints of the cluster `discovered`.
    static func endpoints(_ ports: [UInt16], version: String = "v", cluster: String = "discovered") -> String {
        let members = ports.map {
            "{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \($0) } } } }"
        }
        return response(
            version,
            "{ \"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, cluster_name: \(cluster), "
                + "endpoints: [{ lb_endpoints: [\(members.joined(separator: ", "))] }] }")
    }

    /// A cluster `discovered` with the endpoints of a file.
    static func cluster(_ file: String, _ more: String = "", directory: String? = nil) -> String {
        let watched = directory.map { ", watched_directory: { path: \"\($0)\" }" } ?? ""
        return "{ name: discovered, type: EDS, connect_timeout: 5s, eds_cluster_config: { eds_config: { "
            + "path_config_source: { path: \"\(file)\"\(watched) } } }\(more) }"
    }

    static func configuration(_ cluster: String) -> Configuration {
        var configuration = Configuration(1)
        configuration.moreClusters = [cluster]
        configuration.routes = ["{ match: { prefix: / }, route: { cluster: discovered } }"]
        return configuration
    }

    /// The routes `rc`, one a line.
    static func routes(_ routes: String..., version: String = "v", more: String = "") -> String {
        response(
            version,
            "{ \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: rc\(more), virtual_hosts: "
                + "[{ name: v, domains: [\"*\"], routes: [\(routes.joined(separator: ", "))] }] }")
    }

    static func says(_ text: String, prefix: String = "/", _ more: String = "") -> String {
        "{ match: { prefix: \(prefix) }, direct_response: { status: 200, body: { inline_string: \(text) } }\(more) }"
    }
}
