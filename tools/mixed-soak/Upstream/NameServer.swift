import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// A DNS server (RFC 1035) on the loopback that knows A records of a few names, which change.
final class NameServer: Sendable {
    private struct State {
        var addresses: [String: [[UInt8]]] = [:]
        var queries = 0
        /// Queries are answered with SERVFAIL.
        var fails = false
        var isOver = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    init(_ address: cl_address) throws {
        var address = address
        descriptor = cl_socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let rc = cl_bind(descriptor, &address)
        guard rc == 0 else { throw Trouble.wrong("the name server cannot listen: \(Wire.text(Int(rc)))") }
        Thread { self.run() }.detach()
    }

    /// What `name` resolves to from now on; four bytes each.
    func set(_ name: String, _ addresses: [[UInt8]]) { state.withLock { $0.addresses[name] = addresses } }

    var fails: Bool {
        get { state.withLock { $0.fails } }
        set { state.withLock { $0.fails = newValue } }
    }

    var queries: Int { state.withLock { $0.queries } }

    func end() { state.withLock { $0.isOver = true } }

    private func run() {
        var buffer = [UInt8](repeating: 0, count: 1500)
        while state.withLock({ !$0.isOver }) {
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 100) > 0 else { continue }
            var peer = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            withUnsafeMutablePointer(to: &peer) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { peer in
                    let n = recvfrom(descriptor, &buffer, buffer.count, 0, peer, &length)
                    guard n > 0, let reply = reply(to: Array(buffer[..<n])) else { return }
                    _ = sendto(descriptor, reply, reply.count, 0, peer, length)
                }
            }
        }
        _ = cl_close(descriptor)
    }

    /// The response to one query; nil where it cannot be read.
    func reply(to query: [UInt8]) -> [UInt8]? {
        guard query.count > 16, query[4] == 0, query[5] == 1 else { return nil }
        var labels: [String] = []
        var at = 12
        while at < query.count, query[at] > 0 {
            let length = Int(query[at])
            guard length < 64, at + 1 + length < query.count else { return nil }
            labels.append(String(decoding: query[(at + 1)...(at + length)], as: UTF8.self).lowercased())
            at += 1 + length
        }
        guard at + 5 <= query.count else { return nil }
        let isA = query[at + 1] == 0 && query[at + 2] == 1
        let name = labels.joined(separator: ".")
        let (addresses, fails) = state.withLock { state -> ([[UInt8]]?, Bool) in
            state.queries += 1
            return (state.addresses[name], state.fails)
        }
        let known = isA ? addresses ?? [] : []
        // NOERROR, SERVFAIL, NXDOMAIN.
        let code: UInt8 = fails ? 2 : addresses == nil ? 3 : 0
        var reply = Array(query[..<2]) + [0x81, 0x80 | code, 0, 1, 0, fails ? 0 : UInt8(known.count), 0, 0, 0, 0]
        reply += query[12..<(at + 5)]
        if fails { return reply }
        for address in known {
            // A pointer to the name, type A, class IN, a second to live.
            reply += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4] + address
        }
        return reply
    }
}
