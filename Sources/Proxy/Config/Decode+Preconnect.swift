/// `preconnect_policy` of a cluster.
extension Decoder {
    func preconnect(_ message: Message, _ cluster: inout Cluster) {
        guard let value = message["preconnect_policy"], let policy = value.message(.preconnectPolicy) else { return }
        var result = PreconnectPolicy()
        result.perUpstream = policy["per_upstream_preconnect_ratio"].flatMap { ratio($0) } ?? result.perUpstream
        result.predictive = policy["predictive_preconnect_ratio"].flatMap { ratio($0) } ?? result.predictive
        guard result.isOn else { return }
        if cluster.proxyProtocol != nil {
            value.error(
                "is not supported with upstream_proxy_protocol: a connection that is made ahead has no client to name")
        }
        cluster.preconnect = result
    }

    private func ratio(_ value: Value) -> Double? {
        guard let number = value.double() else { return nil }
        guard number >= 1, number <= 3 else {
            value.error("must be a number from 1 to 3")
            return nil
        }
        return number
    }
}
