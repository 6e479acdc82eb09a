import CLinux
import Glibc
import MessageCases
import ToolSupport

/// A proxy that runs the cases' bootstrap.
struct ProxyProcess {
    let name: String
    let pid: pid_t
    let adminPath: String
    let logPath: String
    private let outPath: String
    private static let id = "\(2_000_000_000 + UInt32(getpid()))"

    /// - Parameter name: `envoy` or `envoyd`.
    init(_ name: String, _ program: String, bootstrap: (_ log: String) -> String, in folder: String) throws {
        self.name = name
        adminPath = "\(folder)/\(name).admin"
        logPath = "\(folder)/\(name).log"
        outPath = "\(folder)/\(name).out"
        let configuration = "\(folder)/\(name).yaml"
        try writeFile(configuration, bootstrap(logPath))
        // Those of the run before.
        unlink(adminPath)
        unlink(logPath)
        let flags =
            name == "envoy"
            ? ["--log-level", "error", "--disable-hot-restart", "--file-flush-interval-msec", "100"]
            : ["--log-level", "error", "--base-id", Self.id]
        let arguments = [program, "-c", configuration, "--admin-address-path", adminPath, "--concurrency", "1"] + flags
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let mode = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 1, outPath, mode, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var argv = arguments.map { strdup($0) } + [nil]
        defer { for text in argv { free(text) } }
        var child: pid_t = 0
        let rc = posix_spawnp(&child, program, &actions, nil, &argv, environ)
        guard rc == 0 else { throw Failure("\(program): \(String(cString: strerror(rc)))") }
        pid = child
    }

    /// The admin port, once it serves.
    func waitForAdmin() throws -> UInt16 {
        for _ in 0..<3000 {
            if let text = try? CaseFile.read(adminPath), let port = UInt16(text.split(separator: ":").last ?? "") {
                return port
            }
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid { break }
            usleep(10_000)
        }
        throw Failure("\(name) does not start; it said:\n\((try? CaseFile.read(outPath)) ?? "nothing")")
    }

    /// Ends it, so that its log is whole.
    func stop() {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        if name == "envoyd" { for suffix in ["", ".anchor"] { unlink("/dev/shm/envoyd-\(Self.id)\(suffix)") } }
    }
}
