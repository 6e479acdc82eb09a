import CCares
import CLinux
import Glibc
import ProxyConfig

@testable import Proxy

/// What is ours of DNS: the list that c-ares answers with becomes addresses of hosts; texts become addresses and back.
/// c-ares itself, which reads what comes from the network, is not fuzzed here.
enum AddressFuzzing {
    static func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        var reader = InputReader(input)
        if reader.byte() & 1 != 0 { return literal(reader.all()) }
        let status = reader.byte() < 200 ? Int32(ARES_SUCCESS) : Int32(reader.byte())
        let port = UInt16(reader.number(2))
        var memory: [UnsafeMutableRawPointer] = []
        defer { for block in memory { free(block) } }
        var first: UnsafeMutablePointer<ares_addrinfo_node>?
        var nodes = 0
        while !reader.isEmpty, nodes < 64 {
            nodes += 1
            guard let node = calloc(1, MemoryLayout<ares_addrinfo_node>.size) else { break }
            memory.append(node)
            let typed = node.bindMemory(to: ares_addrinfo_node.self, capacity: 1)
            let length = reader.byte()
            let ttl = Int32(truncatingIfNeeded: reader.number(4))
            let content = reader.bytes(Int(length))
            if length > 0, let address = malloc(max(content.count, 2)) {
                memory.append(address)
                memset(address, 0, max(content.count, 2))
                if let base = content.baseAddress { memcpy(address, base, content.count) }
                typed.pointee.ai_addr = address.bindMemory(to: sockaddr.self, capacity: 1)
                typed.pointee.ai_addrlen = ares_socklen_t(content.count)
            }
            typed.pointee.ai_ttl = ttl
            typed.pointee.ai_next = first
            first = typed
        }
        var info = ares_addrinfo()
        info.nodes = first
        let answer = withUnsafeMutablePointer(to: &info) { Resolver.answer(status, nodes == 0 ? nil : $0, port) }
        switch answer {
        case .empty: return "empty"
        case .failed: return "failed"
        case .addresses(let addresses, let ttl):
            precondition(!addresses.isEmpty && addresses.count <= nodes && ttl <= UInt32(Int32.max))
            for address in addresses { check(address, port) }
            return "addresses"
        }
    }

    private static func check(_ address: cl_address, _ port: UInt16) {
        precondition(SocketAddress.port(address) == port, "another port")
        let host = SocketAddress.host(address)
        guard let again = SocketAddress.make(.socket(host: host, port: port)) else {
            preconditionFailure("\(host) is no address")
        }
        precondition(SocketAddress.text(again) == SocketAddress.text(address), "\(host) is another address")
    }

    private static func literal(_ text: UnsafeBufferPointer<UInt8>) -> String {
        let text = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        if let path = SocketAddress.make(.pipe(path: text)) {
            precondition(SocketAddress.host(path) == text, "another path")
        }
        guard let address = SocketAddress.make(.socket(host: text, port: 80)) else { return "no literal" }
        precondition(SocketAddress.isLiteral(text))
        check(address, 80)
        return "literal"
    }
}
