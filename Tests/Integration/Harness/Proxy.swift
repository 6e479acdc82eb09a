import Glibc
import ThreadTesting

/// An `envoyd` with an admin listener.
struct Proxy {
    let process: Program
    /// Where it writes its admin address.
    let adminPath: String
    /// `--log-path`, if it was given.
    var logPath: String?

    /// What it logged.
    var log: String { logPath.map { Files.read($0) ?? "" } ?? process.errors }

    var adminPort: UInt16 {
        get throws {
            guard let text = Files.read(adminPath), let port = UInt16(text.split(separator: ":").last ?? "") else {
                throw Failure("no admin address in \(adminPath)")
            }
            return port
        }
    }

    /// The port of the listener `listener_0`.
    var port: UInt16 {
        get throws { try port(of: "listener_0") }
    }

    func port(of listener: String) throws -> UInt16 {
        let text = try admin("/listeners").text
        let line = text.split(separator: "\n").first { $0.hasPrefix(listener + "::") }
        guard let port = UInt16(line?.split(separator: ":").last ?? "") else {
            throw Failure("/listeners says: \(text)")
        }
        return port
    }

    /// A client of `listener_0`.
    func client(receiveBuffer: Int32? = nil) throws -> Client {
        try Client(port: port, receiveBuffer: receiveBuffer)
    }

    func admin(_ path: String, method: String = "GET") throws -> Response {
        let client = try Client(port: adminPort)
        return try client.get(path, "connection: close", method: method)
    }

    /// Stats as the admin listener shows them.
    func stats(_ filter: String = "") throws -> Stats {
        Stats(text: try admin(filter.isEmpty ? "/stats" : "/stats?filter=\(filter)").text)
    }

    /// Resident memory in bytes: proc(5), /proc/PID/statm.
    var residentBytes: Int {
        get throws {
            let fields = Files.read("/proc/\(process.pid)/statm")?.split(separator: " ") ?? []
            guard fields.count > 1, let pages = Int(fields[1]) else { throw Failure("\(process) has no statm") }
            return pages * sysconf(Int32(_SC_PAGESIZE))
        }
    }
}

/// Counters and gauges by name.
struct Stats {
    private var values: [Substring: UInt64] = [:]

    init(text: String) {
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[line[..<colon]] = UInt64(line[colon...].dropFirst(2))
        }
    }

    subscript(name: String) -> UInt64? { values[name[...]] }
}

extension Bed {
    /// Starts an `envoyd` without waiting for it.
    ///
    /// - Parameter program: another build's; nil: the one that was built with these tests.
    func startProxy(
        _ configuration: String, _ flags: [String] = [], concurrency: Int? = 2, baseID: Bool = true,
        environment: [String] = [], program: String? = nil
    ) throws -> Proxy {
        let adminPath = freshPath("admin")
        var arguments = ["-c", try file("yaml", configuration), "--admin-address-path", adminPath]
        if baseID { arguments += ["--base-id", "\(self.baseID)"] }
        if let concurrency { arguments += ["--concurrency", "\(concurrency)"] }
        // A hand-over is not to fail for slowness alone.
        if Pace.slowness > 1, !flags.contains(where: { $0.hasPrefix("--hand-over-timeout") }) {
            arguments += ["--hand-over-timeout", "\(Int(5 * Pace.slowness))"]
        }
        var environment = environment
        if Pace.slowness > 1 { environment.append("ENVOYD_TEST_SLOWNESS=\(Int(Pace.slowness.rounded(.up)))") }
        let logPath = flags.firstIndex(of: "--log-path").map { flags[$0 + 1] }
        let process = try run(program ?? Binaries.path("envoyd"), arguments + flags, environment: environment)
        return Proxy(process: process, adminPath: adminPath, logPath: logPath)
    }

    /// Starts an `envoyd` and waits until it serves.
    func proxy(
        _ configuration: Configuration, _ flags: [String] = [], concurrency: Int? = 2, baseID: Bool = true
    ) throws -> Proxy {
        let proxy = try startProxy(configuration.text, flags, concurrency: concurrency, baseID: baseID)
        try waitUntilServing(proxy)
        return proxy
    }

    func waitUntilServing(_ proxy: Proxy) throws {
        try waitUntil("\(proxy.process) serves") {
            if let ending = proxy.process.ending {
                throw Failure("\(proxy.process) ended (\(ending)) instead of serving: \(proxy.process.errors)")
            }
            // The last that it says on its way to serving.
            return proxy.log.contains(" serves ")
        }
    }

    /// An `envoyd` that is to fail: its errors and status.
    func failingProxy(_ configuration: String, _ flags: [String]) throws -> (errors: String, ending: Program.Ending) {
        let proxy = try startProxy(configuration, flags)
        let ending = try proxy.process.waitForEnd()
        return (proxy.process.errors, ending)
    }

    /// Runs a program to its end.
    func output(_ name: String, _ arguments: [String]) throws -> (
        output: String, errors: String, ending: Program.Ending
    ) {
        let program = try run(Binaries.path(name), arguments)
        let ending = try program.waitForEnd()
        return (program.output, program.errors, ending)
    }

    /// Stats as `statdump` shows them.
    func statdump(_ arguments: String...) throws -> Stats {
        let (output, errors, ending) = try output("statdump", ["--base-id", "\(baseID)"] + arguments)
        guard ending == .exit(0) else { throw Failure("statdump: \(errors)") }
        return Stats(text: output)
    }
}
