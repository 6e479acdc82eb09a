import CLinux
import Glibc
import ProxyConfig
import Testing

@testable import Proxy

/// Lines without a socket. What is expected here Envoy 1.40 has written.
@Suite struct LogLineTests {
    private static func value(_ format: String, _ change: (LogScene) -> Void = { _ in }) throws -> String {
        let scene = try LogScene(format)
        change(scene)
        return scene.text
    }

    @Test(arguments: [
        ("%START_TIME%", "2026-11-27T17:35:04.124Z"),
        ("%START_TIME()%", "2026-11-27T17:35:04.124Z"),
        ("%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%", "2026/11/27T17:35:04+0000 1795800904"),
        ("%START_TIME(%s.%3f)%", "1795800904.124"),
        ("%START_TIME(%s.%f)%", "1795800904.124733000"),
        ("%START_TIME(%3f %6f %9f %1f %5f)%", "124 124733 124733000 1 12473"),
        ("%START_TIME(%H:%M:%E3S)%", "17:35:04.124"),
        ("%START_TIME(%E9S %E0S %E1S)%", "04.124733000 04 04.1"),
        (
            "%START_TIME(%a %A %b %B %D %F %j %p %r %R %T %U %u %w %W %x %X %y %Z %%)%",
            "Fri Friday Nov November 11/27/26 2026-11-27 331 PM 05:35:04 PM 17:35 17:35:04 47 5 5 47 11/27/26 17:35:04 26 UTC %"
        ),
    ])
    func times(_ format: String, _ expected: String) throws { #expect(try Self.value(format) == expected) }

    @Test func nothingIsADash() throws {
        let format =
            "%PROTOCOL% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %REQUEST_DURATION% %UPSTREAM_HOST% "
            + "%UPSTREAM_REMOTE_PORT% %REQ(x)% %RESP(:STATUS)% %ROUTE_NAME% %UPSTREAM_TRANSPORT_FAILURE_REASON%"
        #expect(try Self.value(format) { $0.facts.isHTTP = false } == "- 0 - - - - - - - - -")
        let omitting = try LogScene(format, omitsEmpty: true)
        omitting.facts.isHTTP = false
        #expect(omitting.text == " 0  -       ")
    }

    @Test func numbers() throws {
        let format =
            "%RESPONSE_CODE% %RESP(:STATUS)% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %REQUEST_DURATION% "
            + "%RESPONSE_DURATION% %RESPONSE_TX_DURATION% %CONNECTION_ID% %DOWNSTREAM_REMOTE_PORT%"
        let text = try Self.value(format) {
            $0.facts.status = 200
            $0.entry.pointee.bytesReceived = 3
            $0.entry.pointee.bytesSent = .max
            $0.facts.requestEndNs = 1_001_000_000
            $0.entry.pointee.firstResponseNs = 1_005_000_000
            $0.facts.responseEndNs = 1_011_000_000
        }
        #expect(text == "200 200 3 18446744073709551615 12 1 5 6 7 45250")
    }

    @Test func headers() throws {
        let text = try Self.value("[%REQ(a)%] [%REQ(none?a):3%] [%REQ(a):0%] [%REQ(empty)%] [%REQ(empty?a)%]") {
            $0.set(.request, "a", "value")
            $0.set(.request, "empty", "")
        }
        #expect(text == "[value] [val] [] [] []")
    }

    @Test func theFirstOfSeveralHeadersIsWritten() throws {
        let text = try Self.value("%REQ(a)%") {
            $0.set(.request, "a", "1")
            $0.set(.request, "a", "2")
        }
        #expect(text == "1")
    }

    @Test func flagsAndDetails() throws {
        let text = try Self.value(
            "%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%"
        ) {
            $0.entry.pointee.flags = [.connectionFailure, .retryLimit]
            $0.entry.pointee.details = .beforeRemoteConnectionFailure
            $0.entry.pointee.connectError = ECONNREFUSED
        }
        #expect(
            text == "UF,URX UpstreamConnectionFailure,UpstreamRetryLimitExceeded "
                + "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused} "
                + "delayed_connect_error:_Connection_refused")
    }

    @Test func everyDetailHasItsText() {
        for raw in UInt8.min...UInt8.max {
            guard let details = LogDetails(rawValue: raw), details != .none else { continue }
            let text = "\(details.text)"
            #expect(!text.isEmpty && !text.contains(" "))
            #expect(text.contains("{") == (text.hasSuffix("}") || details.namesConnectError))
        }
        #expect(LogDetails(.terminated, responseStarted: true) == .afterConnectionTermination)
        #expect(LogDetails(.overflow, responseStarted: true) == .afterOverflow)
    }

    @Test func addresses() throws {
        let format =
            "%UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT% "
            + "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
        let text = try Self.value(format) {
            _ = cl_address_ip(&$0.entry.pointee.upstream, "::1", 80)
            _ = cl_address_unix(&$0.entry.pointee.local, "/run/x")
            $0.entry.pointee.state.insert(.isConnected)
        }
        #expect(text == "[::1]:80 ::1 80 /run/x 127.0.0.1:45250 192.0.2.9")
    }

    @Test func aLogOfAnotherBuildHasNoBytes() throws {
        let text = try Self.value("%BYTES_SENT% %DURATION%") { $0.entry.pointee.state = .isPartial }
        #expect(text == "- 12")
    }
}
