/// What a request's path asks for.
enum Action {
    case hello
    case status(Int)
    case bytes(Int)
    case chunked(Int)
    case slow(milliseconds: Int)
    case echo, headers, close, reset, hang, count, upgrade
    /// What a health check asks for, how it is to be answered from now on, and how often it was asked.
    case health, setHealth(Int), checks
    /// What ordinary requests are answered with from now on.
    case setStatus(Int)
    /// Says in its response that this host is not well.
    case unwell

    /// Whether it is one of the requests that `/count` tells of.
    var isCounted: Bool {
        switch self {
        case .count, .health, .setHealth, .checks, .setStatus: return false
        default: return true
        }
    }

    init(_ request: Request, _ base: UnsafePointer<UInt8>) {
        if request.isWebSocket {
            self = .upgrade
            return
        }
        let path = Text(base + request.path.lowerBound, request.path.count)
        self = Self.named(path) ?? .hello
    }

    private static func named(_ path: Text) -> Action? {
        guard path.count > 1 else { return nil }
        if path.equals("/echo") { return .echo }
        if path.equals("/headers") { return .headers }
        if path.equals("/close") { return .close }
        if path.equals("/reset") { return .reset }
        if path.equals("/hang") { return .hang }
        if path.equals("/count") { return .count }
        if path.equals("/upgrade") { return .upgrade }
        if path.equals("/health") { return .health }
        if path.equals("/checks") { return .checks }
        if path.equals("/unwell") { return .unwell }
        if let code = argument(path, "/set/health/"), code < 1000 { return .setHealth(code) }
        if let code = argument(path, "/set/status/"), (200...999).contains(code) { return .setStatus(code) }
        if let code = argument(path, "/status/"), (200...999).contains(code) { return .status(code) }
        if let count = argument(path, "/bytes/") { return .bytes(count) }
        if let count = argument(path, "/chunked/") { return .chunked(count) }
        if let milliseconds = argument(path, "/slow/"), milliseconds < 1 << 40 {
            return .slow(milliseconds: milliseconds)
        }
        return nil
    }

    /// The number behind `prefix`.
    private static func argument(_ path: Text, _ prefix: StaticString) -> Int? {
        let length = prefix.utf8CodeUnitCount
        guard path.count > length, Text(path.start, length).equals(prefix) else { return nil }
        return Text(path.start + length, path.count - length).number
    }
}
