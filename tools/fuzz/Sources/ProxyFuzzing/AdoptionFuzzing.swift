import CLinux
import Glibc
import HotRestart
import ProxyConfig
import Stats

@testable import Proxy

/// A parent's connections come over: descriptors ahead and the stream of records, in pieces. What can be served is built in
/// workers, what cannot is refused, and all of it is dropped in the end: no descriptor is left.
///
/// Nothing is served: workers would connect to whatever addresses an input names. `HostileConnectionsTests` does that.
///
/// An input begins with a byte of how many descriptors come, one of the size of pieces, one of how many descriptors come
/// ahead and two of how long the record is that names those.
final class AdoptionFuzzing {
    private let mailbox: MainMailbox
    private let pool: WorkerPool
    private let source: Int32

    init() throws {
        let type = "type.googleapis.com/envoy.extensions.filters"
        let sockets = "type.googleapis.com/envoy.extensions.transport_sockets"
        let text = """
            static_resources:
              listeners:
              - name: l
                address: { socket_address: { address: 127.0.0.1, port_value: 10000 } }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": \(type).network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: p
                      route_config:
                        virtual_hosts:
                        - { name: v, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: c } }] }
                      http_filters:
                      - name: envoy.filters.http.router
                        typed_config: { "@type": \(type).http.router.v3.Router }
              - name: t
                address: { socket_address: { address: 127.0.0.1, port_value: 10001 } }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.tcp_proxy
                    typed_config:
                      "@type": \(type).network.tcp_proxy.v3.TcpProxy
                      stat_prefix: t
                      cluster: c
              - name: h
                address: { socket_address: { address: 127.0.0.1, port_value: 10002 } }
                listener_filters:
                - { name: f, typed_config: { "@type": \(type).listener.proxy_protocol.v3.ProxyProtocol } }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.tcp_proxy
                    typed_config: { "@type": \(type).network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c }
              clusters:
              - { name: c }
              - name: p
                transport_socket:
                  name: s
                  typed_config:
                    "@type": \(sockets).proxy_protocol.v3.ProxyProtocolUpstreamTransport
                    transport_socket: { name: r, typed_config: { "@type": \(sockets).raw_buffer.v3.RawBuffer } }
            """
        let loaded = try BootstrapLoader.load(file: ("fuzz.yaml", Array(text.utf8)), inline: nil)
        mailbox = try MainMailbox()
        // Its threads are never started: they are as if parked.
        pool = try WorkerPool(
            configuration: CompiledConfiguration(loaded.bootstrap), store: .heapOnly(), concurrency: 2,
            mailbox: mailbox, log: { _ in })
        var host = cl_address()
        _ = cl_address_ip(&host, "127.0.0.1", 8080)
        for worker in pool.workers {
            for cluster in 0...1 { worker.execute(.hosts(cluster: cluster, [UpstreamHost(address: host)], nil)) }
        }
        source = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        var reader = InputReader(input)
        let before = openDescriptors
        let count = Int(reader.byte() & 31)
        let size = max(Int(reader.byte()) * 8, 1)
        let aheadCount = Int(reader.byte() & 7)
        let ahead = Array(reader.bytes(reader.number(2)))
        let stream = Array(reader.all())
        var problem: String?
        if aheadCount > 0 || !ahead.isEmpty { problem = pool.adoptAhead(ahead, descriptors(aheadCount)) }
        var from = 0
        repeat {
            if problem != nil { break }
            let piece = Array(stream[from..<min(from + size, stream.count)])
            problem = pool.adoptConnections(piece, from == 0 ? descriptors(count) : [])
            from += size
        } while from < stream.count
        var fate = problem
        if problem == nil {
            let (answer, missing) = pool.connectionAnswer()
            // The parent understands it.
            let refused = try AnswerRecord(answer, units: .max).refused
            fate = missing ?? refused.first?.reason ?? "adopted"
        }
        pool.dropConnections()
        mailbox.run()
        precondition(openDescriptors == before, "a descriptor is left open")
        return fate ?? "adopted"
    }

    /// Those of the socket that all are made from: others come and go beside it where tests run at once.
    private var openDescriptors: Int {
        var own = stat()
        var other = stat()
        guard fstat(source, &own) == 0 else { return -1 }
        return (0..<1024).reduce(0) { sum, descriptor in
            guard fstat(Int32(descriptor), &other) == 0 else { return sum }
            return other.st_ino == own.st_ino && other.st_dev == own.st_dev ? sum + 1 : sum
        }
    }

    private func descriptors(_ count: Int) -> [OwnedDescriptor] {
        (0..<count).map { _ in OwnedDescriptor(dup(source)) }
    }
}
