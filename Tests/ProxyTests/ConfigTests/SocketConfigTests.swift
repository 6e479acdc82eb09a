import ProxyConfig
import Testing

@Suite("Options of sockets")
struct SocketConfigTests {
    private func int(_ level: Int32, _ name: Int32, _ value: Int32, _ state: SocketOption.State = .prebind)
        -> SocketOption
    {
        SocketOption(level: level, name: name, int: value, state: state)
    }

    @Test("a listener's own fields become options, in Envoy's order")
    func listener() throws {
        let fields = """
            transparent: true, freebind: true, tcp_keepalive: {keepalive_probes: 3, keepalive_time: 10, keepalive_interval: 5},
            socket_options: [{description: any, level: 1, name: 9, int_value: 0, state: STATE_LISTENING},
            {level: 6, name: 5, buf_value: IgAAAA==, state: STATE_BOUND}], tcp_fast_open_queue_length: 7,
            """
        let bootstrap = try load(Sample.oneListener(Sample.plainTCP, fields: fields))
        #expect(
            bootstrap.listeners[0].socketOptions == [
                int(0, 19, 1), int(0, 15, 1), int(1, 9, 1), int(6, 6, 3), int(6, 5, 5), int(6, 4, 10),
                int(1, 9, 0, .listening), int(6, 5, 0x22, .bound), int(0, 19, 1, .bound), int(6, 23, 7, .listening),
            ])
    }

    @Test("keepalive with a 0 is off, as in Envoy")
    func keepaliveOff() throws {
        for (fields, options) in [
            ("{}", [int(1, 9, 1)]), ("{keepalive_probes: 0, keepalive_time: 10}", []), ("{keepalive_interval: 0}", []),
        ] {
            let clusters = "{name: c, upstream_connection_options: {tcp_keepalive: \(fields)}}"
            #expect(try load(Sample.bootstrap(clusters: clusters)).clusters[0].keepalive == options)
        }
    }

    @Test("a cluster has its own binding or that of the cluster manager")
    func binding() throws {
        let clusters = """
            {name: a, upstream_bind_config: {source_address: {address: '::1', port_value: 5}, freebind: true}}, {name: b}
            """
        let rest = "cluster_manager: {upstream_bind_config: {source_address: {address: 127.0.0.9, port_value: 0}}}"
        let all = try load(Sample.bootstrap(clusters: clusters, rest: rest)).clusters
        #expect(all[0].bind?.source == .socket(host: "::1", port: 5))
        #expect(all[0].bind?.options == [int(41, 78, 1)])
        #expect(all[1].bind?.source == .socket(host: "127.0.0.9", port: 0))
        #expect(all[1].bind?.options == [])
        #expect(try load(Sample.bootstrap()).clusters[0].bind == nil)
    }

    @Test("an option of a later state is never set on a connection to a host, which is told")
    func laterState() throws {
        let clusters =
            "{name: c, upstream_bind_config: {socket_options: [\n{level: 6, name: 4, int_value: 3, state: STATE_BOUND}]}}"
        let text = Array(Sample.bootstrap(clusters: clusters).utf8)
        let loaded = try BootstrapLoader.load(file: ("envoy.yaml", text), inline: nil)
        #expect(
            loaded.warnings.map(\.description) == [
                "envoy.yaml:7:1: static_resources.clusters[0].upstream_bind_config.socket_options[0]: never set: "
                    + "a connection to a host has only options of STATE_PREBIND, as in Envoy"
            ])
    }

    static let faults: [(fields: String, error: String)] = [
        ("socket_options: [{level: 6, name: 4}]", "one of int_value, buf_value is required"),
        (
            "socket_options: [{level: 6, name: 4, int_value: 3000000000}]",
            "does not fit into the 32 bits that the kernel takes"
        ),
        ("socket_options: [{level: 6, name: 4, buf_value: '?'}]", "is not base64"),
        (
            "socket_options: [{level: 6, name: 4, int_value: 1, state: LATER}]",
            "STATE_PREBIND, STATE_BOUND, STATE_LISTENING"
        ),
        (
            "socket_options: [{level: 6, name: 4, int_value: 1, buf_value: ''}]",
            "only one of int_value, buf_value may be given"
        ),
    ]

    @Test("what is wrong is said once", arguments: faults)
    func wrong(fields: String, error: String) {
        let listener = errors(Sample.oneListener(Sample.plainTCP, fields: fields + ","))
        #expect(listener.count == 1 && listener[0].contains(error), "\(listener)")
        let cluster = errors(Sample.bootstrap(clusters: "{name: c, upstream_bind_config: {\(fields)}}"))
        #expect(cluster.count == 1 && cluster[0].contains(error), "\(cluster)")
    }

    private func load(_ text: String) throws -> Bootstrap {
        try BootstrapLoader.load(file: ("envoy.yaml", Array(text.utf8)), inline: nil).bootstrap
    }
}
