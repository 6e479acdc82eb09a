/// What tests with the PROXY protocol are made of: lines of configurations, and headers.
enum ProxyProtocolScene {
    private static let filterType =
        "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"
    private static let socketType =
        "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
    private static let rawType = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"

    /// Lines of a listener.
    static func filter(_ fields: String..., timeout: String? = nil) -> [String] {
        let config = (["\"@type\": \(filterType)"] + fields).joined(separator: ", ")
        let filter = "listener_filters: [{ name: proxy, typed_config: { \(config) } }]"
        return [filter] + (timeout.map { ["listener_filters_timeout: \($0)"] } ?? [])
    }

    /// A line of a cluster.
    static func socket(_ version: String) -> String {
        let raw = "{ name: raw, typed_config: { \"@type\": \(rawType) } }"
        let config = "{ \"@type\": \(socketType), config: { version: \(version) }, transport_socket: \(raw) }"
        return "transport_socket: { name: proxy, typed_config: \(config) }"
    }

    /// Lines of a filter: one line of a log for each request or connection, with both ends of it.
    static func log(_ path: String) -> [String] {
        let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
        let format =
            "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %BYTES_RECEIVED%\\n"
        return [
            "access_log:",
            "- name: text",
            "  typed_config: { \"@type\": \(type), path: \(path),",
            "    log_format: { text_format_source: { inline_string: \"\(format)\" } } }",
        ]
    }

    static let signature: [UInt8] = Array("\r\n\r\n\0\r\nQUIT\n".utf8)

    /// Version 2.
    static func binary(_ command: UInt8, _ family: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
    }

    /// 203.0.113.7:1111 to 198.51.100.1:2222, with entries behind it.
    static func binaryIPv4(_ entries: [UInt8] = []) -> [UInt8] {
        binary(0x21, 0x11, [203, 0, 113, 7, 198, 51, 100, 1, 4, 0x57, 8, 0xAE] + entries)
    }

    static let line = "PROXY TCP4 203.0.113.7 198.51.100.1 1111 2222\r\n"
    static let lineIPv6 = "PROXY TCP6 2001:db8::7 2001:db8::1 1111 2222\r\n"
    static let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    static let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
}

extension Client {
    /// Serves a request as an upstream; returns what it was.
    @discardableResult
    func serve() throws -> Request {
        let request = try request()
        try send(ProxyProtocolScene.answer)
        return request
    }
}
