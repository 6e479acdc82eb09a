/// `header_key_format`: how names of headers are written; nothing: in lower case.
public struct HeaderCase: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `proper_case_words`: with capitals, in messages that leave here.
    public static let proper = HeaderCase(rawValue: 1)
    /// `stateful_formatter`: of messages that come in here, as they came, wherever they leave.
    public static let preserve = HeaderCase(rawValue: 2)
    /// `formatter_type_on_envoy_headers`: names that did not come with the message get capitals.
    public static let properOthers = HeaderCase(rawValue: 4)
    /// `forward_reason_phrase`: so does what the status line says.
    public static let reason = HeaderCase(rawValue: 8)
}
