/// Runtime layers, and values that the runtime can change.
extension MessageSchema {
    static let layeredRuntime = MessageSchema("envoy.config.bootstrap.v3.LayeredRuntime", supported: "layers")

    static let runtimeLayer = MessageSchema(
        "envoy.config.bootstrap.v3.RuntimeLayer",
        supported: "name static_layer disk_layer admin_layer", refused: "rtds_layer",
        oneofs: ["static_layer disk_layer admin_layer rtds_layer"])

    static let diskLayer = MessageSchema(
        "envoy.config.bootstrap.v3.RuntimeLayer.DiskLayer",
        supported: "symlink_root subdirectory append_service_cluster")

    static let adminLayer = MessageSchema("envoy.config.bootstrap.v3.RuntimeLayer.AdminLayer")

    static let fractionalPercent = MessageSchema(
        "envoy.type.v3.FractionalPercent", supported: "numerator denominator")

    static let runtimeFraction = MessageSchema(
        "envoy.config.core.v3.RuntimeFractionalPercent", supported: "default_value runtime_key")

    static let runtimeFlag = MessageSchema(
        "envoy.config.core.v3.RuntimeFeatureFlag", supported: "default_value runtime_key")
}
