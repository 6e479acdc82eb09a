import CLinux
import Glibc
import ProxyConfig
import Stats
import Testing

@testable import Proxy

/// A client of an admin server in the same thread, over a socket pair.
final class AdminClient {
    let context = FakeContext()
    let loop: MainLoop
    let server: AdminServer
    private(set) var descriptor: Int32 = -1

    init(accessLogPath: String? = nil) throws {
        loop = try MainLoop()
        server = AdminServer(
            loop: loop, context: context, store: context.store, writer: context.writer,
            log: try Log(level: .off, path: nil),
            accessLogs: accessLogPath.map {
                [AccessLog(sink: .file(path: $0), location: SourceLocation(file: "f", line: 1, column: 1))]
            } ?? [])
        connect()
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { _ = cl_close(descriptor) }
        descriptor = -1
    }

    /// Gives up the client's end without closing it.
    func detach() -> Int32 {
        defer { descriptor = -1 }
        return descriptor
    }

    func connect() {
        close()
        var pair: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        #expect(socketpair(AF_UNIX, type, 0, &pair) == 0)
        descriptor = pair[0]
        server.adopt(pair[1])
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { cl_send(descriptor, $0.baseAddress! + sent, $0.count - sent, 0) }
            if count > 0 { sent += count } else { turn() }
        }
        turn()
    }

    /// Lets the server do what there is to do.
    func turn() {
        var turns = 0
        _ = loop.run(
            until: {
                turns += 1
                return turns > 50
            }, limitMs: 3)
    }

    /// What has come so far, and whether the server has closed.
    ///
    /// - Parameter patience: how many turns without a first byte to wait, where the server has much to read before.
    func read(patience: Int = 3) -> (text: String, ended: Bool) {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        var calm = 0
        while calm < (output.isEmpty ? patience : 3) {
            let count = buffer.withUnsafeMutableBytes { cl_recv(descriptor, $0.baseAddress!, $0.count) }
            if count > 0 {
                output += buffer.prefix(count)
                calm = 0
            } else if count == -Int(EAGAIN) {
                calm += 1
                turn()
            } else {
                return (String(decoding: output, as: UTF8.self), true)
            }
        }
        return (String(decoding: output, as: UTF8.self), false)
    }

    /// What has come so far, with the date taken out.
    func answers(patience: Int = 3) -> String {
        read(patience: patience).text.split(separator: "\r\n", omittingEmptySubsequences: false).map {
            $0.hasPrefix("date: ") ? "date: -" : String($0)
        }.joined(separator: "\r\n")
    }

    func value(_ name: String) -> UInt64 { context.store.value(name) }
}

/// An answer as `AdminClient.answers` shows it.
func answer(
    _ status: String, _ body: String, version: String = "1.1", closes: Bool = false, isHead: Bool = false
) -> String {
    var text = "HTTP/\(version) \(status)\r\ncontent-type: text/plain; charset=UTF-8\r\n"
    text += "cache-control: no-cache, max-age=0\r\nx-content-type-options: nosniff\r\ndate: -\r\nserver: envoy\r\n"
    if closes { text += "connection: close\r\n" }
    guard version == "1.1" else { return text + "content-length: \(body.utf8.count)\r\n\r\n\(body)" }
    text += "transfer-encoding: chunked\r\n\r\n"
    return isHead ? text : text + "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
}
