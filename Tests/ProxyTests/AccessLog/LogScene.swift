import CLinux
import Glibc
import ProxyConfig

@testable import Proxy

/// A request or connection as a line sees it, without a worker.
final class LogScene {
    let logs: ListenerLogs
    let shares = RuntimeShares()
    let entry: UnsafeMutablePointer<LogEntry>
    var facts = LogFacts()
    private let line = LogLine()

    init(_ formats: [LogFormat], filter: LogFilter? = nil) {
        let place = SourceLocation(file: "f", line: 1, column: 1)
        let all = formats.map { AccessLog(sink: .standardOutput, format: $0, filter: filter, location: place) }
        logs = ListenerLogs(all, sinks: [.standardOutput: 0], shares: shares)!
        entry = .allocate(capacity: 1)
        entry.initialize(to: LogEntry())
        // 2026-11-27T17:35:04.124733999Z
        entry.pointee.reset(
            names: logs.nameCount, startNs: 1_000_000_000, startWallNs: 1_795_800_904_124_733_999)
        facts.endNs = 1_012_900_000
        facts.connectionID = 7
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", 45250)
        facts.remote = PeerAddress(&address)
        // A load balancer, which has said so.
        _ = cl_address_ip(&address, "192.0.2.9", 443)
        facts.direct = PeerAddress(&address)
    }

    convenience init(_ text: String, omitsEmpty: Bool = false, filter: LogFilter? = nil) throws {
        self.init([LogFormat(.text(try LogFormatParser.parse(text)), omitsEmpty: omitsEmpty)], filter: filter)
    }

    deinit {
        entry.pointee.values.free()
        entry.deallocate()
    }

    func set(_ kind: LogNames.Kind, _ name: String, _ value: [UInt8]) {
        let position = Array(name.utf8).withUnsafeBufferPointer { logs.position(kind.rawValue, $0) }
        value.withUnsafeBufferPointer { bytes in
            entry.pointee.values.set(
                position, bytes.baseAddress ?? Bytes("").start, bytes.count)
        }
    }

    func set(_ kind: LogNames.Kind, _ name: String, _ value: String) { set(kind, name, Array(value.utf8)) }

    var passes: Bool { logs.programs[0].filter?.pointee.passes(entry, facts) ?? true }

    var bytes: [UInt8] {
        line.out.clear()
        line.write(logs.programs, entry, facts)
        return Array(UnsafeBufferPointer(start: line.out.bytes, count: line.out.count))
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}
