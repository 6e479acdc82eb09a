import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// A running program whose output is collected.
final class Program: Sendable {
    enum Ending: Equatable, Sendable {
        case exit(Int32)
        case signal(Int32)
    }

    private struct State {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var isDrained = false
        var ending: Ending?
    }

    /// A descriptor's place in `State`.
    private enum Stream { case output, errors }

    let pid: pid_t
    let name: String
    private let state = Mutex(State())

    init(_ path: String, _ arguments: [String], environment: [String] = []) throws {
        var output: [Int32] = [-1, -1]
        var errors: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &output) == 0 else { throw Failure.system("socketpair") }
        guard socketpair(AF_UNIX, type, 0, &errors) == 0 else { throw Failure.system("socketpair") }
        defer {
            close(output[1])
            close(errors[1])
        }
        do {
            pid = try Self.spawn(path, arguments, environment, output[1], errors[1])
        } catch {
            close(output[0])
            close(errors[0])
            throw error
        }
        name = String(path.split(separator: "/").last ?? "")
        let ends = (output[0], errors[0])
        Thread { self.collect(ends.0, ends.1) }.detach()
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String], _ output: Int32, _ errors: Int32
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var envp = (inherited + environment).map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let rc = posix_spawn(&pid, path, &actions, &attributes, &argv, &envp)
        guard rc == 0 else { throw Failure.system("posix_spawn \(path)", rc) }
        return pid
    }

    private static var inherited: [String] {
        let names = ["PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD"]
        let kept: [String] = names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        return kept + ["SWIFT_BACKTRACE=enable=no"]
    }

    private func collect(_ output: Int32, _ errors: Int32) {
        var open: [(descriptor: Int32, stream: Stream)] = [(output, .output), (errors, .errors)]
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !open.isEmpty {
            var polled = open.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            poll(&polled, nfds_t(polled.count), -1)
            for (i, entry) in polled.enumerated().reversed() where entry.revents != 0 {
                let n = cl_read(entry.fd, &buffer, buffer.count)
                if n > 0 {
                    let stream = open[i].stream
                    state.withLock {
                        if stream == .output { $0.output += buffer[..<n] } else { $0.errors += buffer[..<n] }
                    }
                } else {
                    close(entry.fd)
                    open.remove(at: i)
                }
            }
        }
        state.withLock { $0.isDrained = true }
    }

    var output: String { state.withLock { String(decoding: $0.output, as: UTF8.self) } }
    var errors: String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

    /// nil while it runs.
    var ending: Ending? {
        state.withLock { state in
            if let ending = state.ending { return ending }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            state.ending = cl_signaled(status) ? .signal(cl_term_signal(status)) : .exit(cl_exit_status(status))
            return state.ending
        }
    }

    var isRunning: Bool { ending == nil }

    /// By SIGSTOP: proc(5), the third field of /proc/PID/stat.
    var isStopped: Bool {
        Files.read("/proc/\(pid)/stat")?.split(separator: ")").last?.split(separator: " ").first == "T"
    }

    /// A process that has ended gets nothing.
    func signal(_ number: Int32) {
        state.withLock { if $0.ending == nil { _ = kill(pid, number) } }
    }

    /// All that it wrote is collected on return.
    @discardableResult
    func waitForEnd(within seconds: Double = generousSeconds) throws -> Ending {
        let ending = try waitFor("end of \(self)", within: seconds) { self.ending }
        try waitUntil("the last output of \(self)") { state.withLock { $0.isDrained } }
        return ending
    }

    func terminate() throws -> Ending {
        signal(SIGTERM)
        return try waitForEnd()
    }

    @discardableResult
    func kill9() throws -> Ending {
        signal(SIGKILL)
        return try waitForEnd()
    }
}

extension Program: CustomStringConvertible {
    var description: String { "\(name) (pid \(pid))" }
}
