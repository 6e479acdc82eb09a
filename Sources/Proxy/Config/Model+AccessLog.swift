/// One entry of an `access_log`: where lines go, what they look like, and which requests get one.
public struct AccessLog: Sendable {
    public var sink: LogSink
    public var format: LogFormat
    /// Which requests or connections get a line; nil: all.
    public var filter: LogFilter?
    /// Where the path stands, or the logger.
    public var location: SourceLocation
    /// The field that says where lines go.
    public var path: String
    public init(
        sink: LogSink, format: LogFormat = .defaultText, filter: LogFilter? = nil, location: SourceLocation,
        path: String = ""
    ) {
        self.sink = sink
        self.format = format
        self.filter = filter
        self.location = location
        self.path = path
    }
}

/// Where lines go. Loggers with the same one share it.
public enum LogSink: Sendable, Hashable {
    case file(path: String)
    case standardOutput
    case standardError
}

/// What a line looks like.
public struct LogFormat: Sendable, Equatable {
    public enum Shape: Sendable, Equatable {
        /// Written as it is; it brings its own line end.
        case text([LogPiece])
        /// A JSON object in one line.
        case json(LogValue)
    }
    public var shape: Shape
    /// `omit_empty_values`: what has no value is left out, instead of `-` (text) or `null` (JSON).
    public var omitsEmpty = false
    public init(_ shape: Shape, omitsEmpty: Bool = false) {
        self.shape = shape
        self.omitsEmpty = omitsEmpty
    }

    /// Envoy's default format.
    public static let defaultText: LogFormat = {
        let text = """
            [%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% \
            %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
            "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" \
            "%UPSTREAM_HOST%"

            """
        do throws(LogFormatError) {
            return LogFormat(.text(try LogFormatParser.parse(text)))
        } catch {
            preconditionFailure("the default format: \(error)")
        }
    }()
}

/// A value of a JSON format.
public indirect enum LogValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// As it is to be written.
    case number(String)
    /// One operator alone keeps its type: a number stays one, and without a value it is `null`.
    case template([LogPiece])
    case list([LogValue])
    /// Sorted by key, as Envoy writes it.
    case object([LogMember])
}

public struct LogMember: Sendable, Equatable {
    public var key: String
    public var value: LogValue
    public init(_ key: String, _ value: LogValue) {
        self.key = key
        self.value = value
    }
}

/// A piece of a text format.
public enum LogPiece: Sendable, Equatable {
    case literal(String)
    case field(LogField)
    case request(LogHeader, maxLength: Int?)
    case response(LogHeader, maxLength: Int?)
    /// Empty: Envoy's default, `2026-11-27T17:35:04.124Z`.
    case startTime([LogTimePiece])
}

/// `REQ(X?Y)` and `RESP(X?Y)`: a header, and one to take when that is missing; in lower case.
public struct LogHeader: Sendable, Equatable {
    public var name: String
    public var alternative: String?
    public init(_ name: String, or alternative: String? = nil) {
        self.name = name
        self.alternative = alternative
    }
}

/// A piece of the format of a time, which is UTC.
public enum LogTimePiece: Sendable, Equatable {
    case literal(String)
    /// One conversion of strftime(3), with its `%`.
    case calendar(String)
    /// Seconds since 1970.
    case epochSeconds
    /// The fraction of the second with that many digits.
    case fraction(Int)
}

/// Command operators that take no parameters, by their names.
public enum LogField: String, Sendable, CaseIterable, BitwiseCopyable {
    case `protocol` = "PROTOCOL"
    case responseCode = "RESPONSE_CODE"
    case responseCodeDetails = "RESPONSE_CODE_DETAILS"
    case responseFlags = "RESPONSE_FLAGS"
    case responseFlagsLong = "RESPONSE_FLAGS_LONG"
    case bytesReceived = "BYTES_RECEIVED"
    case bytesSent = "BYTES_SENT"
    case duration = "DURATION"
    case requestDuration = "REQUEST_DURATION"
    case responseDuration = "RESPONSE_DURATION"
    case responseTxDuration = "RESPONSE_TX_DURATION"
    case upstreamHost = "UPSTREAM_HOST"
    case upstreamCluster = "UPSTREAM_CLUSTER"
    case upstreamLocalAddress = "UPSTREAM_LOCAL_ADDRESS"
    case upstreamLocalAddressWithoutPort = "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT"
    case upstreamLocalPort = "UPSTREAM_LOCAL_PORT"
    case upstreamRemoteAddress = "UPSTREAM_REMOTE_ADDRESS"
    case upstreamRemoteAddressWithoutPort = "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
    case upstreamRemotePort = "UPSTREAM_REMOTE_PORT"
    case upstreamTransportFailureReason = "UPSTREAM_TRANSPORT_FAILURE_REASON"
    case upstreamRequestAttemptCount = "UPSTREAM_REQUEST_ATTEMPT_COUNT"
    case downstreamRemoteAddress = "DOWNSTREAM_REMOTE_ADDRESS"
    case downstreamRemoteAddressWithoutPort = "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
    case downstreamRemotePort = "DOWNSTREAM_REMOTE_PORT"
    case downstreamDirectRemoteAddress = "DOWNSTREAM_DIRECT_REMOTE_ADDRESS"
    case downstreamDirectRemoteAddressWithoutPort = "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT"
    case downstreamDirectRemotePort = "DOWNSTREAM_DIRECT_REMOTE_PORT"
    case downstreamLocalAddress = "DOWNSTREAM_LOCAL_ADDRESS"
    case downstreamLocalAddressWithoutPort = "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT"
    case downstreamLocalPort = "DOWNSTREAM_LOCAL_PORT"
    case connectionID = "CONNECTION_ID"
    case connectionTerminationDetails = "CONNECTION_TERMINATION_DETAILS"
    case routeName = "ROUTE_NAME"
    case virtualClusterName = "VIRTUAL_CLUSTER_NAME"
    case hostname = "HOSTNAME"
    case accessLogType = "ACCESS_LOG_TYPE"
    /// The body of an answer of our own, while it is made; empty in an access log.
    case localReplyBody = "LOCAL_REPLY_BODY"
}

/// Which requests or connections get a line.
public indirect enum LogFilter: Sendable, Equatable {
    case always
    /// `not_health_check_filter`.
    case notHealthCheck
    case status(LogComparison)
    /// Milliseconds of the whole request.
    case duration(LogComparison)
    /// `log_type_filter`: lines of these types, or of all others.
    case types(LogTypes, excludes: Bool)
    case runtime(LogShare)
    /// One of these flags, or any when there are none.
    case flags([ResponseFlag])
    case header(HeaderCondition)
    case all([LogFilter])
    case any([LogFilter])
}

/// Why a line is written: `envoy.data.accesslog.v3.AccessLogType`, by its numbers.
public enum LogType: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    case notSet, tcpUpstreamConnected, tcpPeriodic, tcpConnectionEnd, downstreamStart, downstreamPeriodic, downstreamEnd
    case upstreamPoolReady, upstreamPeriodic, upstreamEnd, downstreamTunnelSuccessfullyEstablished
    case udpTunnelUpstreamConnected, udpPeriodic, udpSessionEnd, tcpConnectionStart

    /// As `%ACCESS_LOG_TYPE%` writes it.
    public var text: StaticString {
        switch self {
        case .notSet: "NotSet"
        case .tcpUpstreamConnected: "TcpUpstreamConnected"
        case .tcpPeriodic: "TcpPeriodic"
        case .tcpConnectionEnd: "TcpConnectionEnd"
        case .downstreamStart: "DownstreamStart"
        case .downstreamPeriodic: "DownstreamPeriodic"
        case .downstreamEnd: "DownstreamEnd"
        case .upstreamPoolReady: "UpstreamPoolReady"
        case .upstreamPeriodic: "UpstreamPeriodic"
        case .upstreamEnd: "UpstreamEnd"
        case .downstreamTunnelSuccessfullyEstablished: "DownstreamTunnelSuccessfullyEstablished"
        case .udpTunnelUpstreamConnected: "UdpTunnelUpstreamConnected"
        case .udpPeriodic: "UdpPeriodic"
        case .udpSessionEnd: "UdpSessionEnd"
        case .tcpConnectionStart: "TcpConnectionStart"
        }
    }
}

/// Some types of lines, a bit each by number.
public struct LogTypes: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(_ type: LogType) { rawValue = 1 << UInt32(type.rawValue) }
}

/// `runtime_filter`: a share of the requests.
public struct LogShare: Sendable, Equatable {
    /// The runtime's number under it counts instead of the numerator.
    public var key: String
    public var percent: FractionalPercent
    /// Else all filters say the same of a request, by its id.
    public var isIndependent = false
    public init(_ percent: FractionalPercent, key: String) {
        self.percent = percent
        self.key = key
    }
}

/// When there are lines beside those at the end.
public struct LogMoments: Sendable, Equatable {
    /// `flush_access_log_on_new_request`, `flush_access_log_on_start`.
    public var start = false
    /// `flush_log_on_tunnel_successfully_established`, `flush_access_log_on_connected`.
    public var connected = false
    /// `access_log_flush_interval`; 0: none.
    public var intervalMs: UInt64 = 0
    public init() {}
}

public struct LogComparison: Sendable, Equatable {
    public enum Operation: UInt8, Sendable, BitwiseCopyable { case equal, atLeast, atMost, notEqual }
    public var operation: Operation
    /// Unless the runtime has a number under the key.
    public var value: UInt32
    public var key: String
    public init(_ operation: Operation, _ value: UInt32, key: String = "") {
        self.operation = operation
        self.value = value
        self.key = key
    }
}

/// What happened to a request or connection, in the order in which Envoy writes them. The raw values travel in hand-over
/// records, so none is ever given a second meaning.
public enum ResponseFlag: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    case failedLocalHealthCheck, noHealthyUpstream, upstreamRequestTimeout, localReset, upstreamRemoteReset
    case upstreamConnectionFailure, upstreamConnectionTermination, upstreamOverflow, noRouteFound, delayInjected
    case faultInjected, rateLimited, unauthorizedExternalService, rateLimitServiceError
    case downstreamConnectionTermination, upstreamRetryLimitExceeded, streamIdleTimeout, invalidEnvoyRequestHeaders
    case downstreamProtocolError, upstreamMaxStreamDurationReached, responseFromCacheFilter, noFilterConfigFound
    case durationTimeout, upstreamProtocolError, noClusterFound, overloadManager, dnsResolutionFailed, dropOverload
    case downstreamRemoteReset, unconditionalDropOverload

    /// As `%RESPONSE_FLAGS%` writes it.
    public var short: String {
        switch self {
        case .failedLocalHealthCheck: "LH"
        case .noHealthyUpstream: "UH"
        case .upstreamRequestTimeout: "UT"
        case .localReset: "LR"
        case .upstreamRemoteReset: "UR"
        case .upstreamConnectionFailure: "UF"
        case .upstreamConnectionTermination: "UC"
        case .upstreamOverflow: "UO"
        case .noRouteFound: "NR"
        case .delayInjected: "DI"
        case .faultInjected: "FI"
        case .rateLimited: "RL"
        case .unauthorizedExternalService: "UAEX"
        case .rateLimitServiceError: "RLSE"
        case .downstreamConnectionTermination: "DC"
        case .upstreamRetryLimitExceeded: "URX"
        case .streamIdleTimeout: "SI"
        case .invalidEnvoyRequestHeaders: "IH"
        case .downstreamProtocolError: "DPE"
        case .upstreamMaxStreamDurationReached: "UMSDR"
        case .responseFromCacheFilter: "RFCF"
        case .noFilterConfigFound: "NFCF"
        case .durationTimeout: "DT"
        case .upstreamProtocolError: "UPE"
        case .noClusterFound: "NC"
        case .overloadManager: "OM"
        case .dnsResolutionFailed: "DF"
        case .dropOverload: "DO"
        case .downstreamRemoteReset: "DR"
        case .unconditionalDropOverload: "UDO"
        }
    }

    /// As `%RESPONSE_FLAGS_LONG%` writes it: the case's name with a capital.
    public var long: String {
        switch self {
        case .dropOverload: return "DropOverLoad"
        default:
            let name = "\(self)"
            return name.prefix(1).uppercased() + name.dropFirst()
        }
    }
}
