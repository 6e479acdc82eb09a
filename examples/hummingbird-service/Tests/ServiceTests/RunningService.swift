import Glibc

/// A `hummingbird-service` that a test has started.
final class RunningService {
    struct Failure: Error, CustomStringConvertible { var description: String }

    let pid: pid_t
    let port: UInt16
    /// Its standard output.
    private let output: Int32
    private var isGone = false

    /// Starts it on a free port; on return it serves.
    init(baseID: UInt32) throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Failure(description: "socketpair: \(errno)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        let program: String = try Self.beside("hummingbird-service")
        let words: [String] = [program, String(baseID), "0"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = []
        for name: String in ["PATH", "LD_LIBRARY_PATH"] {
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
        // Its first line ends with the port.
        let line = Self.read(ends[0], upTo: UInt8(ascii: "\n"))
        guard let last = line.split(whereSeparator: \.isWhitespace).last, let port = UInt16(last) else {
            Glibc.kill(pid, SIGKILL)
            close(ends[0])
            throw Failure(description: "it said: \(line)")
        }
        self.port = port
    }

    deinit {
        kill()
        close(output)
    }

    /// As `kill -9` does; on return it is gone.
    func kill() {
        guard !isGone else { return }
        isGone = true
        Glibc.kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    /// The response to a GET, head and all.
    func get(_ path: String) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Failure(description: "connect: \(errno)") }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".utf8)
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw Failure(description: "send: \(errno)")
        }
        return Self.read(descriptor, upTo: nil)
    }

    /// Runs a program beside the tests; nil when it is not built.
    static func output(of name: String, _ arguments: [String]) throws -> String? {
        let program = try beside(name)
        guard access(program, X_OK) == 0, let stream = popen(([program] + arguments).joined(separator: " "), "r")
        else { return nil }
        defer { pclose(stream) }
        return read(fileno(stream), upTo: nil)
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

    private static func read(_ descriptor: Int32, upTo end: UInt8?) -> String {
        var text: [UInt8] = []
        var byte: UInt8 = 0
        while Glibc.read(descriptor, &byte, 1) == 1, byte != end { text.append(byte) }
        return String(decoding: text, as: UTF8.self)
    }
}
