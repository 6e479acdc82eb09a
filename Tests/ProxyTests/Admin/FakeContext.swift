import CLinux
import ProxyConfig
import Stats

@testable import Proxy

/// A server that says what a test wants and remembers what it was told.
final class FakeContext: AdminContext {
    var state = ServerState.live
    var options = ServerOptions()
    var node = Node()
    var epoch: UInt32 = 2
    var concurrency = 4
    var hotRestartVersion = "disabled"
    var lastHotRestart: LastHotRestart?
    var uptime: (currentEpoch: UInt64, allEpochs: UInt64) = (8, 90)
    let store = StatsStore.heapOnly(naming: .envoy)
    lazy var writer = store.makeWriter()
    var clusters: [(cluster: Cluster, hosts: [UpstreamHost])] = []
    var configInUse = ConfigInUse()
    var openListeners: [(name: String, addresses: [cl_address])] = []
    var calls: [String] = []

    var isHandingOver = false
    lazy var runtime = Runtime(
        [
            RuntimeLayer(name: "base", source: .fixed(["a": RuntimeValue("1")])),
            RuntimeLayer(name: "admin", source: .admin),
        ], shares: RuntimeShares(), serviceCluster: "", store: store, writer: writer, warn: { _ in })

    var memory: (allocated: UInt64, held: UInt64, resident: UInt64) = (30, 100, 1000)
    lazy var log = try! Log(level: .info, path: nil)
    var statsView = StatsView()
    func statsSource() -> StatsSource { store.source() }
    func drainListeners(graceful: Bool, skipExit: Bool) { calls.append("drain \(graceful) \(skipExit)") }
    func failHealthCheck(_ fails: Bool) { calls.append("fail \(fails)") }
    func quit() { calls.append("quit") }
    func reopenLogs() { calls.append("reopen") }
    func resetCounters() { calls.append("reset") }

    func count(_ name: String, _ value: UInt64) { writer.counter(store.counter(name)).add(value) }
    func set(_ name: String, _ value: UInt64) { writer.gauge(store.gauge(name, import: .accumulate)).set(value) }
    func record(_ name: String, _ values: UInt64...) {
        let histogram = writer.histogram(store.histogram(name, unit: .milliseconds))
        for value in values { histogram.record(value) }
    }

    func get(_ target: String) -> AdminResponse {
        AdminEndpoints.answer(AdminRequest(method: "GET", target: target), self).collected
    }
    func post(_ target: String) -> AdminResponse {
        AdminEndpoints.answer(AdminRequest(method: "POST", target: target), self)
    }

    /// One static cluster with two hosts, one of them with a name.
    func addCluster() {
        var cluster = Cluster(name: "some_service", location: SourceLocation(file: "e.yaml", line: 1, column: 1))
        cluster.limits.maxConnections = 7
        cluster.highLimits.maxRetries = 5
        clusters.append(
            (
                cluster,
                [
                    UpstreamHost(address: address("127.0.0.1", 19180)),
                    UpstreamHost(address: address("::1", 80), hostname: "six", weight: 3),
                ]
            ))
    }
}

func address(_ host: String, _ port: UInt16) -> cl_address {
    SocketAddress.make(.socket(host: host, port: port)) ?? cl_address()
}
