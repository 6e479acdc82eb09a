import Glibc

/// A directory of its own that goes away with the last reference, and the restart socket in it.
final class Surroundings {
    let directory: String
    var restartPath: String { "\(directory)/restart" }
    var hasSocketFile: Bool { access(restartPath, F_OK) == 0 }

    init() throws {
        var template = Array("/tmp/nio-echo-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure(description: "mkdtemp: \(errno)") }
        directory = String(cString: made)
    }

    deinit {
        unlink(restartPath)
        rmdir(directory)
    }
}

/// The inode number of the TCP socket that listens on this port of 127.0.0.1.
func listenerInode(port: UInt16) throws -> UInt64 {
    guard let file = fopen("/proc/net/tcp", "re") else { throw Failure(description: "/proc/net/tcp: \(errno)") }
    defer { fclose(file) }
    let hex = String(port, radix: 16, uppercase: true)
    let address = "0100007F:" + String(repeating: "0", count: 4 - hex.count) + hex
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, Int32(line.count), file) != nil {
        let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        let words = text.split(whereSeparator: \.isWhitespace)
        // 0A is TCP_LISTEN.
        if words.count > 9, words[1] == address, words[3] == "0A", let inode = UInt64(words[9]) { return inode }
    }
    throw Failure(description: "nobody listens on port \(port)")
}

/// Two connected sockets that are not passed on to processes by mistake: pipes have no such flag in the C library's imports.
func socketPair(_ flags: Int32 = 0) throws -> [Int32] {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue) | flags, 0, &ends) == 0 else {
        throw Failure(description: "socketpair: \(errno)")
    }
    return ends
}

/// An output into which nothing fits any more: who writes there stands still.
final class FullOutput {
    let reading: Int32
    let writing: Int32

    init() throws {
        let ends = try socketPair(Int32(SOCK_NONBLOCK.rawValue))
        reading = ends[0]
        writing = ends[1]
        let bytes = [UInt8](repeating: 0, count: 4096)
        while write(writing, bytes, bytes.count) > 0 {}
        while write(writing, bytes, 1) > 0 {}
        _ = fcntl(writing, F_SETFL, fcntl(writing, F_GETFL) & ~O_NONBLOCK)
    }

    /// Makes room for who stands still.
    func empty() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while read(reading, &bytes, bytes.count) > 0 {}
    }

    deinit {
        close(reading)
        close(writing)
    }
}
