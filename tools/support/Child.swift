import CLinux
import Glibc

/// A process that this one has started.
public final class Child {
    public let name: String
    public let pid: pid_t
    public let output: String
    private var isReaped = false

    /// All that run, for the signal handler: a process that is told to end leaves nobody behind.
    nonisolated(unsafe) private static let running = {
        let slots = UnsafeMutablePointer<pid_t>.allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
        return slots
    }()
    private static let slotCount = 256

    /// Starts `arguments` on the given processors. What it writes goes to the file `output`, and errors to `output` + ".err".
    /// - Parameter input: the descriptor that is its standard input; /dev/null without.
    public init(_ name: String, _ arguments: [String], output: String, processors: String?, input: Int32? = nil)
        throws(Failure)
    {
        self.name = name
        self.output = output
        let all = (processors.map { ["taskset", "-c", $0] } ?? []) + arguments
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, output + ".err", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        var words: [UnsafeMutablePointer<CChar>?] = all.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        let rc = posix_spawnp(&child, all[0], &actions, nil, words, environ)
        guard rc == 0 else { throw Failure("cannot start \(all[0]): \(String(cString: strerror(rc)))") }
        pid = child
        for i in 0..<Self.slotCount where Self.running[i] == 0 {
            Self.running[i] = child
            break
        }
    }

    /// The status when it has ended.
    public func poll() -> Int32? {
        var status: Int32 = 0
        guard !isReaped, waitpid(pid, &status, WNOHANG) == pid else { return nil }
        forget()
        return status
    }

    /// Waits until it has ended; 0 is a clean exit.
    public func wait() -> Int32 {
        var status: Int32 = 0
        guard !isReaped else { return 0 }
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        forget()
        return status
    }

    /// Tells it to end, kills it after five seconds.
    public func stop() {
        guard !isReaped else { return }
        kill(pid, SIGTERM)
        for _ in 0..<2500 {
            if poll() != nil { return }
            usleep(2000)
        }
        kill(pid, SIGKILL)
        _ = wait()
    }

    private func forget() {
        isReaped = true
        for i in 0..<Self.slotCount where Self.running[i] == pid { Self.running[i] = 0 }
    }

    /// The end of what it wrote, for a message.
    public var lastWords: String {
        let text = (contents(output + ".err") ?? "") + (contents(output) ?? "")
        return text.lines.suffix(3).joined(separator: " / ")
    }

    /// Ends all children when this process is told to end.
    public static func endAllOnSignals() {
        _ = running
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in
                for i in 0..<Child.slotCount where Child.running[i] > 0 { kill(Child.running[i], SIGTERM) }
                usleep(200_000)
                _exit(130)
            }
        }
    }
}
