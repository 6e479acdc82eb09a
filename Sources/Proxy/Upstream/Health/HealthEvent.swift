import CLinux
import Glibc
import ProxyConfig

/// What one result of a check is worth telling, and how it is told: `envoy.data.core.v3.HealthCheckEvent` as Envoy writes it. Pure.
enum HealthEvent: Equatable {
    /// `add_healthy_event`.
    case added(isFirst: Bool)
    /// `eject_unhealthy_event`.
    case ejected(ActiveCheckMachine.Failure, status: UInt32)
    /// `health_check_failure_event`.
    case failed(ActiveCheckMachine.Failure, status: UInt32, isFirst: Bool)
    /// `successful_health_check_event`: of a check that did not make the host healthy.
    case passed
    /// `degraded_healthy_host`, `no_longer_degraded_host`.
    case degraded(Bool)

    /// In the order in which they are written.
    static func all(
        of result: ProbeResult, from before: ActiveCheckMachine, to after: ActiveCheckMachine, _ settings: HealthCheck
    ) -> [HealthEvent] {
        var events: [HealthEvent] = []
        let isFirst = before.isUnchecked
        if let failure = result.failure {
            if after.isFailed, !before.isFailed { events.append(.ejected(failure, status: result.status)) }
            if isFirst || settings.alwaysLogsFailures {
                events.append(.failed(failure, status: result.status, isFirst: isFirst))
            }
            return events
        }
        if before.isFailed, !after.isFailed {
            events.append(.added(isFirst: isFirst))
        } else if settings.alwaysLogsSuccess {
            events.append(.passed)
        }
        if after.isDegraded != before.isDegraded { events.append(.degraded(after.isDegraded)) }
        return events
    }

    /// Whom it is about.
    struct Subject {
        var checker = "HTTP"
        var address = cl_address()
        var cluster = ""
        var locality = Locality()
        /// See `Endpoint.metadata`.
        var metadata = ""
    }

    /// A line with its line feed; fields in the order of their numbers.
    ///
    /// - Parameter atNs: CLOCK_REALTIME.
    func line(_ subject: Subject, atNs: UInt64) -> String {
        let members: [(number: Int, text: String)] = [
            (1, Self.member("health_checker_type", subject.checker)),
            (2, "\"host\":" + Self.address(subject.address)),
            (3, Self.member("cluster_name", subject.cluster)),
            (6, Self.member("timestamp", Self.timestamp(atNs))),
            own,
            (10, subject.metadata.isEmpty ? "" : Self.metadata(subject.metadata)),
            (11, Self.locality(subject.locality)),
        ]
        let sorted = members.filter { !$0.text.isEmpty }.sorted { $0.number < $1.number }
        return "{" + sorted.map(\.text).joined(separator: ",") + "}\n"
    }

    /// The event itself, with its number in the message.
    private var own: (number: Int, text: String) {
        switch self {
        case .ejected(let failure, let status):
            (4, "\"eject_unhealthy_event\":{\(Self.type(failure)),\"http_status_code\":\(status)}")
        case .added(let isFirst): (5, "\"add_healthy_event\":{\"first_check\":\(isFirst)}")
        case .failed(let failure, let status, let isFirst):
            (
                7,
                "\"health_check_failure_event\":{\(Self.type(failure)),\"first_check\":\(isFirst),"
                    + "\"http_status_code\":\(status)}"
            )
        case .degraded(true): (8, "\"degraded_healthy_host\":{}")
        case .degraded(false): (9, "\"no_longer_degraded_host\":{}")
        case .passed: (12, "\"successful_health_check_event\":{}")
        }
    }

    private static func type(_ failure: ActiveCheckMachine.Failure) -> String {
        switch failure {
        case .network: member("failure_type", "NETWORK")
        case .timeout: member("failure_type", "NETWORK_TIMEOUT")
        case .answer: member("failure_type", "ACTIVE")
        case .passive: member("failure_type", "PASSIVE")
        }
    }

    private static func member(_ name: String, _ text: String) -> String { "\"\(name)\":\"\(JSONText.escaped(text))\"" }

    private static func address(_ address: cl_address) -> String {
        let host = member(SocketAddress.family(address) == AF_UNIX ? "path" : "address", SocketAddress.host(address))
        if SocketAddress.family(address) == AF_UNIX { return "{\"pipe\":{\(host),\"mode\":0}}" }
        return "{\"socket_address\":{\"protocol\":\"TCP\",\(host),\"port_value\":\(SocketAddress.port(address)),"
            + "\"resolver_name\":\"\",\"ipv4_compat\":false,\"network_namespace_filepath\":\"\"}}"
    }

    private static func metadata(_ filters: String) -> String {
        "\"metadata\":{\"filter_metadata\":\(filters),\"typed_filter_metadata\":{}}"
    }

    private static func locality(_ locality: Locality) -> String {
        let names = [
            member("region", locality.region), member("zone", locality.zone), member("sub_zone", locality.subZone),
        ]
        return "\"locality\":{\(names.joined(separator: ","))}"
    }

    /// RFC 3339 as protobuf's JSON form has it: three digits of the second, or none where these are 0.
    static func timestamp(_ ns: UInt64) -> String {
        var seconds = time_t(clamping: ns / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let ms = ns / 1_000_000 % 1000
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):"
            + "\(two(parts.tm_min)):\(two(parts.tm_sec))" + (ms == 0 ? "" : ".\(String(1000 + ms).dropFirst())") + "Z"
    }
}

extension ClusterHealth {
    /// After `host.check` has taken the result.
    func writeEvents(
        of host: HostHealth, _ result: ProbeResult, before: ActiveCheckMachine, _ settings: HealthCheck
    ) {
        guard !eventFiles.isEmpty, let check = host.check else { return }
        let events = HealthEvent.all(of: result, from: before, to: check, settings)
        if events.isEmpty { return }
        var subject = HealthEvent.Subject()
        if case .tcp = settings.method { subject.checker = "TCP" }
        subject.address = host.address
        subject.cluster = cluster.name
        if let endpoint = host.endpoint {
            if cluster.groups.indices.contains(endpoint.group) {
                subject.locality = cluster.groups[endpoint.group].locality
            }
            subject.metadata = endpoint.metadata
        }
        let now = cl_realtime_ns()
        for event in events {
            let line = Array(event.line(subject, atNs: now).utf8)
            for file in eventFiles { file.write(line) }
        }
    }
}
