import CLinux
import Glibc

/// A `hand-over-child`: another process that takes over listening sockets, and may stand still while it does.
final class HandOverProcess {
    let pid: pid_t
    private let output: Int32
    private var pending: [UInt8] = []
    private var status: Int32?

    /// - Parameters:
    ///   - step: beside which it stops itself, such as `before:storeCommitted`.
    ///   - ports: of 127.0.0.1; 0 is any.
    init(path: String, stopAt step: String, ports: [UInt16]) throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Failure(text: "socketpair: \(errno)")
        }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        let program = try Self.program()
        var arguments = ([program, path, step] + ports.map { String($0) }).map { strdup($0) } + [nil]
        var environment = Self.environment.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var pid: pid_t = 0
        let rc = posix_spawn(&pid, program, &actions, nil, &arguments, &environment)
        guard rc == 0 else {
            close(ends[0])
            throw Failure(text: "\(program): posix_spawn: \(rc)")
        }
        self.pid = pid
        output = ends[0]
    }

    deinit {
        if status == nil { _ = end(by: SIGKILL) }
        close(output)
    }

    /// Beside the program that runs the tests.
    private static func program() throws -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = bytes.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        guard length > 0, let slash = bytes[..<length].lastIndex(of: UInt8(ascii: "/")) else {
            throw Failure(text: "readlink: \(errno)")
        }
        return String(decoding: bytes[...slash], as: UTF8.self) + "hand-over-child"
    }

    private static var environment: [String] {
        let names = ["PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD"]
        let inherited: [String] = names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        return inherited + ["SWIFT_BACKTRACE=enable=no"]
    }

    /// Waits until it stands still; false when it has ended instead.
    func waitForStop() -> Bool {
        var raw: Int32 = 0
        guard waitpid(pid, &raw, WUNTRACED) == pid else { return false }
        if raw & 0xFF == 0x7F { return true }
        status = raw
        return false
    }

    func goOn() { kill(pid, SIGCONT) }

    /// Waits for its end, and says which signal brought it about, 0 for none.
    func end(by signal: Int32? = nil) -> Int32 {
        if status == nil {
            if let signal { kill(pid, signal) }
            var raw: Int32 = 0
            while waitpid(pid, &raw, 0) < 0, errno == EINTR {}
            status = raw
        }
        return (status ?? 0) & 0x7F
    }

    /// Waits until it says `line`; other lines are passed over.
    func wait(for line: String) throws {
        var seen: [String] = []
        while true {
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let text = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                if text == line { return }
                seen.append(text)
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = cl_read(output, &bytes, bytes.count)
            guard count > 0 else { throw Failure(text: "pid \(pid) ended and had said: \(seen)") }
            pending += bytes[..<count]
        }
    }
}
