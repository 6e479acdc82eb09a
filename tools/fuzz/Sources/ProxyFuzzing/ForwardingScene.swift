import CLinux
import ProxyConfig
import Stats

@testable import Proxy

/// A worker that writes heads as they go on, and has no sockets.
final class ForwardingScene {
    private let pool: WorkerPool
    private let mailbox: MainMailbox
    private let worker: Worker
    private let downstream: Int32
    private let upstream: Int32
    private let stream: Int32
    /// What was written is parsed with it.
    private var again = MessageHead(capacity: 200)
    private static let limits = HeadLimits(bytes: 1 << 20, fields: 200)

    init() throws {
        let text = Self.configuration
        let loaded = try BootstrapLoader.load(file: ("fuzz.yaml", Array(text.utf8)), inline: nil)
        mailbox = try MainMailbox()
        pool = try WorkerPool(
            configuration: CompiledConfiguration(loaded.bootstrap), store: .heapOnly(), concurrency: 1,
            mailbox: mailbox, log: { _ in })
        worker = pool.workers[0]
        downstream = worker.connections.take()
        upstream = worker.connections.take()
        stream = worker.streams.take()
    }

    private static let configuration: String = {
        let type = "type.googleapis.com/envoy.extensions.filters"
        let listeners: [(lines: [String], routes: [String])] = [
            (
                [
                    "http_protocol_options: { accept_http_10: true, default_host_for_http_10: old.example, enable_trailers: true }",
                    "upgrade_configs: [{ upgrade_type: websocket }, { upgrade_type: CONNECT }]",
                ],
                [
                    "{ match: { connect_matcher: {} }, route: { cluster: c } }",
                    "{ match: { prefix: /a }, route: { cluster: c, prefix_rewrite: /b/, host_rewrite_literal: new.example } }",
                    "{ match: { prefix: / }, route: { cluster: c, timeout: 0s } }",
                ]
            ),
            (
                [
                    "use_remote_address: true", "via: \"1.1 fuzz\"", "server_header_transformation: PASS_THROUGH",
                    "preserve_external_request_id: true",
                ], ["{ match: { prefix: / }, route: { cluster: c } }"]
            ),
        ]
        var text = "static_resources:\n  listeners:\n"
        for (i, listener) in listeners.enumerated() {
            text += """
                  - name: l\(i)
                    address: { socket_address: { address: 127.0.0.1, port_value: \(10000 + i) } }
                    filter_chains:
                    - filters:
                      - name: envoy.filters.network.http_connection_manager
                        typed_config:
                          "@type": \(type).network.http_connection_manager.v3.HttpConnectionManager
                          stat_prefix: p
                \(listener.lines.map { "          " + $0 + "\n" }.joined())\
                          route_config:
                            virtual_hosts:
                            - { name: v, domains: ["*"], routes: [\(listener.routes.joined(separator: ", "))] }
                          http_filters:
                          - name: envoy.filters.http.router
                            typed_config: { "@type": \(type).http.router.v3.Router }

                """
        }
        return text + "  clusters:\n  - { name: c }\n"
    }()

    private func prepare(_ listener: Int32, _ method: Method) -> (ConnectionPointer, StreamPointer) {
        let c = worker.connections[downstream]
        c.pointee.kind = .downstreamHTTP
        c.pointee.listener = listener
        c.pointee.stream = stream
        var address = cl_address()
        _ = cl_address_ip(&address, "192.0.2.1", 4000)
        c.pointee.remote = PeerAddress(&address)
        let s = worker.streams[stream]
        s.pointee = Stream()
        s.pointee.downstream = downstream
        s.pointee.upstream = upstream
        s.pointee.method = method
        s.pointee.cluster = 0
        worker.out.clear()
        return (c, s)
    }

    private var written: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: worker.out.bytes, count: worker.out.count)
    }

    // MARK: Requests

    /// A request that was accepted goes upstream: one that is as well-formed, to the same host, with the same framing, and
    /// with no field that the client did not send and the proxy does not add.
    func pass(_ head: MessageHead, _ how: UInt8) -> String {
        var head = head
        let listener = Int32(how & 1)
        let compiled = worker.snapshot.listeners + Int(listener)
        if head.minorVersion == 0 {
            guard compiled.pointee.acceptHTTP10 else { return "old" }
        }
        let target = HeadRules.text(head, head.target, head.targetLength)
        if target.contains(UInt8(ascii: "#")) { return "fragment" }
        let (c, s) = prepare(listener, head.method)
        let isConnect = head.method == .connect
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        let table = compiled.pointee.routes?.takeUnretainedValue()
        var authority = Bytes(head.base + Int(head.authority), Int(head.authorityLength))
        if authority.count == 0 { authority = compiled.pointee.defaultHost }
        let found =
            isConnect
            ? table?.findConnect(authority: authority.start, authority.count)
            : table?.find(
                authority: authority.start, authority.count, path: head.base + Int(head.target), path.count)
        guard let found else { return "no route" }
        let route = found.pointee
        var isUpgrade = false
        if isConnect || head.connectionUpgrade && head.upgradeField >= 0 && !worker.isHTTP2Upgrade(&head) {
            guard worker.upgradeAllowed(compiled, route, isConnect ? Bytes("connect") : worker.upgradeToken(&head))
            else { return "no upgrade" }
            s.pointee.flags.insert(.upgrade)
            isUpgrade = !isConnect
        }
        worker.writeRequestHead(c, s, &head, found)

        let copy = ExactCopy(written)
        guard case .complete(copy.count) = again.parseRequest(copy.bytes, copy.count, limits: Self.limits) else {
            preconditionFailure("what was written upstream is no request")
        }
        HeadRules.check(again, length: copy.count, count: copy.count)
        precondition(again.method == head.method && again.minorVersion == 1)
        precondition(again.present.contains(.host), "no host")
        if route.hostRewrite == nil, route.otherHost == nil, head.authorityLength > 0 {
            let host = HeadRules.text(again, again.authority, again.authorityLength)
            precondition(host.elementsEqual(HeadRules.text(head, head.authority, head.authorityLength)), "another host")
        }
        precondition(again.framing == head.framing && again.contentLength == head.contentLength, "another framing")
        checkFields(of: head, isUpgrade: isUpgrade)
        for id in [HeaderID.keepAlive, .proxyConnection, .http2Settings] {
            precondition(!again.present.contains(id), "a field of the connection goes upstream")
        }
        return "passed on"
    }

    /// Fields that mean nothing to the proxy go on as they are, in their order, and no others.
    private func checkFields(of head: MessageHead, isUpgrade: Bool) {
        var next = 0
        for i in 0..<again.count where again.fields[i].id == .other {
            let field = again.fields[i]
            while next < head.count, head.fields[next].id != .other || head.fields[next].isNominated { next += 1 }
            precondition(next < head.count, "a field out of nowhere")
            let original = head.fields[next]
            let name = HeadRules.text(head, original.name, original.nameLength).map(ASCII.lower)
            precondition(HeadRules.text(again, field.name, field.nameLength).elementsEqual(name), "another name")
            let value = HeadRules.text(head, original.value, original.valueLength)
            precondition(HeadRules.text(again, field.value, field.valueLength).elementsEqual(value), "another value")
            next += 1
        }
        while next < head.count {
            precondition(head.fields[next].id != .other || head.fields[next].isNominated, "a field is lost")
            next += 1
        }
        if !isUpgrade {
            precondition(!again.present.contains(.upgrade) && !again.connectionUpgrade, "an upgrade nobody asked for")
        }
    }

    // MARK: Responses

    /// The same of a response that goes downstream.
    func answer(_ head: MessageHead, _ method: Method, _ how: UInt8) -> String {
        if head.status < 200, head.status != 101 { return "interim" }
        let (_, s) = prepare(Int32(how & 1), method)
        if how & 2 != 0 { s.pointee.flags.insert(.http10) }
        if how & 4 != 0 { s.pointee.flags.insert(.requestEnded) }
        if how & 8 != 0 { s.pointee.flags.insert(.closeDownstream) }
        // A CONNECT goes upstream as an upgrade only.
        if method == .connect {
            s.pointee.flags.insert([.upgrade, .connect])
        } else if how & 16 != 0 {
            s.pointee.flags.insert(.upgrade)
        }
        let isTunnel = worker.makesTunnel(s, head.status)
        if head.status == 101, !isTunnel { return "no upgrade" }
        worker.responseHead.pointee = head
        worker.startResponse(upstream, worker.connections[upstream], s)
        // Stats of rare codes.
        mailbox.run()

        let copy = ExactCopy(written)
        let result = again.parseResponse(copy.bytes, copy.count, limits: Self.limits, requestMethod: method)
        guard case .complete(copy.count) = result else { preconditionFailure("what was written is no response") }
        HeadRules.check(again, length: copy.count, count: copy.count)
        precondition(again.status == head.status, "another status")
        checkFields(of: head, isUpgrade: isTunnel)
        precondition(!again.present.contains(.keepAlive) && !again.present.contains(.proxyConnection))
        if isTunnel { return "tunnel" }
        let flags = s.pointee.flags
        precondition(!again.present.contains(.connection) || again.connectionClose == flags.contains(.closeDownstream))
        switch head.framing {
        case .none, .length:
            precondition(again.framing == head.framing && again.contentLength == head.contentLength, "another framing")
        case .chunked, .untilClose:
            let wanted: BodyFraming = flags.contains(.http10) ? .untilClose : .chunked
            precondition(again.framing == wanted, "another framing")
            precondition(wanted == .chunked || flags.contains(.closeDownstream), "the end is never told")
        }
        return "answered"
    }
}
