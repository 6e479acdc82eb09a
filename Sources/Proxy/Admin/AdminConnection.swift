import CLinux
import Glibc

/// One connection of the admin listener. Requests are answered one after the other; while an answer waits for the client
/// nothing more is read, so that a slow one costs at most one answer of memory and never the main thread's time.
final class AdminConnection {
    private enum Phase {
        case head
        /// A request whose body is read, and dropped unless it is a form.
        case body(AdminRequest, BodyDecoder, received: Int)
        /// The body of the answer is made by another thread.
        case streaming(BodyStream, Answer)
        /// The last answer is given: it is written, and then the connection ends.
        case last
        /// All is written and our side is shut; what the client still sends is dropped.
        case lingering
        case closed
    }

    /// What is told of an answer when all of it is there.
    private struct Answer {
        var request: AdminRequest?
        var status: UInt16
        var received: Int
        var isChunked: Bool
        var closes: Bool
        /// Bytes of its body so far.
        var sent = 0
        var fields: [AdminRequest.Field] = []
    }

    static let bodyLimit = 1 << 20
    static let limits = HeadLimits(bytes: 60 * 1024, fields: 100)
    /// How long a client may take to close after the last answer (Envoy's `delayed_close_timeout`).
    private static let lingerMs: UInt64 = 1000
    /// How long a connection that is to end waits for a request that is on its way.
    private static let graceMs: UInt64 = 200

    let descriptor: Int32
    /// Its number, for access logs.
    var id: UInt64 = 0
    /// CLOCK_MONOTONIC of the last event.
    private(set) var lastEventNs = cl_monotonic_ns()
    private unowned let server: AdminServer
    private var phase = Phase.head
    private var input: [UInt8] = []
    /// Bytes of `input` that are used up.
    private var consumed = 0
    private var output: [UInt8] = []
    /// Bytes of `output` that the socket took.
    private var written = 0
    /// The body of the request, if it is a form.
    private var form: [UInt8] = []
    private var inputEnded = false
    /// The next answer is the last.
    private var isEnding = false
    private var afterwards: AdminResponse.Afterwards?
    private var lingering: MainTimer?
    private var grace: MainTimer?
    private var startRealNs: UInt64 = 0
    private var startNs: UInt64 = 0
    /// The events that are watched.
    private var interest: UInt32 = 0

    init(_ descriptor: Int32, server: AdminServer) {
        self.descriptor = descriptor
        self.server = server
    }

    private var hasOutput: Bool { written < output.count }

    private var isClosed: Bool {
        if case .closed = phase { true } else { false }
    }

    /// Whether no request is under way.
    private var isIdle: Bool {
        if case .head = phase { !hasOutput && consumed == input.count } else { false }
    }

    func start() { watch() }

    /// Closes after the answer; when nothing is under way, after a short grace for a request that is on its way.
    func end() {
        isEnding = true
        guard isIdle else { return }
        receive()
        work()
        guard !isClosed, isIdle, grace == nil else { return }
        grace = server.loop.after(ms: Self.graceMs) { [weak self] in
            guard let self, isIdle else { return }
            close()
        }
    }

    // MARK: Events

    private func ready(_ events: UInt32) {
        lastEventNs = cl_monotonic_ns()
        if case .streaming = phase, !hasOutput, events & (Epoll.hangUp | Epoll.error) != 0 { return close() }
        if hasOutput { flush() } else if events & Epoll.readable != 0 { receive() }
        work()
    }

    private func watch() {
        guard !isClosed else { return }
        var wanted = hasOutput ? Epoll.output : Epoll.input
        // Nothing is read meanwhile; the kernel tells all the same when the client has gone.
        if case .streaming = phase, !hasOutput { wanted = 0 }
        guard wanted != interest else { return }
        do {
            try server.loop.watch(descriptor, wanted) { [weak self] in self?.ready($0) }
            interest = wanted
        } catch {
            server.log.warning("admin: \(error)")
            close()
        }
    }

    private func receive() {
        let count = server.receive(from: descriptor)
        if count > 0 {
            if case .lingering = phase { return }
            input.append(contentsOf: server.scratch.prefix(count))
        } else if count == 0 {
            inputEnded = true
        } else if count != -Int(EAGAIN) {
            close()
        }
    }

    /// Answers what is there, as long as the client takes the answers.
    private func work() {
        while !hasOutput, step() {}
        if isClosed { return }
        input.removeFirst(consumed)
        consumed = 0
        if !hasOutput {
            switch phase {
            case .last where !inputEnded: linger()
            case .closed: break
            // A client that has shut its side may still read.
            case .streaming: break
            default: if inputEnded { close() }
            }
        }
        watch()
    }

    // MARK: Requests

    /// Takes the next part of the input; returns whether there was one.
    private func step() -> Bool {
        switch phase {
        case .head: return readHead()
        case .body(let request, var decoder, let received): return readBody(request, &decoder, received)
        case .streaming(let stream, let answer): return sendPiece(stream, answer)
        case .last, .lingering, .closed: return false
        }
    }

    private func readHead() -> Bool {
        guard consumed < input.count else { return false }
        let result = input.withUnsafeBufferPointer { bytes in
            server.head.parseRequest(bytes.baseAddress! + consumed, bytes.count - consumed, limits: Self.limits)
        }
        switch result {
        case .incomplete: return false
        case .failed(let error):
            begin()
            refuse(error == .headTooLarge || error == .tooManyHeaders ? 431 : 400, nil)
        case .complete(let length):
            // The head points into the input: nothing may move before this.
            let request = input.withUnsafeBufferPointer { bytes in
                server.head.base = bytes.baseAddress! + consumed
                return AdminRequest(server.head)
            }
            consumed += length
            begin()
            if server.head.framing == .length, server.head.contentLength > UInt64(Self.bodyLimit) {
                refuse(413, request)
                return true
            }
            let decoder = BodyDecoder(framing: server.head.framing, length: server.head.contentLength)
            phase = .body(request, decoder, received: 0)
            if server.head.expectContinue, !decoder.isDone, consumed == input.count {
                send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            }
        }
        return true
    }

    private func readBody(_ request: AdminRequest, _ decoder: inout BodyDecoder, _ received: Int) -> Bool {
        if decoder.isDone {
            answer(request, received)
            return true
        }
        guard consumed < input.count else { return false }
        var received = received
        let step = input.withUnsafeBufferPointer { decoder.next($0.baseAddress! + consumed, $0.count - consumed) }
        switch step {
        case .data(let offset, let count, let used):
            if request.isForm { form += input[(consumed + offset)..<(consumed + offset + count)] }
            consumed += used
            received += count
        case .trailer(_, _, let used), .needMore(let used), .end(let used): consumed += used
        case .failed:
            refuse(400, request)
            return true
        }
        phase = .body(request, decoder, received: received)
        if received > Self.bodyLimit { refuse(413, request) }
        return true
    }

    private func begin() {
        startNs = cl_monotonic_ns()
        startRealNs = cl_realtime_ns()
        server.stats.requestStarted()
    }

    private func answer(_ request: AdminRequest, _ received: Int) {
        var request = request
        if request.isForm { request.form = AdminQuery(String(decoding: form, as: UTF8.self)) }
        form = []
        let response = server.answer(request)
        reply(response, request, received, closes: isEnding || !request.keepsAlive)
    }

    /// An answer after which nothing that comes can be understood.
    private func refuse(_ status: UInt16, _ request: AdminRequest?) {
        reply(.refused(status), request, 0, closes: true)
    }

    private func reply(_ response: AdminResponse, _ request: AdminRequest?, _ received: Int, closes: Bool) {
        let isHead = request?.method == "HEAD"
        var response = response
        var answer = Answer(
            request: request, status: response.status, received: received,
            isChunked: (request?.minorVersion ?? 1) >= 1, closes: closes)
        if isHead { response.maker = nil }
        var stream: BodyStream?
        if let maker = response.maker {
            do throws(SystemError) {
                stream = try server.start(maker, for: self)
            } catch {
                server.log.warning("admin: \(error)")
                response = .refused(503)
                answer.status = 503
            }
        }
        afterwards = response.afterwards
        let bytes = response.encoded(
            minorVersion: request?.minorVersion ?? 1, isHead: isHead, closes: closes,
            date: AdminResponse.date(time(nil)))
        if server.logsAccess { answer.fields = AdminResponse.fields(of: bytes) }
        if let stream {
            phase = .streaming(stream, answer)
        } else {
            answer.sent = isHead ? 0 : response.body.utf8.count
            phase = closes ? .last : .head
            finished(answer)
        }
        send(bytes)
    }

    private func finished(_ answer: Answer) {
        server.stats.requestAnswered(answer.status)
        guard server.logsAccess else { return }
        var line = AccessLine(
            startNs: startRealNs, request: answer.request, status: answer.status, bytesReceived: answer.received,
            bytesSent: answer.sent, durationMs: (cl_monotonic_ns() &- startNs) / 1_000_000)
        line.fields = answer.fields
        line.remote = PeerAddress(peerOf: descriptor)
        line.local = SocketAddress.local(of: descriptor) ?? cl_address()
        line.connectionID = id
        server.logAccess(line)
    }

    /// The thread that makes the body has something.
    func pieceIsThere() {
        guard case .streaming = phase else { return }
        lastEventNs = cl_monotonic_ns()
        work()
    }

    /// Sends the next piece of a body; returns whether there was one.
    private func sendPiece(_ stream: BodyStream, _ answer: Answer) -> Bool {
        var answer = answer
        switch stream.next() {
        case .later: return false
        case .piece(let piece):
            answer.sent += piece.count
            phase = .streaming(stream, answer)
            send(answer.isChunked ? AdminResponse.chunk(piece) : piece)
        case .end:
            phase = answer.closes || isEnding ? .last : .head
            server.streamEnded()
            finished(answer)
            if answer.isChunked { send(AdminResponse.chunk([])) }
        }
        return true
    }

    // MARK: Output and end

    private func send(_ bytes: [UInt8]) {
        output = bytes
        written = 0
        flush()
    }

    private func flush() {
        while hasOutput {
            let count = output.withUnsafeBytes { cl_send(descriptor, $0.baseAddress! + written, $0.count - written, 0) }
            if count == -Int(EAGAIN) { return }
            guard count > 0 else { return close() }
            written += count
        }
        output = []
        written = 0
        // `end` may have come while the answer was on its way.
        if isEnding, case .head = phase { phase = .last }
        runAfterwards()
    }

    private func runAfterwards() {
        guard let action = afterwards else { return }
        afterwards = nil
        server.perform(action)
    }

    /// Closing with unread input would make the kernel reset the connection and the client lose the answer: so our side
    /// is shut, and the client's end is waited for.
    private func linger() {
        phase = .lingering
        _ = cl_shutdown(descriptor, Int32(CL_SHUT_WRITE))
        lingering = server.loop.after(ms: Self.lingerMs) { [weak self] in self?.close() }
    }

    /// The server goes: nobody waits for a body any more.
    func abandon() { if case .streaming(let stream, _) = phase { stream.cancel() } }

    func close() {
        guard !isClosed else { return }
        switch phase {
        case .body: server.stats.requestLost()
        case .streaming(let stream, let answer):
            stream.cancel()
            server.streamEnded()
            finished(answer)
        default: break
        }
        phase = .closed
        lingering?.cancel()
        grace?.cancel()
        input = []
        form = []
        consumed = 0
        output = []
        written = 0
        server.closed(self)
        // A client that does not wait for its answer has still asked.
        runAfterwards()
    }
}
