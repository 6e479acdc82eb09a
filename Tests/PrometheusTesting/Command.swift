import CLinux
import Glibc

/// A program that runs to its end.
public enum Command {
    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// What it wrote to its standard output.
    ///
    /// - Throws: `Failure` when it cannot be started or ends with anything but status 0, with what it complained about.
    public static func output(_ path: String, _ arguments: [String]) throws -> String {
        try withFile { output in
            try withFile { errors in
                var actions = posix_spawn_file_actions_t()
                posix_spawn_file_actions_init(&actions)
                defer { posix_spawn_file_actions_destroy(&actions) }
                posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
                posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_TRUNC, 0)
                posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_TRUNC, 0)
                var words = ([path] + arguments).map { strdup($0) } + [nil]
                let settings = ["SWIFT_BACKTRACE=enable=no", "PYTHONUTF8=1"]
                var environment = settings.map { (text: String) in strdup(text) } + [nil]
                defer { for text in words + environment { free(text) } }
                var pid: pid_t = 0
                let rc = posix_spawn(&pid, path, &actions, nil, &words, &environment)
                guard rc == 0 else { throw Failure(description: "\(path): \(String(cString: strerror(rc)))") }
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
                guard !cl_signaled(status), cl_exit_status(status) == 0 else {
                    throw Failure(description: "\(path) \(arguments): \(try read(errors))")
                }
                return try read(output)
            }
        }
    }

    /// One of the package's, beside the program that runs the tests.
    public static func product(_ name: String) -> String {
        var bytes = [CChar](repeating: 0, count: 4096)
        let length = max(readlink("/proc/self/exe", &bytes, bytes.count), 0)
        let path = String(decoding: bytes[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + name
    }

    /// Runs `body` with the path of an empty file of its own.
    static func withFile<T>(_ body: (String) throws -> T) throws -> T {
        var template = Array("/tmp/envoyd-test-XXXXXX".utf8CString)
        let fd = mkstemp(&template)
        guard fd >= 0 else { throw Failure(description: "mkstemp: \(errno)") }
        close(fd)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        return try body(path)
    }

    static func write(_ text: String, to path: String) throws {
        let fd = open(path, O_WRONLY | O_CLOEXEC)
        guard fd >= 0 else { throw Failure(description: "open: \(errno)") }
        defer { close(fd) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let n = rest.withUnsafeBytes { cl_write(fd, $0.baseAddress!, $0.count) }
            guard n > 0 else { throw Failure(description: "write: \(n)") }
            rest = rest.dropFirst(n)
        }
    }

    private static func read(_ path: String) throws -> String {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw Failure(description: "open: \(errno)") }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = cl_read(fd, &piece, piece.count)
            guard n > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<n]
        }
    }
}
