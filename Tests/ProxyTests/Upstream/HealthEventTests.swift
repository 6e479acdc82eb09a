import CLinux
import ProxyConfig
import Testing

@testable import Proxy

/// Events of health checks as lines; those here were written by Envoy 1.40.
@Suite struct HealthEventTests {
    private static let noon: UInt64 = 1_796_000_000_165_000_000
    private static let host =
        #""host":{"socket_address":{"protocol":"TCP","address":"127.0.0.1","port_value":19902,"resolver_name":"","#
        + #""ipv4_compat":false,"network_namespace_filepath":""}},"cluster_name":"one","#
    private static let place = #""locality":{"region":"r","zone":"z","sub_zone":"s"}"#

    private static func subject(_ metadata: String = "") throws -> HealthEvent.Subject {
        var subject = HealthEvent.Subject()
        subject.address = try #require(SocketAddress.make(.socket(host: "127.0.0.1", port: 19902)))
        subject.cluster = "one"
        (subject.locality.region, subject.locality.zone, subject.locality.subZone) = ("r", "z", "s")
        subject.metadata = metadata
        return subject
    }

    @Test(
        arguments: [
            (HealthEvent.added(isFirst: true), #""add_healthy_event":{"first_check":true},"timestamp":"T","#, ""),
            (
                .ejected(.answer(retriable: false), status: 503),
                #""eject_unhealthy_event":{"failure_type":"ACTIVE","http_status_code":503},"timestamp":"T","#, ""
            ),
            (
                .ejected(.passive, status: 0),
                #""eject_unhealthy_event":{"failure_type":"PASSIVE","http_status_code":0},"timestamp":"T","#, ""
            ),
            (
                .failed(.timeout, status: 0, isFirst: false),
                #""timestamp":"T","health_check_failure_event":{"failure_type":"NETWORK_TIMEOUT","first_check":false,"#
                    + #""http_status_code":0},"#, ""
            ),
            (
                .failed(.network, status: 0, isFirst: true),
                #""timestamp":"T","health_check_failure_event":{"failure_type":"NETWORK","first_check":true,"#
                    + #""http_status_code":0},"#, ""
            ),
            (.degraded(true), #""timestamp":"T","degraded_healthy_host":{},"#, ""),
            (.degraded(false), #""timestamp":"T","no_longer_degraded_host":{},"#, ""),
            (.passed, #""timestamp":"T","#, #","successful_health_check_event":{}"#),
        ])
    func linesAreEnvoys(_ event: HealthEvent, _ before: String, _ behind: String) throws {
        let time = HealthEvent.timestamp(Self.noon)
        for metadata in ["", #"{"envoy.lb":{"canary":true,"a":"b"},"x":{"n":"1.5"}}"#] {
            let middle =
                metadata.isEmpty ? "" : #""metadata":{"filter_metadata":\#(metadata),"typed_filter_metadata":{}},"#
            let expected =
                #"{"health_checker_type":"HTTP","# + Self.host + before.replacing(#""T""#, with: "\"\(time)\"") + middle
                + Self.place + behind + "}\n"
            #expect(event.line(try Self.subject(metadata), atNs: Self.noon) == expected)
        }
    }

    @Test func hostsMayBePathsAndNamesMayBeAnything() throws {
        var subject = HealthEvent.Subject()
        subject.checker = "TCP"
        subject.address = try #require(SocketAddress.make(.pipe(path: "/tmp/nosock")))
        subject.cluster = "t\"wo"
        let line = HealthEvent.added(isFirst: false).line(subject, atNs: Self.noon)
        #expect(
            line.hasPrefix(
                #"{"health_checker_type":"TCP","host":{"pipe":{"path":"/tmp/nosock","mode":0}},"cluster_name":"t\"wo","#
            ))
        #expect(line.hasSuffix(#""locality":{"region":"","zone":"","sub_zone":""}}"# + "\n"))
    }

    @Test func timesAreProtobufs() {
        #expect(HealthEvent.timestamp(0) == "1970-01-01T00:00:00Z")
        #expect(HealthEvent.timestamp(1_000_007_999_999) == "1970-01-01T00:16:40.007Z")
        #expect(HealthEvent.timestamp(1_795_941_530_165_000_000) == "2026-11-29T08:38:50.165Z")
    }

    // MARK: - Which

    /// Runs checks in a row and returns the events of the last.
    private static func events(
        _ results: [ProbeResult], _ change: (inout HealthCheck) -> Void = { _ in }
    ) -> [HealthEvent] {
        var settings = HealthCheck(
            method: .tcp(TCPHealthCheck()), timeoutMs: 1, intervalMs: 1, unhealthyThreshold: 2, healthyThreshold: 2)
        change(&settings)
        var machine = ActiveCheckMachine()
        var events: [HealthEvent] = []
        for result in results {
            let before = machine
            if let failure = result.failure {
                _ = machine.failed(failure, settings)
            } else {
                _ = machine.succeeded(settings, isDegraded: result.isDegraded)
            }
            events = HealthEvent.all(of: result, from: before, to: machine, settings)
        }
        return events
    }

    private static let passes = ProbeResult()
    private static let fails = ProbeResult(failure: .network)
    private static let degraded = ProbeResult(isDegraded: true)

    @Test func changesAreTold() {
        #expect(Self.events([Self.passes]) == [.added(isFirst: true)])
        #expect(Self.events([Self.passes, Self.passes]) == [])
        #expect(Self.events([Self.fails]) == [.failed(.network, status: 0, isFirst: true)])
        #expect(Self.events([Self.fails, Self.fails]) == [])
        #expect(Self.events([Self.passes, Self.fails]) == [])
        #expect(Self.events([Self.passes, Self.fails, Self.fails]) == [.ejected(.network, status: 0)])
        #expect(Self.events([Self.fails, Self.passes]) == [])
        #expect(Self.events([Self.fails, Self.passes, Self.passes]) == [.added(isFirst: false)])
        let wrong = ProbeResult(failure: .answer(retriable: false), status: 503)
        #expect(Self.events([Self.passes, wrong]) == [.ejected(.answer(retriable: false), status: 503)])
        #expect(Self.events([Self.degraded]) == [.added(isFirst: true), .degraded(true)])
        #expect(Self.events([Self.degraded, Self.passes]) == [.degraded(false)])
    }

    @Test func allResultsAreToldOnRequest() {
        let all: (inout HealthCheck) -> Void = {
            $0.alwaysLogsFailures = true
            $0.alwaysLogsSuccess = true
        }
        #expect(Self.events([Self.passes], all) == [.added(isFirst: true)])
        #expect(Self.events([Self.passes, Self.passes], all) == [.passed])
        #expect(Self.events([Self.passes, Self.degraded], all) == [.passed, .degraded(true)])
        #expect(Self.events([Self.passes, Self.fails], all) == [.failed(.network, status: 0, isFirst: false)])
        #expect(
            Self.events([Self.passes, Self.fails, Self.fails], all)
                == [.ejected(.network, status: 0), .failed(.network, status: 0, isFirst: false)])
        // A step on the way to health is one that passed.
        #expect(Self.events([Self.fails, Self.passes], all) == [.passed])
        #expect(Self.events([Self.fails, Self.passes, Self.passes], all) == [.added(isFirst: false)])
    }
}
