import CLinux
import Glibc

/// A `region-child`: reads what it says line by line, can stop it, kill it and wait for its end.
public final class ChildProcess {
    public enum Ending: Equatable, Sendable {
        case exit(Int32)
        case signal(Int32)
    }
    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    public let pid: pid_t
    /// One socket is its standard input and output.
    private let descriptor: Int32
    private var unread: [UInt8] = []
    private var ending: Ending?

    /// - Parameter wrapper: a program with arguments that runs what follows them.
    init(baseID: UInt32, operations: [String], wrapper: [String] = []) throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Failure(description: "socketpair: \(errno)")
        }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        let program = try Self.program()
        let words = wrapper + [program, String(baseID)] + operations
        var arguments = words.map { strdup($0) } + [nil]
        var environment = Self.environment.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var pid: pid_t = 0
        let rc = posix_spawnp(&pid, words[0], &actions, nil, &arguments, &environment)
        guard rc == 0 else {
            close(ends[0])
            throw Failure(description: "\(words[0]): posix_spawn: \(String(cString: strerror(rc)))")
        }
        self.pid = pid
        descriptor = ends[0]
    }

    deinit {
        if ending == nil { kill(SIGKILL) }
        close(descriptor)
    }

    /// Beside the program that runs the tests, or that of another build.
    private static func program() throws -> String {
        if let other = getenv("REGION_CHILD") { return String(cString: other) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = bytes.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        guard length > 0, let slash = bytes[..<length].lastIndex(of: UInt8(ascii: "/")) else {
            throw Failure(description: "readlink: \(errno)")
        }
        return String(decoding: bytes[...slash], as: UTF8.self) + "region-child"
    }

    private static var environment: [String] {
        let names: [String] = ["PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD"]
        let inherited: [String] = names.compactMap { name in
            getenv(name).map { value in "\(name)=\(String(cString: value))" }
        }
        return inherited + ["SWIFT_BACKTRACE=enable=no"]
    }

    /// The next line; nil when it has ended. Waits for it.
    public func line() -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[..<end], as: UTF8.self)
                unread.removeSubrange(...end)
                return line
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let n = cl_read(descriptor, &bytes, bytes.count)
            guard n > 0 else { return nil }
            unread += bytes[..<n]
        }
    }

    /// Waits until it says `text`; other lines are passed over.
    public func wait(for text: String) throws {
        while let line = line() { if line == text || line.hasPrefix(text + " ") { return } }
        throw Failure(description: "region-child ended (\(waitForEnd())) before it said \(text)")
    }

    /// The lines up to `text`.
    public func lines(upTo text: String) throws -> [String] {
        var lines: [String] = []
        while let line = line() {
            if line == text { return lines }
            lines.append(line)
        }
        throw Failure(description: "region-child ended (\(waitForEnd())) before it said \(text)")
    }

    /// Stops it; on return it is stopped.
    public func stop() {
        Glibc.kill(pid, SIGSTOP)
        var status: Int32 = 0
        waitpid(pid, &status, WUNTRACED)
    }

    /// Kills it; on return it is gone.
    @discardableResult
    public func kill(_ signal: Int32 = SIGKILL) -> Ending {
        if ending == nil { Glibc.kill(pid, signal) }
        return waitForEnd()
    }

    /// Lets it go on, where it waits for a byte.
    public func go() {
        var byte: UInt8 = 10
        _ = cl_write(descriptor, &byte, 1)
    }

    /// Ends its standard input; what it says then can still be read.
    public func endInput() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends its standard input, for which `wait` waits; on return it is gone.
    @discardableResult
    public func finish() -> Ending {
        shutdown(descriptor, Int32(SHUT_WR))
        return waitForEnd()
    }

    /// Waits for its end, whatever brings it about.
    @discardableResult
    public func waitForEnd() -> Ending {
        if let ending { return ending }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let found: Ending = cl_signaled(status) ? .signal(cl_term_signal(status)) : .exit(cl_exit_status(status))
        ending = found
        return found
    }
}
