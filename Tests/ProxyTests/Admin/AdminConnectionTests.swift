import CLinux
import Glibc
import Testing

@testable import Proxy

@Suite("Admin connections")
struct AdminConnectionTests {
    private let live = answer("200 OK", "LIVE\n")
    private let get = "GET /ready HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("Answers follow each other on one connection")
    func keepAlive() throws {
        let client = try AdminClient()
        for _ in 0..<3 {
            client.send(get)
            #expect(client.answers() == live)
        }
        #expect(client.value("http.admin.downstream_cx_total") == 1)
        #expect(client.value("http.admin.downstream_cx_active") == 1)
        #expect(client.value("listener.admin.downstream_cx_active") == 1)
        #expect(client.value("http.admin.downstream_rq_total") == 3)
        #expect(client.value("http.admin.downstream_rq_2xx") == 3)
        #expect(client.value("http.admin.downstream_rq_active") == 0)
        client.close()
        client.turn()
        #expect(client.value("http.admin.downstream_cx_active") == 0)
        #expect(client.value("http.admin.downstream_cx_destroy") == 1)
    }

    @Test("Requests that come together are answered in order")
    func pipelined() throws {
        let client = try AdminClient()
        client.send(get + "GET /hot_restart_version HTTP/1.1\r\nHost: a\r\n\r\n" + get)
        #expect(client.answers() == live + answer("200 OK", "disabled") + live)
    }

    @Test("A request may come byte by byte")
    func split() throws {
        let client = try AdminClient()
        for character in "POST /reopen_logs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r"
        {
            client.send(String(character))
        }
        // A CRLF is one character, so that the last one is cut here.
        #expect(client.answers() == "")
        client.send("\n" + get)
        #expect(client.answers() == answer("200 OK", "OK\n") + live)
        #expect(client.context.calls == ["reopen"])
    }

    @Test("HTTP/1.0 gets a length and one answer", arguments: ["", "Connection: keep-alive\r\n"])
    func http10(field: String) throws {
        let client = try AdminClient()
        client.send("GET /ready HTTP/1.0\r\n\(field)\r\n" + get)
        #expect(client.answers() == answer("200 OK", "LIVE\n", version: "1.0", closes: true))
        #expect(client.read().ended)
    }

    @Test("Connection: close is obeyed")
    func close() throws {
        let client = try AdminClient()
        client.send("GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get)
        #expect(client.answers() == answer("200 OK", "LIVE\n", closes: true))
        #expect(client.read().ended)
    }

    @Test("HEAD has no body")
    func head() throws {
        let client = try AdminClient()
        client.send("HEAD /ready HTTP/1.1\r\nHost: a\r\n\r\n" + get)
        #expect(client.answers() == answer("200 OK", "", isHead: true) + live)
    }

    @Test("A body is read and dropped")
    func body() throws {
        let client = try AdminClient()
        client.send("POST /reopen_logs HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
        #expect(client.value("http.admin.downstream_rq_active") == 1)
        client.send(String(repeating: "x", count: 200_000) + get)
        #expect(client.answers(patience: 1000) == answer("200 OK", "OK\n") + live)
    }

    @Test("Expect: 100-continue is answered when the body is not there yet")
    func expectContinue() throws {
        let client = try AdminClient()
        client.send("POST /reopen_logs HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        #expect(client.answers() == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send("x")
        #expect(client.answers() == answer("200 OK", "OK\n"))
    }

    @Test(
        "What cannot be served ends the connection",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "Bad Request"),
            ("nonsense\r\n\r\n", "400 Bad Request", "Bad Request"),
            (
                "POST /reopen_logs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "400 Bad Request",
                "Bad Request"
            ),
            (
                "POST /reopen_logs HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", "413 Payload Too Large",
                "Payload Too Large"
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nx: \(String(repeating: "y", count: 61440))\r\n\r\n",
                "431 Request Header Fields Too Large", "Request Header Fields Too Large"
            ),
        ])
    func refused(request: String, status: String, body: String) throws {
        let client = try AdminClient()
        client.send(request)
        #expect(client.answers() == answer(status, body, closes: true))
        #expect(client.read().ended)
        #expect(client.context.calls == [])
        #expect(client.value("http.admin.downstream_rq_4xx") == 1)
        #expect(client.value("http.admin.downstream_rq_active") == 0)
    }

    @Test("A chunked body is bounded too")
    func longChunks() throws {
        let client = try AdminClient()
        client.send("POST /reopen_logs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n")
        client.send(String(repeating: "x", count: (1 << 20) + 1))
        let refusal = answer("413 Payload Too Large", "Payload Too Large", closes: true)
        #expect(client.answers(patience: 1000) == refusal)
        #expect(client.context.calls == [])
    }

    @Test("An answer larger than the socket takes is written as the client reads")
    func slowAdminClient() throws {
        let client = try AdminClient()
        for i in 0..<400 { client.context.count(String(repeating: "long.", count: 800) + "\(i)", 1) }
        client.send("GET /stats HTTP/1.1\r\nHost: a\r\n\r\n" + get)
        let text = client.answers()
        #expect(text.utf8.count > 1_000_000)
        #expect(text.hasSuffix("\r\n0\r\n\r\n" + live))
    }

    @Test("A client that shuts its side gets its answers")
    func halfClosed() throws {
        let client = try AdminClient()
        client.send(get + get)
        _ = cl_shutdown(client.descriptor, Int32(CL_SHUT_WRITE))
        #expect(client.answers() == live + live)
        #expect(client.read().ended)
    }

    @Test("Quitting comes after the answer, or when the client is gone")
    func quit() throws {
        let client = try AdminClient()
        client.send("POST /quitquitquit HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.answers() == answer("200 OK", "OK\n"))
        #expect(client.context.calls == ["quit"])
    }

    @Test("Idle connections are closed after a grace for a request on its way, others after their answer")
    func closeConnections() throws {
        let idle = try AdminClient()
        idle.send(get)
        #expect(idle.answers() == live)
        idle.server.closeConnections()
        #expect(idle.read(patience: 1000).ended)

        let onItsWay = try AdminClient()
        onItsWay.server.closeConnections()
        onItsWay.send(get)
        #expect(onItsWay.answers() == answer("200 OK", "LIVE\n", closes: true))
        #expect(onItsWay.read(patience: 1000).ended)

        let busy = try AdminClient()
        busy.send("POST /reopen_logs HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        busy.server.closeConnections()
        busy.send("x")
        #expect(busy.answers() == answer("200 OK", "OK\n", closes: true))
        #expect(busy.read().ended)
    }

    @Test("A client that does not read holds nobody up")
    func stuckAdminClient() throws {
        let client = try AdminClient()
        for i in 0..<400 { client.context.count(String(repeating: "long.", count: 800) + "\(i)", 1) }
        let stuck = client.detach()
        defer { _ = cl_close(stuck) }
        let request = Array("GET /stats HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        #expect(request.withUnsafeBytes { cl_send(stuck, $0.baseAddress!, $0.count, 0) } == request.count)
        client.turn()
        client.connect()
        client.send(get)
        #expect(client.answers() == live)
        // Gone in the middle of its answer: the connection ends, the server goes on.
        _ = cl_shutdown(stuck, Int32(CL_SHUT_BOTH))
        client.turn()
        #expect(client.value("http.admin.downstream_cx_destroy") == 1)
        client.send(get)
        #expect(client.answers() == live)
    }

    @Test("Requests are logged, and the log is opened anew when asked")
    func accessLog() throws {
        var name = Array("/tmp/admin-access-XXXXXX".utf8CString)
        let made = mkstemp(&name)
        _ = cl_close(made)
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        let client = try AdminClient(accessLogPath: path)
        client.send("GET /ready HTTP/1.1\r\nHost: a\r\nUSER-agent: u\r\n\r\n")
        unlink(path)
        client.server.reopenAccessLog()
        client.send("GET /nope?x HTTP/1.1\r\nHost: a\r\nUSER-agent: u\r\n\r\n")
        let file = cl_open(path, O_RDONLY, 0)
        defer { _ = cl_close(file) }
        var buffer = [UInt8](repeating: 0, count: 1000)
        let count = buffer.withUnsafeMutableBytes { cl_read(file, $0.baseAddress!, $0.count) }
        let text = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        #expect(text.split(separator: "\n").count == 1)
        #expect(text.contains("] \"GET /nope?x HTTP/1.1\" 404 - 0 "))
        #expect(text.hasSuffix(" - \"-\" \"u\" \"-\" \"a\" \"-\"\n"))
    }

    @Test("There is a limit of connections")
    func limit() throws {
        let client = try AdminClient()
        var open: [Int32] = []
        defer { for descriptor in open { _ = cl_close(descriptor) } }
        // Both ends of a thousand pairs may be more descriptors than this process may have: a limit of its own.
        var limits = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
        guard limits.rlim_cur > 3000 else { return }
        for _ in 0..<AdminServer.maxConnections {
            var pair: [Int32] = [-1, -1]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
            open.append(pair[0])
            client.server.adopt(pair[1])
        }
        #expect(client.value("http.admin.downstream_cx_active") == 1000)
        #expect(client.value("listener.admin.downstream_cx_overflow") == 1)
    }

    @Test("Connections are accepted until told otherwise, and the open ones go on")
    func accepting() throws {
        let client = try AdminClient()
        var local = address("127.0.0.1", 0)
        let listening = cl_socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = cl_close(listening) }
        #expect(cl_bind(listening, &local) >= 0)
        #expect(cl_listen(listening, 16) >= 0)
        local = try #require(SocketAddress.local(of: listening))
        try client.server.serve(listening)
        func connect() -> Int32 {
            let descriptor = cl_socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = cl_connect(descriptor, &local)
            client.turn()
            return descriptor
        }
        let first = connect()
        defer { _ = cl_close(first) }
        #expect(client.value("http.admin.downstream_cx_total") == 2)
        client.server.stopAccepting()
        let second = connect()
        defer { _ = cl_close(second) }
        #expect(client.value("http.admin.downstream_cx_total") == 2)
        client.send(get)
        #expect(client.answers() == live)
        try client.server.serve(listening)
        client.turn()
        #expect(client.value("http.admin.downstream_cx_total") == 3)
    }
}
