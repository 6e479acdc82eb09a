/// An overload manager for tests.
extension Configuration {
    /// Lines of the bootstrap. A heap of a byte is always overloaded, and one of an exabyte never.
    static func overload(
        heap: UInt64? = nil, connections: Int? = nil, _ actions: [(name: String, trigger: String)] = []
    )
        -> [String]
    {
        let heapType = "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
        let connectionsType =
            "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
        var lines = ["overload_manager:", "  refresh_interval: 0.02s", "  resource_monitors:"]
        if let heap {
            lines.append(
                "  - { name: envoy.resource_monitors.fixed_heap, "
                    + "typed_config: { \"@type\": \(heapType), max_heap_size_bytes: \(heap) } }")
        }
        if let connections {
            lines.append(
                "  - { name: envoy.resource_monitors.global_downstream_max_connections, typed_config: "
                    + "{ \"@type\": \(connectionsType), max_active_downstream_connections: \(connections) } }")
        }
        if !actions.isEmpty { lines.append("  actions:") }
        for action in actions {
            lines.append(
                "  - { name: envoy.overload_actions.\(action.name), "
                    + "triggers: [{ name: envoy.resource_monitors.fixed_heap, \(action.trigger) }] }")
        }
        return lines
    }
}
