import Glibc

/// Why a request was answered as it was, or ended: what `%RESPONSE_CODE_DETAILS%` says. The raw values travel in hand-over
/// records (docs/hand-over.md), so none is ever given a second meaning.
enum LogDetails: UInt8, BitwiseCopyable {
    case none = 0
    case viaUpstream = 1
    case routeNotFound = 2
    case directResponse = 3
    case noHealthyUpstream = 4
    case responseTimeout = 5
    case streamIdleTimeout = 6
    case requestHeaderTimeout = 7
    case requestOverallTimeout = 8
    case downstreamRemoteDisconnect = 9
    case downstreamLocalDisconnect = 10
    case upgradeFailed = 11
    case missingHost = 12
    case pathNormalizationFailed = 13
    case lowVersion = 14
    case overload = 15
    // What the HTTP/1 codec finds wrong with a request.
    case codecError = 16
    case invalidCharacters = 17
    case headersTooLarge = 18
    case tooManyHeaders = 19
    case invalidTransferEncoding = 20
    case lengthAndChunked = 21
    case maintenanceMode = 22
    case invalidAuthority = 23
    case absolutePathRejected = 24
    case perTryTimeout = 25
    case perTryIdleTimeout = 26
    case badNomination = 27
    case badURL = 28
    case clusterNotFound = 29
    case pathNormalizationRedirect = 30
    case unexpectedUnderscore = 31
    // The upstream side failed before its response began …
    case beforeConnectionTermination = 32
    case beforeRemoteConnectionFailure = 33
    case beforeLocalConnectionFailure = 34
    case beforeConnectionTimeout = 35
    case beforeProtocolError = 36
    case beforeOverflow = 37
    case faultAbort = 38
    case localRateLimited = 39
    case corsResponse = 40
    case requestTooLarge = 41
    case healthCheckOK = 42
    case healthCheckCached = 43
    case healthCheckFailed = 44
    case healthCheckClusterHealthy = 45
    case healthCheckClusterUnhealthy = 46
    case healthCheckClusterEmpty = 47
    case healthCheckNoCluster = 56
    case noFilterChain = 58
    /// Of the admin listener.
    case adminResponse = 57
    case internalRedirect = 59
    case maxDurationTimeout = 60
    case upstreamMaxDuration = 61
    // … or after that.
    case afterConnectionTermination = 48
    case afterRemoteConnectionFailure = 49
    case afterLocalConnectionFailure = 50
    case afterConnectionTimeout = 51
    case afterProtocolError = 52
    case afterOverflow = 53

    /// Of an upstream side that failed.
    init(_ failure: UpstreamFailure, responseStarted: Bool) {
        let before: LogDetails =
            switch failure {
            case .terminated: .beforeConnectionTermination
            case .connectFailure: failure.isLocal ? .beforeLocalConnectionFailure : .beforeRemoteConnectionFailure
            case .connectTimeout: .beforeConnectionTimeout
            case .protocolError: .beforeProtocolError
            case .overflow: .beforeOverflow
            }
        self = responseStarted ? LogDetails(rawValue: before.rawValue + 16) ?? before : before
    }

    /// Of a request that is not HTTP as it should be.
    ///
    /// - Parameter head: what came of it; Envoy tells whether its first line is only wrong or no text at all.
    init(_ error: ParseError, head: UnsafeBufferPointer<UInt8> = UnsafeBufferPointer(start: nil, count: 0)) {
        switch error {
        case .headTooLarge: self = .headersTooLarge
        case .tooManyHeaders: self = .tooManyHeaders
        case .badTransferEncoding: self = .invalidTransferEncoding
        case .lengthAndChunked: self = .lengthAndChunked
        case .versionNotSupported: self = .lowVersion
        case .missingHost: self = .missingHost
        case .badHost: self = .invalidAuthority
        case .badNomination: self = .badNomination
        case .badURL: self = .badURL
        case .underscore: self = .unexpectedUnderscore
        case .badHeaderValue: self = .invalidCharacters
        case .badTarget, .badMethod, .badRequestLine:
            let line = head.prefix { $0 != 0x0A && $0 != 0x0D }
            self = line.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? .codecError : .invalidCharacters
        default: self = .codecError
        }
    }

    /// Envoy's word; of a failed connection the part before its reason.
    var text: StaticString {
        switch self {
        case .none: ""
        case .viaUpstream: "via_upstream"
        case .routeNotFound: "route_not_found"
        case .directResponse: "direct_response"
        case .noHealthyUpstream: "no_healthy_upstream"
        case .responseTimeout: "response_timeout"
        case .streamIdleTimeout: "stream_idle_timeout"
        case .requestHeaderTimeout: "request_header_timeout"
        case .requestOverallTimeout: "request_overall_timeout"
        case .downstreamRemoteDisconnect: "downstream_remote_disconnect"
        case .downstreamLocalDisconnect: "downstream_local_disconnect"
        case .upgradeFailed: "upgrade_failed"
        case .missingHost: "missing_host_header"
        case .pathNormalizationFailed: "path_normalization_failed"
        case .lowVersion: "low_version"
        case .overload: "overload"
        case .codecError: "http1.codec_error"
        case .invalidCharacters: "http1.invalid_characters"
        case .headersTooLarge: "http1.headers_too_large"
        case .tooManyHeaders: "http1.too_many_headers"
        case .invalidTransferEncoding: "http1.invalid_transfer_encoding"
        case .badNomination: "http1.connection_header_rejected"
        case .badURL: "http1.invalid_url"
        case .clusterNotFound: "cluster_not_found"
        case .pathNormalizationRedirect: "path_normalization_redirect"
        case .unexpectedUnderscore: "http1.unexpected_underscore"
        case .lengthAndChunked: "http1.content_length_and_chunked_not_allowed"
        case .maintenanceMode: "maintenance_mode"
        case .invalidAuthority: "http.invalid_authority"
        case .perTryTimeout: "upstream_per_try_timeout"
        case .perTryIdleTimeout: "upstream_per_try_idle_timeout"
        case .absolutePathRejected: "absolute_path_rejected"
        case .beforeConnectionTermination: "upstream_reset_before_response_started{connection_termination}"
        case .beforeRemoteConnectionFailure: "upstream_reset_before_response_started{remote_connection_failure"
        case .beforeLocalConnectionFailure: "upstream_reset_before_response_started{local_connection_failure"
        case .beforeConnectionTimeout: "upstream_reset_before_response_started{connection_timeout}"
        case .beforeProtocolError: "upstream_reset_before_response_started{protocol_error}"
        case .beforeOverflow: "upstream_reset_before_response_started{overflow}"
        case .afterConnectionTermination: "upstream_reset_after_response_started{connection_termination}"
        case .afterRemoteConnectionFailure: "upstream_reset_after_response_started{remote_connection_failure"
        case .afterLocalConnectionFailure: "upstream_reset_after_response_started{local_connection_failure"
        case .afterConnectionTimeout: "upstream_reset_after_response_started{connection_timeout}"
        case .afterProtocolError: "upstream_reset_after_response_started{protocol_error}"
        case .faultAbort: "fault_filter_abort"
        case .localRateLimited: "local_rate_limited"
        case .corsResponse: "cors_response"
        case .requestTooLarge: "request_payload_too_large"
        case .healthCheckOK: "health_check_ok"
        case .healthCheckCached: "health_check_cached"
        case .healthCheckFailed: "health_check_failed"
        case .healthCheckClusterHealthy: "health_check_ok_cluster_healthy"
        case .healthCheckClusterUnhealthy: "health_check_failed_cluster_unhealthy"
        case .healthCheckClusterEmpty: "health_check_failed_cluster_empty"
        case .maxDurationTimeout: "max_duration_timeout"
        case .upstreamMaxDuration: "upstream_max_stream_duration_reached"
        case .internalRedirect: "internal_redirect"
        case .healthCheckNoCluster: "health_check_failed_no_cluster_found"
        case .noFilterChain: "filter_chain_not_found"
        case .adminResponse: "admin_filter_response"
        case .afterOverflow: "upstream_reset_after_response_started{overflow}"
        }
    }

    /// Whether the error of a failed connection follows the text, and a bracket.
    var namesConnectError: Bool {
        switch self {
        case .beforeRemoteConnectionFailure, .beforeLocalConnectionFailure, .afterRemoteConnectionFailure,
            .afterLocalConnectionFailure:
            true
        default: false
        }
    }
}
