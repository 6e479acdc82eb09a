import Proxy
import ProxyConfig
import CLinux
import Stats
import Glibc
let loc = SourceLocation(file: "x", line: 1, column: 1)
func routes() -> RouteConfiguration {
    var f = Forward(cluster: "some", clusterLocation: loc)
    var t = f; t.timeoutMs = 500
    _ = f; f.timeoutMs = 15000
    func r(_ p: String, _ f: Forward) -> Route { Route(match: .prefix(p), action: .forward(f), location: loc) }
    let none = Forward(cluster: "nohosts", clusterLocation: loc), refused = Forward(cluster: "refused", clusterLocation: loc)
    let v = VirtualHost(name: "v", domains: ["*"], routes: [r("/none", none), r("/refused", refused), r("/timeout", t), Route(match: .prefix("/direct"), action: .directResponse(status: 201, body: "hi"), location: loc), r("/u", f), r("/bench", f)], location: loc)
    return RouteConfiguration(name: "local_route", virtualHosts: [v])
}
var b = Bootstrap()
for n in ["some", "refused", "nohosts"] { var c = Cluster(name: n, location: loc); c.connectTimeoutMs = 250; b.clusters.append(c) }
var h = HTTPConnectionManager(statPrefix: "ingress_http", routes: routes()); h.upgradeTypes = ["websocket"]
b.listeners.append(Listener(name: "l0", address: .socket(host: "127.0.0.1", port: 19000), filter: .httpConnectionManager(h), location: loc))
var h2 = HTTPConnectionManager(statPrefix: "ten", routes: routes()); h2.useRemoteAddress = true; h2.acceptHTTP10 = true
b.listeners.append(Listener(name: "l10", address: .socket(host: "127.0.0.1", port: 19002), filter: .httpConnectionManager(h2), location: loc))
b.listeners.append(Listener(name: "tcp", address: .socket(host: "127.0.0.1", port: 19001), filter: .tcpProxy(TCPProxy(statPrefix: "tcp", cluster: "refused", clusterLocation: loc)), location: loc))
b.listeners.append(Listener(name: "tcp2", address: .socket(host: "127.0.0.1", port: 19003), filter: .tcpProxy(TCPProxy(statPrefix: "tcp2", cluster: "some", clusterLocation: loc)), location: loc))
func addr(_ p: UInt16) -> cl_address { var a = cl_address(); _ = cl_address_ip(&a, "127.0.0.1", p); return a }
let mb = MainMailbox(), store = StatsStore.heapOnly()
let pool = try WorkerPool(configuration: CompiledConfiguration(b, localAddress: "192.0.2.2"), store: store, concurrency: 1, mailbox: mb, log: { print($0) })
try pool.start()
pool.publish(hosts: [UpstreamHost(address: addr(19080))], cluster: 0)
pool.publish(hosts: [UpstreamHost(address: addr(19099))], cluster: 1)
var socks: [ListenerSockets] = []
for (i, p) in [19000, 19002, 19001, 19003].enumerated() {
    var a = addr(UInt16(p)); let fd = cl_socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0); _ = cl_set_reuseaddr(fd); _ = cl_set_nodelay(fd)
    precondition(cl_bind(fd, &a) >= 0); precondition(cl_listen(fd, 1024) >= 0)
    socks.append(ListenerSockets(listener: i, members: [.init(descriptor: fd, worker: nil)]))
}
pool.startAccepting(socks)
print("up")
while true { usleep(20000); mb.run(); if access("/tmp/lead/dump", F_OK) == 0 { unlink("/tmp/lead/dump"); for n in store.names.keys.sorted() { let v = store.value(n); if v != 0 { print("\(n): \(v)") } } } }
