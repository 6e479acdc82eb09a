import Testing

@testable import Proxy

@Suite("Admin: logging, memory and what there is nothing of")
struct ServerStateEndpointTests {
    let context = FakeContext()

    @Test(
        "The level changes as it is asked for",
        arguments: [
            ("?level=debug", "debug"), ("?main=trace", "trace"), ("?paths=main:error", "error"),
            ("?paths=main:error,main:off", "off"), ("?level=warning", "warning"), ("", "info"), ("?level=", "info"),
            ("?paths=&level=critical", "critical"),
        ])
    func levels(query: String, level: String) {
        #expect(context.post("/logging\(query)") == .text("active loggers:\n  main: \(level)\n\n"))
        #expect(context.log.level.rawValue == level)
    }

    @Test(
        "What is no level or logger changes nothing",
        arguments: [
            ("?level=loud", "unknown logger level"), ("?admin=debug", "unknown logger name"),
            ("?paths=main", "empty logger level"), ("?paths=main:debug,x:debug", "unknown logger name"),
            ("?level=debug&main=debug", "invalid number of parameters"),
        ])
    func refused(query: String, reason: String) {
        let answer = context.post("/logging\(query)")
        #expect(answer.status == 400)
        #expect(answer.body.hasPrefix("error: \(reason)\n\nusage: /logging?<name>=<level> (change single level)\n"))
        #expect(answer.body.hasSuffix("\nactive loggers:\n  main: info\n\n"))
        #expect(context.log.level == .info)
    }

    @Test("A button's form is a query")
    func form() {
        var request = AdminRequest(method: "POST", target: "/logging")
        request.form = AdminQuery("paths=&level=error")
        #expect(AdminEndpoints.answer(request, context).status == 200)
        #expect(context.log.level == .error)
        request = AdminRequest(method: "POST", target: "/drain_listeners")
        request.form = AdminQuery("graceful=on")
        #expect(AdminEndpoints.answer(request, context).status == 200)
        #expect(context.calls == ["drain true false"])
    }

    @Test("Memory")
    func memory() {
        #expect(
            context.get("/memory")
                == .json(
                    """
                    {
                     "allocated": "30",
                     "heap_size": "100",
                     "pageheap_unmapped": "0",
                     "pageheap_free": "70",
                     "total_thread_cache": "0",
                     "total_physical_bytes": "1000"
                    }

                    """))
    }

    @Test("What there is nothing of, as Envoy says it")
    func nothing() {
        #expect(context.get("/certs") == .json("{\n \"certificates\": []\n}\n"))
        #expect(context.get("/init_dump") == .json("{}\n"))
        #expect(context.get("/contention").status == 200)
    }
}
