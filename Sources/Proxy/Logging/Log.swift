import CLinux
import Glibc
import Logging
import Stats
import Synchronization

/// Envoy's log levels, from the most to the least talkative.
public enum LogLevel: String, Sendable, CaseIterable {
    case trace, debug, info, warning, error, critical, off

    /// Also Envoy's short forms: `warn`, `err`.
    public init?(flag: String) {
        switch flag {
        case "warn": self = .warning
        case "err": self = .error
        default: self.init(rawValue: flag)
        }
    }

    var level: Logger.Level? {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .warning: .warning
        case .error: .error
        case .critical: .critical
        case .off: nil
        }
    }
}

/// The log of this process: swift-log in Envoy's line format, to standard error or to a file that SIGUSR1 reopens.
public final class Log: Sendable {
    let logger: Logger
    private let output: LogOutput
    private let threshold: Threshold

    /// - Parameter path: `--log-path`; nil is standard error.
    public init(level: LogLevel, path: String?) throws(SystemError) {
        let output = try LogOutput(path: path, tellsOfCrashes: true)
        self.output = output
        let threshold = Threshold(level)
        self.threshold = threshold
        logger = Logger(label: "main") { _ in LineHandler(output: output, threshold: threshold) }
    }

    /// What is logged now.
    var level: LogLevel { threshold.level.withLock { $0 } }

    /// From here on.
    func setLevel(_ level: LogLevel) { threshold.level.withLock { $0 = level } }

    public func debug(_ text: @autoclosure () -> String) { logger.debug("\(text())") }
    public func info(_ text: @autoclosure () -> String) { logger.info("\(text())") }
    public func warning(_ text: @autoclosure () -> String) { logger.warning("\(text())") }
    public func error(_ text: @autoclosure () -> String) { logger.error("\(text())") }

    /// Opens the file anew, after a rotation has renamed it.
    public func reopen() {
        do { try output.reopen() } catch { self.error("\(error); logging goes on in the old file") }
    }
}

/// The level that all loggers share. Nothing is logged where time matters.
private final class Threshold: Sendable {
    let level: Mutex<LogLevel>
    init(_ level: LogLevel) { self.level = Mutex(level) }
}

/// Where lines go. A line is one write, so that lines of several processes do not mix.
final class LogOutput: Sendable {
    private let path: String?
    private let descriptor: Mutex<Int32>
    /// What is written when the process crashes goes there too.
    private let tellsOfCrashes: Bool

    init(path: String?, tellsOfCrashes: Bool = false) throws(SystemError) {
        self.path = path
        self.tellsOfCrashes = tellsOfCrashes
        descriptor = Mutex(2)
        if path != nil { try reopen() }
    }

    /// A descriptor that stays open.
    init(descriptor: Int32) {
        path = nil
        tellsOfCrashes = false
        self.descriptor = Mutex(descriptor)
    }

    func reopen() throws(SystemError) {
        guard let path else { return }
        let fd = cl_open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        guard fd >= 0 else { throw SystemError(call: "log file \(path)", code: -fd) }
        let old = descriptor.withLock { current in
            let old = current
            current = fd
            return old
        }
        if tellsOfCrashes { cl_crash_log(fd) }
        if old > 2 { _ = cl_close(old) }
    }

    func write(_ line: [UInt8]) {
        descriptor.withLock { fd in _ = line.withUnsafeBytes { cl_write(fd, $0.baseAddress!, $0.count) } }
    }
}

/// `[2026-11-23 10:00:00.123][4711][info][main] text`: Envoy's default format without the source position.
private struct LineHandler: LogHandler {
    let output: LogOutput
    let threshold: Threshold
    var logLevel: Logger.Level {
        get { threshold.level.withLock { $0 }.level ?? .critical }
        // The one level is set by `Log.setLevel`.
        set {}
    }
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard threshold.level.withLock({ $0 }) != .off else { return }
        let name = event.level == .notice ? "info" : event.level.rawValue
        // A message is one line, whatever it quotes, and does nothing to the terminal of its reader.
        let text = "\(event.message)".visible
        output.write(Array("[\(Self.timestamp())][\(getpid())][\(name)][main] \(text)\n".utf8))
    }

    private static func timestamp() -> String {
        let now = cl_realtime_ns()
        let ms = String(1000 + now / 1_000_000 % 1000).dropFirst()
        return "\(WallClock.text(now)).\(ms)"
    }
}
