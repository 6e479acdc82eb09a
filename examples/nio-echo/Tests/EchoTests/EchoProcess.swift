import Glibc

struct Failure: Error, CustomStringConvertible { var description: String }

/// A `nio-echo` that a test has started.
final class EchoProcess {
    let pid: pid_t
    /// Its standard output; -1 when the test gave it another one.
    private let output: Int32
    private var pending: [UInt8] = []
    private var status: Int32?

    /// Starts it. With `stdout` it writes there, and its lines cannot be waited for.
    init(restartPath: String, standbyMs: Int = 10_000, stdout: Int32? = nil) throws {
        let ends = try socketPair()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, stdout ?? ends[1], 1)
        let program = try Self.beside("nio-echo")
        let words = [program, "--port", "0", "--restart-path", restartPath, "--standby-ms", String(standbyMs)]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = []
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            guard let value = getenv(name) else { continue }
            environment.append(strdup(name + "=" + String(cString: value)))
        }
        environment.append(nil)
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, nil, &arguments, &environment)
        for text in arguments + environment { free(text) }
        posix_spawn_file_actions_destroy(&actions)
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw Failure(description: "\(program): \(String(cString: strerror(code)))")
        }
        self.pid = pid
        output = ends[0]
    }

    deinit {
        if status == nil {
            kill(pid, SIGKILL)
            _ = waitForEnd()
        }
        close(output)
    }

    /// Waits for a line that ends with this text and returns it.
    @discardableResult
    func waitForLine(endingWith text: String) throws -> String {
        try waitForLine { $0.hasSuffix(text) }
    }

    /// The port it has, once it says so.
    func waitForPort() throws -> UInt16 {
        let line = try waitForLine { $0.contains(" has port ") }
        guard let port = line.split(separator: " ").last.flatMap({ UInt16($0) }) else {
            throw Failure(description: line)
        }
        return port
    }

    private func waitForLine(_ isMeant: (String) -> Bool) throws -> String {
        var seen: [String] = []
        while true {
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                if isMeant(line) { return line }
                seen.append(line)
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(output, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure(description: "pid \(pid) ended and had said: \(seen)") }
            pending += bytes[..<count]
        }
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// Waits for its end: 0 when it exited as it should, else an exit status or a negative signal.
    func waitForEnd() -> Int32 {
        if let status { return status }
        var raw: Int32 = 0
        while waitpid(pid, &raw, 0) < 0 {
            guard errno == EINTR else { return Int32.min }
        }
        let result = raw & 0x7f == 0 ? (raw >> 8) & 0xff : -(raw & 0x7f)
        status = result
        return result
    }

    /// Whether it has a copy of the socket with that inode number.
    func hasSocket(inode: UInt64) -> Bool {
        guard let directory = opendir("/proc/\(pid)/fd") else { return false }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var target = [UInt8](repeating: 0, count: 256)
            let length = target.withUnsafeMutableBytes {
                readlink("/proc/\(pid)/fd/\(name)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
            if length > 0, String(decoding: target[..<length], as: UTF8.self) == "socket:[\(inode)]" { return true }
        }
        return false
    }

    private static func beside(_ name: String) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = bytes.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        guard length > 0, let slash = bytes[..<length].lastIndex(of: UInt8(ascii: "/")) else {
            throw Failure(description: "readlink: \(errno)")
        }
        return String(decoding: bytes[...slash], as: UTF8.self) + name
    }
}
