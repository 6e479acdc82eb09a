/// `overload_manager`.
extension MessageSchema {
    static let overloadManager = MessageSchema(
        "envoy.config.overload.v3.OverloadManager",
        supported: "refresh_interval resource_monitors actions",
        unlessDefault: "loadshed_points buffer_factory_config")

    static let resourceMonitor = MessageSchema(
        "envoy.config.overload.v3.ResourceMonitor", supported: "name typed_config", refused: "config",
        hints: ["config": "a field of the v2 API, replaced by typed_config"])

    static let fixedHeap = MessageSchema(
        "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        supported: "max_heap_size_bytes")

    static let downstreamConnections = MessageSchema(
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        supported: "max_active_downstream_connections")

    static let overloadAction = MessageSchema(
        "envoy.config.overload.v3.OverloadAction", supported: "name triggers", refused: "typed_config")

    static let overloadTrigger = MessageSchema(
        "envoy.config.overload.v3.Trigger", supported: "name threshold scaled", oneofs: ["threshold scaled"])

    static let thresholdTrigger = MessageSchema("envoy.config.overload.v3.ThresholdTrigger", supported: "value")

    static let scaledTrigger = MessageSchema(
        "envoy.config.overload.v3.ScaledTrigger", supported: "scaling_threshold saturation_threshold")
}
