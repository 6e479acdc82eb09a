import CLinux
import Glibc
import ProxyConfig

/// The different places that lines of a configuration go to, each with a position.
struct LogSinks: Sendable {
    struct Entry: Sendable {
        var sink: LogSink
        /// Where the configuration names it first.
        var location: SourceLocation
        var path: String
    }
    private(set) var entries: [Entry] = []
    private(set) var positions: [LogSink: Int] = [:]

    init(_ bootstrap: Bootstrap) {
        for entry in bootstrap.listeners.flatMap(Self.of) { add(entry) }
    }

    /// One of a listener that comes; what there is already stays where it is.
    mutating func add(_ entry: Entry) {
        if positions[entry.sink] != nil { return }
        positions[entry.sink] = entries.count
        entries.append(entry)
    }

    /// Those of a listener.
    static func of(_ listener: Listener) -> [Entry] {
        (listener.accessLogs + listener.allChains.flatMap(\.filter.accessLogs)).map {
            Entry(sink: $0.sink, location: $0.location, path: $0.path)
        }
    }

    /// Opens all of them; a file that cannot be is an error that names the field.
    func open() throws(StartupError) -> [Int32] {
        var descriptors: [Int32] = []
        for entry in entries {
            let descriptor = Self.open(entry.sink)
            guard descriptor >= 0 else {
                for open in descriptors where open > 2 { _ = cl_close(open) }
                throw StartupError(
                    "\(entry.location): \(entry.path): cannot open access log \(entry.sink.text): "
                        + SystemError.text(-descriptor))
            }
            descriptors.append(descriptor)
        }
        return descriptors
    }

    /// Whether all can be opened: for a configuration that is only checked.
    func check() throws(StartupError) { for descriptor in try open() where descriptor > 2 { _ = cl_close(descriptor) } }

    /// A descriptor, or -errno. What is written goes to the end, whoever else writes there.
    static func open(_ sink: LogSink) -> Int32 {
        switch sink {
        case .standardOutput: 1
        case .standardError: 2
        case .file(let path): cl_open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        }
    }
}

extension LogSink {
    /// For messages.
    var text: String {
        switch self {
        case .file(let path): path
        case .standardOutput: "standard output"
        case .standardError: "standard error"
        }
    }
}
