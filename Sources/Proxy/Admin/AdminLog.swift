import CLinux
import Glibc
import ProxyConfig

/// The admin listener's access logs, on the main thread: the same formats and filters as those of listeners.
final class AdminLog {
    private let logs: ListenerLogs
    /// By position of the sink; nil: it cannot be opened.
    private var outputs: [LogOutput?] = []
    private let line = LogLine()
    private let entry: UnsafeMutablePointer<LogEntry>

    /// - Parameters:
    ///   - shares: where filters get numbers that the runtime may change.
    ///   - failed: is told of files that cannot be opened.
    /// Nil: there is none.
    init?(_ configured: [AccessLog], shares: RuntimeShares, failed: (SystemError) -> Void) {
        var sinks: [LogSink: Int] = [:]
        for log in configured where sinks[log.sink] == nil { sinks[log.sink] = sinks.count }
        guard let logs = ListenerLogs(configured, sinks: sinks, shares: shares) else { return nil }
        self.logs = logs
        entry = .allocate(capacity: 1)
        entry.initialize(to: LogEntry())
        outputs = Array(repeating: nil, count: sinks.count)
        for (sink, position) in sinks {
            do throws(SystemError) {
                outputs[position] = try Self.open(sink)
            } catch {
                failed(error)
            }
        }
    }

    deinit {
        entry.pointee.values.free()
        entry.deallocate()
    }

    private static func open(_ sink: LogSink) throws(SystemError) -> LogOutput {
        switch sink {
        case .file(let path): try LogOutput(path: path)
        case .standardOutput: LogOutput(descriptor: 1)
        case .standardError: LogOutput(descriptor: 2)
        }
    }

    /// Opens files anew, after a rotation has renamed them.
    func reopen(failed: (SystemError) -> Void) {
        for output in outputs {
            do throws(SystemError) {
                try output?.reopen()
            } catch {
                failed(error)
            }
        }
    }

    func write(_ access: AccessLine) {
        for (sink, bytes) in lines(of: access) { outputs[sink]?.write(bytes) }
    }

    /// With the positions of their sinks.
    func lines(of access: AccessLine) -> [(sink: Int, bytes: [UInt8])] {
        let facts = note(access)
        var lines: [(sink: Int, bytes: [UInt8])] = []
        for i in 0..<logs.programCount {
            let program = logs.programs + i
            if let filter = program.pointee.filter, !filter.pointee.passes(entry, facts) { continue }
            line.out.clear()
            line.write(program, entry, facts)
            let bytes = UnsafeBufferPointer(start: line.out.bytes, count: line.out.count)
            lines.append((program.pointee.sink, Array(bytes)))
        }
        return lines
    }

    private func note(_ access: AccessLine) -> LogFacts {
        // Only differences of these are shown.
        let startNs: UInt64 = 1_000_000_000
        entry.pointee.reset(names: logs.nameCount, startNs: startNs, startWallNs: access.startNs)
        entry.pointee.bytesReceived = UInt64(access.bytesReceived)
        entry.pointee.bytesSent = UInt64(access.bytesSent)
        entry.pointee.details = access.request == nil ? .none : .adminResponse
        entry.pointee.local = access.local
        for i in 0..<logs.nameCount {
            let name = String(
                decoding: UnsafeBufferPointer(start: logs.names[i].text.start, count: logs.names[i].text.count),
                as: UTF8.self)
            if let text = Self.text(logs.names[i].kind, name, access), !text.isEmpty { set(i, text.visible) }
        }
        var facts = LogFacts()
        facts.type = .downstreamEnd
        facts.endNs = startNs &+ access.durationMs &* 1_000_000
        facts.requestEndNs = access.request == nil ? 0 : startNs
        facts.status = access.status
        facts.isHTTP = access.request != nil
        facts.isHTTP10 = access.request?.minorVersion == 0
        facts.remote = access.remote
        facts.direct = access.remote
        facts.connectionID = access.connectionID
        facts.random = UInt64.random(in: 0...UInt64.max)
        return facts
    }

    private func set(_ position: Int, _ text: String) {
        var text = text
        text.withUTF8 { bytes in
            if let start = bytes.baseAddress { entry.pointee.values.set(position, start, bytes.count) }
        }
    }

    private static func text(_ kind: LogNames.Kind, _ name: String, _ access: AccessLine) -> String? {
        switch kind {
        case .request:
            guard let request = access.request else { return nil }
            switch name {
            case ":method": return request.method
            case ":path": return request.target
            case ":authority": return request.authority
            case ":scheme": return "http"
            default: return request.fields.first { $0.name == name }?.value
            }
        case .response: return access.fields.first { $0.name == name }?.value
        case .route, .cluster, .virtualCluster: return nil
        }
    }
}
