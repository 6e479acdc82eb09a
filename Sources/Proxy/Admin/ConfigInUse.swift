import ProxyConfig

/// What the process works with, as texts: `/config_dump` reads them when it is asked.
struct ConfigInUse {
    var texts = BootstrapTexts()
    /// When the bootstrap was taken, in milliseconds since 1970.
    var loadedMs: UInt64 = 0
    /// nil: there is no `cds_config`.
    var clusters: ResourcesInUse?
    /// nil: there is no `lds_config`.
    var listeners: ResourcesInUse?
    /// Of connection managers with `rds`.
    var routes: [RoutesInUse] = []
}

/// What of a file of resources is in use.
struct ResourcesInUse {
    struct State: Equatable {
        /// `version_info` of the file that it came with.
        var version: String
        /// Milliseconds since 1970.
        var updatedMs: UInt64
    }

    private(set) var text: ResourceText
    private(set) var version: String
    /// By name.
    private(set) var states: [String: State] = [:]

    init(_ text: ResourceText, version: String, names: [String], nowMs: UInt64) {
        self.text = text
        self.version = version
        for name in names { states[name] = State(version: version, updatedMs: nowMs) }
    }

    /// A file has been taken; resources of which nothing changed stay what they were.
    mutating func take(
        _ text: ResourceText, version: String, changed: [String] = [], gone: [String] = [], nowMs: UInt64
    ) {
        self.text = text
        self.version = version
        for name in changed { states[name] = State(version: version, updatedMs: nowMs) }
        for name in gone { states[name] = nil }
    }
}

/// Routes from a file that a connection manager has.
struct RoutesInUse {
    var name: String
    var text: ResourceText
    var version: String
    var updatedMs: UInt64
}
