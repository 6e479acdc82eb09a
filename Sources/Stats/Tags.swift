/// A tag that a stat's name carries: for Prometheus the cut goes out of the name and the value becomes a label.
public struct StatTag: Sendable, Equatable {
    var name: TagName
    var cut: Range<Int>
    var value: Range<Int>
}

/// Whose names a store makes, and so what is a tag in them and what Prometheus output calls them.
///
/// It is kept with each name (``StatFlags/plainName``) when the name is made: whoever reads needs not know whose it is.
public enum StatNaming: Sendable {
    /// Anybody's: a label, perhaps with dimensions behind it, `requests;code=200;method=GET`. A dimension is a part
    /// `;key=value` in which every `%` and two hexadecimal digits stand for a byte. Prometheus output has
    /// `requests{code="200",method="GET"}`.
    case plain
    /// Envoy's: `cluster.blue.upstream_rq_200` has the tags that Envoy's default rules find in it, and is
    /// `envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="blue"}`.
    case envoy

    /// What a name of this kind is marked with.
    var flags: StatFlags { self == .plain ? .plainName : [] }
}

/// What is known to be a tag: a dimension, and those that Envoy extracts by default (`well_known_names.cc`), in the order
/// it applies them.
enum TagName: UInt16, Sendable {
    case responseCode, responseCodeClass, clusterName, httpPrefix, listenerAddress, virtualHost, workerID, tcpPrefix
    case virtualCluster, route
    /// `;key=value`, all of it cut: the key lies between the beginning of the cut and the value, one byte from either.
    case dimension = 256

    /// How many there are of Envoy's, which come first.
    static let envoyCount = 10

    /// As a Prometheus label; that of a dimension is its key.
    var labelText: StaticString {
        switch self {
        case .responseCode: "envoy_response_code"
        case .responseCodeClass: "envoy_response_code_class"
        case .clusterName: "envoy_cluster_name"
        case .httpPrefix: "envoy_http_conn_manager_prefix"
        case .listenerAddress: "envoy_listener_address"
        case .virtualHost: "envoy_virtual_host"
        case .workerID: "envoy_worker_id"
        case .tcpPrefix: "envoy_tcp_prefix"
        case .virtualCluster: "envoy_virtual_cluster"
        case .route: "envoy_route"
        case .dimension: ""
        }
    }
}

/// Finds the tags of a name.
enum TagExtractor {
    /// By whose name it is.
    static func tags(_ name: [UInt8], _ flags: StatFlags) -> [StatTag] {
        flags.contains(.plainName) ? dimensions(name) : tags(name)
    }

    /// More of them would not fit in a record; they stay in the name.
    static let mostDimensions = 128

    /// The parts `;key=value` of a name.
    private static func dimensions(_ name: [UInt8]) -> [StatTag] {
        guard var start = name.firstIndex(of: UInt8(ascii: ";")) else { return [] }
        var tags: [StatTag] = []
        while start < name.count, tags.count < mostDimensions {
            let end = name[(start + 1)...].firstIndex(of: UInt8(ascii: ";")) ?? name.count
            if let equals = name[start..<end].firstIndex(of: UInt8(ascii: "=")) {
                tags.append(StatTag(name: .dimension, cut: start..<end, value: equals + 1..<end))
            }
            start = end
        }
        return tags
    }

    /// The tags that a name of Envoy's has of its end, `end`, whatever stands before it; nil: more must be known.
    static func endTags(_ end: [UInt8]) -> [StatTag]? { end.count >= shortestEnd ? codeTags(end) : nil }

    /// `_rq_` and three more: what is looked at.
    private static let shortestEnd = 7

    /// The tags that a name of Envoy's has beside those of its end, if it begins like that; nil: more must be known.
    static func prefixTags(_ prefix: [UInt8]) -> [StatTag]? {
        // A dot ends what is looked at.
        guard has(prefix, "cluster.", at: 0), prefix.count > "cluster.".utf8.count, prefix.last == UInt8(ascii: ".")
        else { return nil }
        return clusterTags(prefix)
    }

    /// Envoy's by hand: what its default regular expressions match, without their cost at every start.
    static func tags(_ name: [UInt8]) -> [StatTag] {
        var tags = codeTags(name) + clusterTags(name)
        // ^http\.((.*?)\.)
        if let element = element(name, after: "http.") {
            tags.append(StatTag(name: .httpPrefix, cut: element.lowerBound..<element.upperBound + 1, value: element))
        }
        if has(name, "listener.", at: 0) { tags += listenerTags(name) }
        if let element = element(name, after: "vhost.") { tags += virtualHostTags(name, element) }
        // ^listener_manager\.((worker_\d+)\.)
        if let element = element(name, after: "listener_manager."), has(name, "worker_", at: element.lowerBound) {
            tags.append(StatTag(name: .workerID, cut: element.lowerBound..<element.upperBound + 1, value: element))
        }
        // ^tcp\.((.*?)\.)\w+?$
        if let element = element(name, after: "tcp."), !name[(element.upperBound + 1)...].contains(UInt8(ascii: ".")) {
            tags.append(StatTag(name: .tcpPrefix, cut: element.lowerBound..<element.upperBound + 1, value: element))
        }
        return tags
    }

    private static func codeTags(_ name: [UInt8]) -> [StatTag] {
        var tags: [StatTag] = []
        let count = name.count
        // _rq(_(\d{3}))$
        if count >= 7, name[count - 4] == UInt8(ascii: "_"), has(name, "_rq", at: count - 7),
            name[(count - 3)...].allSatisfy(isDigit)
        {
            tags.append(StatTag(name: .responseCode, cut: count - 4..<count, value: count - 3..<count))
        }
        // _rq_(\d)xx$
        if count >= 7, has(name, "xx", at: count - 2), isDigit(name[count - 3]), has(name, "_rq_", at: count - 7) {
            tags.append(StatTag(name: .responseCodeClass, cut: count - 3..<count - 2, value: count - 3..<count - 2))
        }
        return tags
    }

    private static func clusterTags(_ name: [UInt8]) -> [StatTag] {
        // ^cluster\.(([^\.]+)\.).*
        guard let element = element(name, after: "cluster.") else { return [] }
        return [StatTag(name: .clusterName, cut: element.lowerBound..<element.upperBound + 1, value: element)]
    }

    /// vhost.$.**, with vhost.*.vcluster.$.** before it or vhost.*.route.$.** behind it.
    private static func virtualHostTags(_ name: [UInt8], _ host: Range<Int>) -> [StatTag] {
        func tag(_ tagName: TagName, _ element: Range<Int>) -> StatTag {
            StatTag(name: tagName, cut: element.lowerBound..<element.upperBound + 1, value: element)
        }
        func element(behind part: StaticString) -> Range<Int>? {
            let start = host.upperBound + 1 + part.utf8CodeUnitCount
            guard has(name, part, at: host.upperBound + 1),
                let dot = name[start...].firstIndex(of: UInt8(ascii: ".")), dot > start
            else { return nil }
            return start..<dot
        }
        if let cluster = element(behind: "vcluster.") {
            return [tag(.virtualCluster, cluster), tag(.virtualHost, host)]
        }
        guard let route = element(behind: "route.") else { return [tag(.virtualHost, host)] }
        return [tag(.virtualHost, host), tag(.route, route)]
    }

    /// `listener.<address>.` with `http.<prefix>.` or `worker_<i>.` after it. The address itself has dots.
    private static func listenerTags(_ name: [UInt8]) -> [StatTag] {
        var tags: [StatTag] = []
        let start = "listener.".utf8.count
        // The address is the longest run of its characters that a dot follows.
        let allowed = Array("_[]aAbBcCdDeEfF0123456789.".utf8)
        var addressEnd: Int?
        var i = start
        while i < name.count, allowed.contains(name[i]) {
            if name[i] == UInt8(ascii: "."), i > start { addressEnd = i }
            i += 1
        }
        if let http = find(name, ".http.", from: start - 1) {
            let from = http + ".http.".utf8.count
            if let dot = name[from...].firstIndex(of: UInt8(ascii: ".")), dot > from {
                tags.append(StatTag(name: .httpPrefix, cut: from..<dot + 1, value: from..<dot))
            }
        }
        guard let addressEnd else { return tags }
        let after = addressEnd + 1
        if has(name, "worker_", at: after) {
            let digits = after + "worker_".utf8.count
            if let dot = name[digits...].firstIndex(of: UInt8(ascii: ".")), dot > digits,
                name[digits..<dot].allSatisfy(isDigit)
            {
                tags.append(StatTag(name: .workerID, cut: digits - 1..<dot, value: digits..<dot))
            }
        }
        tags.append(StatTag(name: .listenerAddress, cut: start..<addressEnd + 1, value: start..<addressEnd))
        return tags
    }

    private static func element(_ name: [UInt8], after prefix: StaticString) -> Range<Int>? {
        let start = prefix.utf8CodeUnitCount
        guard has(name, prefix, at: 0), let dot = name[start...].firstIndex(of: UInt8(ascii: ".")), dot > start
        else { return nil }
        return start..<dot
    }

    private static func has(_ name: [UInt8], _ text: StaticString, at: Int) -> Bool {
        guard at >= 0, name.count - at >= text.utf8CodeUnitCount else { return false }
        for i in 0..<text.utf8CodeUnitCount where name[at + i] != text.utf8Start[i] { return false }
        return true
    }

    private static func find(_ name: [UInt8], _ text: StaticString, from: Int) -> Int? {
        guard name.count - from >= text.utf8CodeUnitCount else { return nil }
        return (from...(name.count - text.utf8CodeUnitCount)).first { has(name, text, at: $0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
