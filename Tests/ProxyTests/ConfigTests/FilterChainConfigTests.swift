import Testing

@testable import ProxyConfig

/// `filter_chains`, `default_filter_chain` and what connections they take.
@Suite struct FilterChainConfigTests {
    private static let chains = "static_resources.listeners[0].filter_chains"

    /// The chains stand in line 5, each on a line of its own.
    private static func listener(_ chains: String..., fields: String = "") -> String {
        Sample.bootstrap(
            listeners: """
                {name: l, address: {socket_address: {address: 127.0.0.1, port_value: 10000}}, \(fields) filter_chains: [
                \(chains.joined(separator: ",\n"))
                ]}
                """)
    }

    private static func chain(_ match: String?, more: String = "") -> String {
        "{\(match.map { "filter_chain_match: {\($0)}, " } ?? "")\(more)filters: [\(Sample.plainTCP)]}"
    }

    private static func match(_ match: String) throws -> FilterChainMatch {
        try #require(try load(listener(chain(match))).bootstrap.listeners.first?.filterChains.first?.match)
    }

    @Test func aChainWithoutMatchTakesAll() throws {
        let listener = try #require(try load(Self.listener(Self.chain(nil))).bootstrap.listeners.first)
        #expect(listener.filterChains.count == 1)
        #expect(listener.filterChains[0].match.takesAll)
        #expect(listener.defaultFilterChain == nil)
        #expect(try Self.match("").takesAll)
        #expect(try Self.match("transport_protocol: \"\", server_names: [], source_type: ANY").takesAll)
    }

    @Test func everythingIsRead() throws {
        let match = try Self.match(
            """
            destination_port: 80, prefix_ranges: [{address_prefix: 10.1.2.3, prefix_len: 12}, {address_prefix: "::1"}],
            direct_source_prefix_ranges: [{address_prefix: "2001:db8::1", prefix_len: 33}],
            source_type: SAME_IP_OR_LOOPBACK, source_prefix_ranges: [{address_prefix: 1.2.3.4, prefix_len: 32}],
            source_ports: [1, 65535], transport_protocol: raw_buffer
            """)
        #expect(match.destinationPort == 80)
        #expect(
            match.destinations == [
                AddressRange(isIPv6: false, high: 0x0A00_0000 << 32, low: 0, length: 12), AddressRange.every[1],
            ])
        #expect(
            match.directSources == [AddressRange(isIPv6: true, high: 0x2001_0DB8_0000_0000, low: 0, length: 33)])
        #expect(match.sourceType == .local)
        #expect(match.sources == [AddressRange(isIPv6: false, high: 0x0102_0304 << 32, low: 0, length: 32)])
        #expect(match.sourcePorts == [1, 65535])
        #expect(match.asksForRawBuffer)
        #expect(!match.takesAll)
    }

    /// As Envoy reads them.
    @Test func lengthsBeyondTheAddressMeanAllOfIt() throws {
        let match = try Self.match("prefix_ranges: [{address_prefix: 1.2.3.4, prefix_len: 128}]")
        #expect(match.destinations == [AddressRange(isIPv6: false, high: 0x0102_0304 << 32, low: 0, length: 32)])
    }

    @Test func theDefaultChainMayStandAlone() throws {
        let text = Sample.bootstrap(
            listeners: """
                {name: l, address: {pipe: {path: /a}},
                default_filter_chain: {name: d, filter_chain_match: {destination_port: 1}, filters: [\(Sample.plainTCP)]}}
                """)
        let listener = try #require(try load(text).bootstrap.listeners.first)
        #expect(listener.filterChains.isEmpty)
        #expect(listener.defaultFilterChain?.name == "d")
        #expect(listener.allChains.count == 1)
    }

    static let overlaps: [(String?, String?, Bool)] = [
        (nil, nil, true),
        (nil, "", true),
        ("destination_port: 1", "destination_port: 1", true),
        ("destination_port: 1", "destination_port: 2", false),
        ("destination_port: 1", nil, false),
        ("source_ports: [1, 2]", "source_ports: [2, 3]", true),
        ("source_ports: [1, 2]", "source_ports: [3]", false),
        ("source_ports: [1]", nil, false),
        ("transport_protocol: raw_buffer", nil, false),
        ("source_type: EXTERNAL", nil, false),
        ("source_type: EXTERNAL", "source_type: EXTERNAL", true),
        (
            "prefix_ranges: [{address_prefix: 10.1.1.1, prefix_len: 8}]",
            "prefix_ranges: [{address_prefix: 10.2.2.2, prefix_len: 8}]", true
        ),
        (
            "prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]",
            "prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 9}]", false
        ),
        ("prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]", nil, false),
        ("prefix_ranges: [{address_prefix: \"::\"}]", nil, true),
        (
            "source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}], source_ports: [1]",
            "source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]", false
        ),
        (
            "direct_source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]",
            "source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]", false
        ),
    ]

    @Test(arguments: overlaps)
    func chainsBetweenWhichNothingDecidesAreRefused(_ first: String?, _ second: String?, _ isRefused: Bool) {
        let found = errors(Self.listener(Self.chain(first), Self.chain(second)))
        #expect(found.count == (isRefused ? 1 : 0), "\(found)")
        if isRefused {
            #expect(found[0].contains("as the filter chain in line 4; nothing decides between them"))
            #expect(found[0].hasPrefix("envoy.yaml:5:"))
        }
    }

    static let wrong: [(text: String, errors: [String])] = [
        (
            "destination_port: 0, source_ports: [0, 65536]",
            [
                "envoy.yaml:4:41: \(chains)[0].filter_chain_match.destination_port: 0 is out of range (1 to 65535)",
                "envoy.yaml:4:59: \(chains)[0].filter_chain_match.source_ports[0]: 0 is out of range (1 to 65535)",
                "envoy.yaml:4:62: \(chains)[0].filter_chain_match.source_ports[1]: 65536 is out of range (1 to 65535)",
            ]
        ),
        (
            "prefix_ranges: [{address_prefix: here, prefix_len: 129}, {prefix_len: 8}]",
            [
                "envoy.yaml:4:74: \(chains)[0].filter_chain_match.prefix_ranges[0].prefix_len: 129 is out of range "
                    + "(0 to 128)",
                "envoy.yaml:4:80: \(chains)[0].filter_chain_match.prefix_ranges[1]: required field \"address_prefix\" "
                    + "is missing",
            ]
        ),
        (
            "source_prefix_ranges: [{address_prefix: here}]",
            [
                "envoy.yaml:4:63: \(chains)[0].filter_chain_match.source_prefix_ranges[0].address_prefix: \"here\" "
                    + "is not an IP address"
            ]
        ),
        (
            "transport_protocol: tls, server_names: [a], application_protocols: [h2]",
            [
                "envoy.yaml:4:43: \(chains)[0].filter_chain_match.transport_protocol: \"tls\" is not supported by "
                    + "this build, which reads no TLS handshake; supported: raw_buffer",
                "envoy.yaml:4:48: \(chains)[0].filter_chain_match.server_names: \"server_names\" is an Envoy field "
                    + "that this build does not support; only a TLS handshake says it, and this build reads none",
                "envoy.yaml:4:67: \(chains)[0].filter_chain_match.application_protocols: \"application_protocols\" "
                    + "is an Envoy field that this build does not support; only a TLS handshake says it, and this build "
                    + "reads none",
            ]
        ),
        (
            "source_ports: [1, 1], prefix_ranges: [{address_prefix: 10.1.1.1, prefix_len: 8}, {address_prefix: 10.0.0.0, prefix_len: 8}]",
            [
                "envoy.yaml:4:41: \(chains)[0].filter_chain_match.source_ports[1]: port 1 is given twice",
                "envoy.yaml:4:121: \(chains)[0].filter_chain_match.prefix_ranges[1].address_prefix: the same addresses "
                    + "are given twice",
            ]
        ),
        (
            "transport_protocol: quic, source_type: LOCAL",
            [
                "envoy.yaml:4:43: \(chains)[0].filter_chain_match.transport_protocol: unknown transport protocol "
                    + "\"quic\"; supported: raw_buffer",
                "envoy.yaml:4:62: \(chains)[0].filter_chain_match.source_type: unknown value \"LOCAL\"; supported: "
                    + "ANY, SAME_IP_OR_LOOPBACK, EXTERNAL",
            ]
        ),
        (
            "address_suffix: \"1.2.3.4\", suffix_len: 8",
            [
                "envoy.yaml:4:23: \(chains)[0].filter_chain_match.address_suffix: \"address_suffix\" is an Envoy field "
                    + "that this build does not support; Envoy does not either",
                "envoy.yaml:4:50: \(chains)[0].filter_chain_match.suffix_len: \"suffix_len\" is an Envoy field "
                    + "that this build does not support; Envoy does not either",
            ]
        ),
    ]

    @Test(arguments: wrong)
    func whatIsWrongIsToldWithItsPlace(_ text: String, _ expected: [String]) {
        #expect(errors(Self.listener(Self.chain(text))) == expected)
    }

    @Test func noChainAtAllIsRefused() {
        #expect(
            errors(Sample.bootstrap(listeners: "{name: a, address: {pipe: {path: /a}}, filter_chains: []}")) == [
                "envoy.yaml:3:55: \(Self.chains): one filter chain is required"
            ])
    }
}
