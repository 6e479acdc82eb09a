import ProxyConfig
import Testing

/// `overload_manager`.
@Suite struct OverloadConfigTests {
    private static let heapType =
        "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
    private static let connectionsType =
        "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"

    private static func heap(_ field: String = "max_heap_size_bytes: 1000") -> String {
        "{name: envoy.resource_monitors.fixed_heap, typed_config: {\"@type\": \(heapType), \(field)}}"
    }
    private static func connections(_ field: String = "max_active_downstream_connections: 10") -> String {
        "{name: envoy.resource_monitors.global_downstream_max_connections, "
            + "typed_config: {\"@type\": \(connectionsType), \(field)}}"
    }
    private static func action(
        _ name: String, _ trigger: String = "threshold: {value: 0.5}",
        of monitor: String = "envoy.resource_monitors.fixed_heap"
    ) -> String {
        "{name: envoy.overload_actions.\(name), triggers: [{name: \(monitor), \(trigger)}]}"
    }

    private static func text(_ monitors: [String], _ actions: [String] = [], _ more: String = "") -> String {
        Sample.bootstrap(
            rest: """
                overload_manager: { \(more)
                  resource_monitors: [\(monitors.joined(separator: ", "))],
                  actions: [\(actions.joined(separator: ", "))] }
                """)
    }

    @Test func nothingIsConfigured() throws {
        #expect(try load(Sample.bootstrap()).bootstrap.overload == nil)
    }

    @Test func everythingIsRead() throws {
        let text = Self.text(
            [
                Self.heap("max_heap_size_bytes: 8000000000"),
                Self.connections("max_active_downstream_connections: \"7\""),
            ],
            [
                Self.action("stop_accepting_connections", "threshold: {value: 0.95}"),
                Self.action(
                    "reject_incoming_connections", "scaled: {scaling_threshold: 0.25, saturation_threshold: 1}"),
                Self.action("stop_accepting_requests"), Self.action("disable_http_keepalive"),
                Self.action("shrink_heap", "scaled: {saturation_threshold: 0.5}"),
            ], "refresh_interval: 0.25s,")
        let manager = try #require(try load(text).bootstrap.overload)
        #expect(manager.refreshIntervalMs == 250)
        #expect(manager.maxHeapBytes == 8_000_000_000)
        #expect(manager.maxConnections == 7)
        #expect(
            manager.actions == [
                OverloadAction(.stopAcceptingConnections, .threshold(0.95)),
                OverloadAction(.rejectIncomingConnections, .scaled(from: 0.25, to: 1)),
                OverloadAction(.stopAcceptingRequests, .threshold(0.5)),
                OverloadAction(.disableHTTPKeepalive, .threshold(0.5)),
                OverloadAction(.shrinkHeap, .scaled(from: 0, to: 0.5)),
            ])
        #expect(try load(Self.text([Self.connections()])).bootstrap.overload?.refreshIntervalMs == 1000)
    }

    @Test(
        "What Envoy refuses, and what this build does not have, is refused",
        arguments: [
            (text([]), "at least one monitor is required"),
            (text([heap(), heap()]), "a second monitor \"envoy.resource_monitors.fixed_heap\""),
            (text([heap("max_heap_size_bytes: 0")]), "0 is out of range"),
            (text([connections("max_active_downstream_connections: -1")]), "-1 is out of range"),
            (text([heap("")]), "required field \"max_heap_size_bytes\" is missing"),
            (text(["{name: envoy.resource_monitors.fixed_heap}"]), "typed_config"),
            (text(["{name: envoy.resource_monitors.cgroup_memory}"]), "is not supported by this build"),
            (text(["{name: envoy.resource_monitors.fixed_head}"]), "did you mean"),
            (text([heap()], [action("reduce_timeouts")]), "is not supported by this build"),
            (text([heap()], [action("stop_accepting_request")]), "is no overload action of Envoy's"),
            (text([heap()], [action("shrink_heap"), action("shrink_heap")]), "a second action"),
            (text([heap()], ["{name: envoy.overload_actions.shrink_heap}"]), "\"triggers\" is missing"),
            (
                text([heap()], ["{name: envoy.overload_actions.shrink_heap, triggers: []}"]),
                "at least one trigger is required"
            ),
            (text([connections()], [action("shrink_heap")]), "no resource monitor"),
            (
                text(
                    [connections()],
                    [action("shrink_heap", of: "envoy.resource_monitors.global_downstream_max_connections")]),
                "refuses connections by itself and triggers nothing"
            ),
            (text([heap()], [action("shrink_heap", "threshold: {value: 1.5}")]), "1.5 is out of range"),
            (text([heap()], [action("shrink_heap", "threshold: {}")]), "\"value\" is missing"),
            (
                text([heap()], [action("shrink_heap", "scaled: {scaling_threshold: 0.5, saturation_threshold: 0.5}")]),
                "scaling_threshold must be less than saturation_threshold"
            ),
            (text([heap()], [], "refresh_interval: 0s,"), "must be greater than 0s"),
            (text([heap()], [], "loadshed_points: [{name: a}],"), "\"loadshed_points\""),
            (text([heap()], [], "buffer_factory_config: {minimum_account_to_track_power_of_two: 20},"), "\"buffer_f"),
        ])
    func refused(text: String, message: String) throws {
        let errors = try failures(text)
        #expect(errors.contains { $0.contains(message) }, "\(errors)")
    }

    private func failures(_ text: String) throws -> [String] {
        do {
            _ = try load(text)
            return []
        } catch {
            return ["\(error)"]
        }
    }
}
