/// `http1.` counters: what the codec does to messages of all listeners.
public enum CodecCounter: Int, CounterNames {
    public typealias Scope = CodecScope

    case requests_rejected_with_underscores_in_headers, dropped_headers_with_underscores

    public var entry: StatEntry {
        switch self {
        case .requests_rejected_with_underscores_in_headers:
            StatEntry("Requests answered with 400 because of `headers_with_underscores_action: REJECT_REQUEST`.")
        case .dropped_headers_with_underscores:
            StatEntry("Header fields left out because of `headers_with_underscores_action: DROP_HEADER`.")
        }
    }
}
