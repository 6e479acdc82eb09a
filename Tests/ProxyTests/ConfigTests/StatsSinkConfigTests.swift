import ProxyConfig
import Testing

/// `stats_sinks` and `stats_flush_on_admin`.
@Suite struct StatsSinkConfigTests {
    private static func sink(_ type: String, _ fields: String) -> String {
        "stats_sinks: [{name: a, typed_config: {\"@type\": type.googleapis.com/envoy.config.metrics.v3.\(type)\(fields)}}]"
    }
    private static let address = "address: {socket_address: {protocol: UDP, address: 127.0.0.1, port_value: 8125}}"

    private static func sinks(_ text: String) throws -> [StatsSink] {
        try load(Sample.bootstrap(rest: text)).bootstrap.statsSinks
    }

    @Test func nothingIsConfigured() throws {
        let bootstrap = try load(Sample.bootstrap()).bootstrap
        #expect(bootstrap.statsSinks.isEmpty && !bootstrap.statsFlushOnAdmin)
    }

    @Test func eachKindIsRead() throws {
        let target = StatsSink.Target.datagrams(.socket(host: "127.0.0.1", port: 8125))
        let plain = try #require(try Self.sinks(Self.sink("StatsdSink", ", \(Self.address)")).first)
        #expect(plain.target == target && plain.prefix == "envoy" && !plain.hasTags && plain.maxBytes == nil)
        let dog = try #require(
            try Self.sinks(
                Self.sink("DogStatsdSink", ", \(Self.address), prefix: edge, max_bytes_per_datagram: 1432")
            ).first)
        #expect(dog.target == target && dog.prefix == "edge" && dog.hasTags && dog.maxBytes == 1432)
        #expect(try load(Sample.bootstrap(rest: "stats_flush_on_admin: true")).bootstrap.statsFlushOnAdmin)
    }

    @Test(
        "What cannot be",
        arguments: [
            ("StatsdSink", "", "one of address, tcp_cluster_name is required"),
            ("DogStatsdSink", "", "required field \"address\" is missing"),
            ("StatsdSink", ", tcp_cluster_name: nowhere", "cluster \"nowhere\" does not exist"),
            ("StatsdSink", ", tcp_cluster_name: a, \(address)", "only one of address, tcp_cluster_name may be given"),
            ("DogStatsdSink", ", \(address), max_bytes_per_datagram: 0", "0 is out of range (1 to 4294967295)"),
            ("StatsdSink", ", max_bytes_per_datagram: 5, \(address)", "unknown field \"max_bytes_per_datagram\""),
            ("HystrixSink", "", "is not supported by this build; expected"),
            (
                "StatsdSink", ", address: {socket_address: {address: statsd.example, port_value: 1}}",
                "\"statsd.example\" is not an IP address"
            ),
        ])
    func refused(type: String, fields: String, message: String) {
        let found = errors(Sample.bootstrap(rest: Self.sink(type, fields)))
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test func onAdminIsTrueOrNotGiven() {
        #expect(errors("stats_flush_on_admin: false").contains { $0.contains("must be true where it is given") })
    }
}
