/// `ClusterLoadAssignment`: endpoints, of a cluster itself or from a file.
extension Decoder {
    func loadAssignment(_ message: Message, _ type: Discovery?, _ cluster: inout Cluster) {
        guard let value = message["load_assignment"] else {
            if cluster.discovery == .logicalDNS {
                message.error("a LOGICAL_DNS cluster must have exactly one endpoint, load_assignment is missing")
            }
            return
        }
        if cluster.discovery == .eds { value.error("the endpoints of an EDS cluster come from eds_cluster_config") }
        if type == .originalDst { value.error("a cluster of type ORIGINAL_DST has no load_assignment") }
        let rule: HostRule =
            switch type {
            case .originalDst: .either
            case .static, .eds: .ipLiteral
            case .strictDNS, .logicalDNS: .hostName
            case nil: .either
            }
        guard let fields = value.message(.loadAssignment) else { return }
        let assignment = loadAssignment(fields, rule)
        take(assignment, into: &cluster)
        if cluster.discovery == .logicalDNS, assignment.listed != 1 {
            value.error("a LOGICAL_DNS cluster must have exactly one endpoint, this one has \(assignment.listed)")
        }
        if let problem = Self.weightProblem(cluster) { value.error(problem) }
    }

    private func take(_ assignment: LoadAssignment, into cluster: inout Cluster) {
        cluster.endpoints = assignment.endpoints
        cluster.groups = assignment.groups
        cluster.overprovisioning = assignment.overprovisioning
    }

    func loadAssignment(_ message: Message, _ rule: HostRule) -> LoadAssignment {
        var result = LoadAssignment(location: message.location)
        result.clusterName = message.require("cluster_name")?.nonEmptyString() ?? ""
        var weights: UInt64 = 0
        if let policy = message["policy"]?.message(.loadPolicy), let factor = policy["overprovisioning_factor"] {
            result.overprovisioning = factor.number(1...UInt32.max) ?? result.overprovisioning
        }
        for locality in message["endpoints"]?.messages(.localityEndpoints) ?? [] {
            let group = endpointGroup(locality, &result.groups)
            let members = locality["lb_endpoints"]?.list() ?? []
            result.listed += members.count
            for member in members {
                guard var endpoint = endpoint(member, rule) else { continue }
                endpoint.group = group
                weights += UInt64(endpoint.weight)
                result.endpoints.append(endpoint)
            }
        }
        if weights > UInt64(UInt32.max) {
            message.error("the sum of all load_balancing_weight exceeds \(UInt32.max)")
        }
        return result
    }

    /// Envoy's rule for tables.
    static func weightProblem(_ cluster: Cluster) -> String? {
        guard cluster.weighsLocalities, cluster.balancing.isHashed else { return nil }
        let sums = Dictionary(grouping: cluster.groups, by: \.priority).mapValues {
            $0.reduce(0) { $0 + UInt64($1.weight) }
        }
        return sums.values.contains { $0 > UInt64(UInt32.max) }
            ? "the sum of the weights of all localities of a priority exceeds \(UInt32.max)" : nil
    }

    /// Its position among the cluster's.
    private func endpointGroup(_ message: Message, _ groups: inout [EndpointGroup]) -> Int {
        var group = EndpointGroup(
            priority: message["priority"]?.number(0...EndpointGroup.lowestPriority) ?? 0,
            locality: message["locality"]?.message(.locality).map { locality($0) } ?? Locality())
        // As in Envoy, one without a locality has no weight, and of several for one locality the last counts.
        let weight = message["load_balancing_weight"]?.number(1...UInt32.max)
        if let weight, message.has("locality") { group.weight = weight }
        let known = groups.firstIndex { $0.priority == group.priority && $0.locality == group.locality }
        if let known {
            if group.weight > 0 { groups[known].weight = group.weight }
            return known
        }
        groups.append(group)
        return groups.count - 1
    }

    func locality(_ message: Message) -> Locality {
        var result = Locality()
        result.region = message["region"]?.string() ?? ""
        result.zone = message["zone"]?.string() ?? ""
        result.subZone = message["sub_zone"]?.string() ?? ""
        return result
    }

    private func endpoint(_ value: Value, _ rule: HostRule) -> Endpoint? {
        guard let message = value.message(.lbEndpoint) else { return nil }
        let weight = message["load_balancing_weight"]?.number(1...UInt32.max) ?? 1
        let host = message.requireOne(of: ["endpoint"], else: ["endpoint_name"])
        guard let inner = host?.message(.endpoint) else { return nil }
        let hostname = inner["hostname"]?.string() ?? ""
        guard let address = inner.require("address").flatMap({ self.address($0, rule)?.address }) else { return nil }
        var result = Endpoint(address: address, location: message.location)
        result.weight = weight
        result.hostname = hostname
        result.hashKey = hashKey(message)
        result.metadata = metadata(message)
        hostLabels(message, &result)
        health(message, inner, &result)
        return result
    }
}
