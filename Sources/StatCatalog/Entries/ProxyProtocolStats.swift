/// `proxy_proto.[<stat_prefix>.]` counters.
public enum ProxyProtocolCounter: Int, CounterNames {
    public typealias Scope = ProxyProtocolScope

    case not_found_allowed, not_found_disallowed

    public var entry: StatEntry {
        switch self {
        case .not_found_allowed:
            StatEntry("Connections that began without a header, which `allow_requests_without_proxy_protocol` allows.")
        case .not_found_disallowed:
            StatEntry("Connections closed because they began with something else than a header.")
        }
    }
}

/// `proxy_proto.[<stat_prefix>.]versions.v<i>.` counters.
public enum ProxyProtocolVersionCounter: Int, CounterNames {
    public typealias Scope = ProxyProtocolVersionScope

    case found, disallowed, error

    public var entry: StatEntry {
        switch self {
        case .found: StatEntry("Connections that began with a header of this version, also where it is disallowed.")
        case .disallowed: StatEntry("Connections closed because `disallowed_versions` has this version.")
        case .error: StatEntry("Connections closed because their header of this version was malformed.")
        }
    }
}
