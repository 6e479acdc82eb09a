import CLinux
import Glibc
import ProxyConfig

/// A file of events, on the main thread. A line is one write, so that lines of several processes do not mix.
final class HealthEventFile {
    let path: String
    private var descriptor: Int32
    /// A write that fails is reported once.
    private var hasFailed = false
    private let report: (String) -> Void

    init(_ path: String, report: @escaping (String) -> Void) throws(SystemError) {
        self.path = path
        self.report = report
        descriptor = try Self.open(path)
    }

    deinit { _ = cl_close(descriptor) }

    fileprivate static func open(_ path: String) throws(SystemError) -> Int32 {
        let descriptor = cl_open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        guard descriptor >= 0 else { throw SystemError(call: "health check event log \(path)", code: -descriptor) }
        return descriptor
    }

    func reopen() throws(SystemError) {
        let next = try Self.open(path)
        _ = cl_close(descriptor)
        descriptor = next
    }

    func write(_ line: [UInt8]) {
        let count = line.withUnsafeBytes { cl_write(descriptor, $0.baseAddress, $0.count) }
        let fails = count != line.count
        if fails, !hasFailed {
            let reason = count < 0 ? SystemError.text(Int32(-count)) : "only a part was written"
            report("health check event log \(path): events are lost: \(reason)")
        }
        hasFailed = fails
    }
}

/// All files that events of health checks are written to: each is open once, as long as a cluster names it.
final class HealthEventLogs {
    private struct Known {
        weak var file: HealthEventFile?
    }
    private var known: [String: Known] = [:]
    private let report: (String) -> Void

    /// - Parameter report: is told of files that cannot be opened or written.
    init(report: @escaping (String) -> Void) { self.report = report }

    /// Of a cluster; without those that cannot be opened.
    func files(_ check: HealthCheck?) -> [HealthEventFile] {
        (check?.eventLogs ?? []).compactMap { log in
            if let file = known[log.file]?.file { return file }
            do throws(SystemError) {
                let file = try HealthEventFile(log.file, report: report)
                known = known.filter { $0.value.file != nil }
                known[log.file] = Known(file: file)
                return file
            } catch {
                report("\(log.location): \(log.path): \(error); its events are lost")
                return nil
            }
        }
    }

    /// Opens files anew, after a rotation has renamed them.
    func reopen() {
        for entry in known.values {
            do throws(SystemError) {
                try entry.file?.reopen()
            } catch {
                report("\(error); logging goes on in the old file")
            }
        }
    }

    /// A file that cannot be opened is an error that names the field.
    static func check(_ clusters: [Cluster]) throws(StartupError) {
        var paths: Set<String> = []
        for cluster in clusters {
            for log in cluster.healthCheck?.eventLogs ?? [] where paths.insert(log.file).inserted {
                do throws(SystemError) {
                    _ = cl_close(try HealthEventFile.open(log.file))
                } catch {
                    throw StartupError("\(log.location): \(log.path): cannot open \(error)")
                }
            }
        }
    }
}
