import Testing

@testable import Proxy

@Suite("Admin pages for browsers")
struct PagesTests {
    let context = FakeContext()

    @Test("Stats as a page: the form says what was asked, the stats are text")
    func stats() {
        context.count("cluster.a<b>&c.upstream_rq_total", 3)
        let answer = context.get("/stats?format=html&filter=%3Cb%3E&usedonly&type=Counters")
        #expect(answer.status == 200 && answer.content == .html)
        #expect(answer.body.contains("<pre id=\"stats\">cluster.a&lt;b&gt;&amp;c.upstream_rq_total: 3\n</pre>"))
        #expect(answer.body.contains("name=\"filter\" value=\"&lt;b&gt;\""))
        #expect(answer.body.contains("name=\"usedonly\" checked>"))
        #expect(!answer.body.contains("name=\"invert_filter\" checked"))
        #expect(answer.body.contains("<option selected>Counters</option>"))
        #expect(context.get("/stats?format=html&filter=(").status == 400)
    }

    @Test("What a request says is never part of the page", arguments: ["html", "active-html"])
    func injection(format: String) {
        let evil = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E'"
        let answer = context.get("/stats?format=\(format)&filter=x%7C\(evil)&\(evil)=\(evil)")
        #expect(answer.status == 200 && answer.content == .html)
        #expect(!answer.body.contains("<script>alert"))
        #expect(answer.body.contains("value=\"x|&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;\""))
    }

    @Test("A node's name is text", arguments: ["/"])
    func home(path: String) {
        context.node.id = "<b>\"'&"
        #expect(context.get(path).body.contains("of node &lt;b&gt;&quot;&#39;&amp;,"))
    }

    @Test("Pages refer to nothing outside and have no handlers in attributes", arguments: ["/", "/stats?format=html"])
    func selfContained(path: String) {
        let body = context.get(path).body
        for word in ["http://", "https://", "//cdn", " onclick", " onchange", " onload", "src="] {
            #expect(!body.contains(word), "\(word)")
        }
    }

    @Test("Every parameter has its control")
    func controls() {
        let body = context.get("/").body
        #expect(body.contains("<input type=\"checkbox\" id=\"drain_listeners-graceful\" name=\"graceful\">"))
        #expect(body.contains("<input type=\"text\" id=\"clusters-filter\" name=\"filter\" value=\"\">"))
        #expect(body.contains("<select id=\"listeners-format\" name=\"format\"><option>text</option>"))
        #expect(body.contains("<form class=\"endpoint\" id=\"quitquitquit\" action=\"quitquitquit\" method=\"post\">"))
    }
}
