import CLinux
import Glibc
import HotRestart
import Testing

/// A directory of its own that goes away with the last reference.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/hotrestart-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure(text: "mkdtemp: \(errno)") }
        path = String(cString: made)
    }

    deinit {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink("\(path)/\(name)")
            }
            closedir(directory)
        }
        rmdir(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

struct Failure: Error {
    var text: String
}

/// A restart socket and one connection through it.
struct Link {
    let directory: TemporaryDirectory
    let socket: RestartSocket
    let parent: RestartChannel
    let child: RestartChannel

    init() throws {
        directory = try TemporaryDirectory()
        socket = try RestartSocket.listen(path: directory.file("restart"))
        child = try RestartSocket.connect(path: socket.path)
        guard let accepted = try socket.accept() else { throw Failure(text: "no connection waits") }
        parent = accepted
    }
}

/// A pair of sockets whose reading end shows when the last copy of its writing end is closed. Close-on-exec from the start,
/// for another test may start a process at any moment.
struct Canary {
    let reading: OwnedDescriptor
    let writing: OwnedDescriptor

    init() throws {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Failure(text: "socketpair: \(errno)") }
        reading = OwnedDescriptor(ends[0])
        writing = OwnedDescriptor(ends[1])
    }

    /// Every copy of the writing end is closed.
    var isGone: Bool {
        var byte: UInt8 = 0
        return cl_read(reading.raw, &byte, 1) == 0
    }
}

func soon(_ seconds: UInt64 = 10) -> UInt64 { cl_monotonic_ns() + seconds * 1_000_000_000 }

extension RestartChannel.Received {
    func message() throws -> (Message, [OwnedDescriptor]) {
        guard case .message(let message, let descriptors) = self else { throw Failure(text: "\(self)") }
        return (message, descriptors)
    }
    var isClosed: Bool { if case .closed = self { true } else { false } }
    var wouldBlock: Bool { if case .wouldBlock = self { true } else { false } }
    var error: MessageError? { if case .malformed(let error) = self { error } else { nil } }
}
