/// From input bytes to responses.
extension Server {
    /// Works through the input as far as the connection's state allows.
    func process(_ c: Connection) {
        while true {
            switch c.state {
            case .head:
                if c.input.isEmpty { return }
                switch Request.parse(c.input.bytes, c.input.count) {
                case .incomplete: return
                case .malformed: return refuse(c)
                case .complete(let request): begin(c, request)
                }
            case .body:
                if !readBody(c) { return }
            case .tunnel:
                c.output.append(c.input.bytes, c.input.count)
                c.input.consume(c.input.count)
                return
            case .closing:
                c.input.consume(c.input.count)
                return
            case .waiting, .hanging, .generating: return
            }
        }
    }

    private func begin(_ c: Connection, _ request: Request) {
        let action = Action(request, c.input.bytes)
        c.request = request
        c.action = action
        if action.isCounted { requests += 1 }
        if case .health = action { checks += 1 }
        if case .headers = action {
            c.head = Array(UnsafeBufferPointer(start: c.input.bytes, count: request.headLength))
        }
        c.input.consume(request.headLength)
        switch action {
        case .reset: return reset(c)
        case .hang:
            c.state = .hanging
            return
        case .health where healthStatus == 0:
            c.state = .hanging
            return
        case .health where healthStatus == 1:
            c.output.append("this is not HTTP\r\n\r\n")
            c.state = .closing
            return
        case .upgrade:
            c.output.append("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ")
            c.output.append(c.request.isWebSocket ? "websocket\r\n\r\n" : "echo\r\n\r\n")
            c.state = .tunnel
            return
        default: break
        }
        if request.expectContinue && request.hasBody { c.output.append("HTTP/1.1 100 Continue\r\n\r\n") }
        if case .echo = action {
            if case .length(let length) = request.body { c.beginResponse(length: length) }
            if case .chunked = request.body { c.beginResponse(length: nil) }
        }
        guard request.hasBody else { return answer(c) }
        c.reader = BodyReader(request.body)
        c.state = .body
    }

    /// Returns false when more input is needed.
    private func readBody(_ c: Connection) -> Bool {
        switch c.reader.next(c.input.bytes, c.input.count) {
        case .data(let offset, let count, let consumed):
            if case .echo = c.action { c.echo(c.input.bytes + offset, count) }
            c.input.consume(consumed)
            return true
        case .more(let consumed):
            c.input.consume(consumed)
            return false
        case .end(let consumed):
            c.input.consume(consumed)
            answer(c)
            return true
        case .malformed:
            refuse(c)
            return false
        }
    }

    /// Answers a request whose body has come completely.
    private func answer(_ c: Connection) {
        c.state = .head
        switch c.action {
        case .hello:
            if helloStatus != 200 {
                c.respond(status: helloStatus, body: helloBody)
                break
            }
            if c.request.persists && !c.request.isHTTP10 && !c.request.isHead {
                return c.output.append(helloResponse)
            }
            c.respond(body: helloBody)
        case .health where healthStatus == 2: c.respond(body: [], field: "x-envoy-degraded: true\r\n")
        case .health: c.respond(status: healthStatus, body: [])
        case .checks: c.respond(body: Array("\(checks)\n".utf8))
        case .unwell: c.respond(body: helloBody, field: "x-envoy-immediate-health-check-fail: true\r\n")
        case .setHealth(let status):
            healthStatus = status
            c.respond(body: helloBody)
        case .setStatus(let status):
            helloStatus = status
            c.respond(body: helloBody)
        case .status(let status): c.respond(status: status, body: helloBody)
        case .bytes(let count): c.beginGenerated(count, chunked: false)
        case .chunked(let count): c.beginGenerated(count, chunked: true)
        case .slow(let milliseconds):
            c.state = .waiting
            return schedule(c, afterMs: milliseconds)
        case .echo: c.endEcho()
        case .headers:
            c.respond(body: c.head)
            c.head = []
        case .close:
            c.request.close = true
            c.respond(body: helloBody)
        case .count: c.respond(body: Array("\(requests)\n".utf8))
        case .reset, .hang, .upgrade: break
        }
        if c.state == .head { finish(c) }
    }

    /// The timer of `/slow` has fired.
    func answerSlow(_ c: Connection) {
        c.respond(body: helloBody)
        finish(c)
        advance(c)
    }

    /// A response is written completely.
    func finish(_ c: Connection) { c.state = c.request.persists ? .head : .closing }

    private func refuse(_ c: Connection) {
        c.request = Request()
        c.request.close = true
        c.respond(status: 400, body: Array("bad request\n".utf8))
        c.state = .closing
    }
}
