import ProxyConfig

/// `lb_policy` as workers see it: plain data.
struct CompiledBalancing: BitwiseCopyable {
    enum Policy: UInt8, BitwiseCopyable { case roundRobin, leastRequest, random, hash, originalDst }
    var policy = Policy.roundRobin
    /// LEAST_REQUEST: hosts that are compared.
    var choices: UInt32 = 2
    /// LEAST_REQUEST: how much requests count against weights; nil: 1.
    var bias: RuntimeReal?
    var slowStart = CompiledSlowStart()
    /// ORIGINAL_DST: the header that names the host; empty: none does.
    var header = Bytes("")
    /// ORIGINAL_DST: the port instead of the address's; -1: that.
    var port: Int32 = -1

    /// As in Envoy, what is no bias is 1.
    var currentBias: Double {
        guard let bias = bias?.value else { return 1 }
        return bias >= 0 ? bias : 1
    }

    init() {}

    init(_ cluster: Cluster, _ shares: RuntimeShares) {
        slowStart = CompiledSlowStart(cluster.slowStart, shares)
        switch cluster.balancing {
        case .roundRobin: policy = .roundRobin
        case .random: policy = .random
        case .ringHash, .maglev: policy = .hash
        case .leastRequest(let config):
            policy = .leastRequest
            choices = config.choices
            bias = config.bias.map { shares.makeReal($0.fallback, key: $0.key) }
        case .originalDst(let config):
            policy = .originalDst
            header = Bytes(keeping: config.header ?? "")
            port = config.port.map { Int32($0) } ?? -1
        }
    }
}

/// What chooses the host of a request in a cluster that balances by hash.
struct HashKey: BitwiseCopyable {
    var value: UInt64 = 0
    /// False: there is nothing to hash, and any host will do.
    var isSet = false
}
