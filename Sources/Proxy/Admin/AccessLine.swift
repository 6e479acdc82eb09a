import Glibc
import Stats

/// One line of the admin access log, in Envoy's default format. What the admin listener never has (response flags,
/// upstream, forwarding headers) is a dash.
struct AccessLine {
    /// CLOCK_REALTIME when the head of the request was there.
    var startNs: UInt64
    /// nil: what came was no request.
    var request: AdminRequest?
    var status: UInt16
    var bytesReceived: Int
    var bytesSent: Int
    var durationMs: UInt64

    var text: String {
        func shown(_ text: String?) -> String {
            guard let text, !text.isEmpty else { return "-" }
            return text.visible
        }
        let version = request.map { "HTTP/1.\($0.minorVersion)" }
        return "[\(Self.timestamp(startNs))] "
            + "\"\(shown(request?.method)) \(shown(request?.target)) \(shown(version))\" "
            + "\(status) - \(bytesReceived) \(bytesSent) \(durationMs) - \"-\" "
            + "\"\(shown(request?.userAgent))\" \"-\" \"\(shown(request?.authority))\" \"-\"\n"
    }

    /// `2026-11-23T10:00:00.123Z`.
    static func timestamp(_ ns: UInt64) -> String {
        var seconds = time_t(ns / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 40)
        let length = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let ms = String(1000 + ns / 1_000_000 % 1000).dropFirst()
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self) + ".\(ms)Z"
    }
}
