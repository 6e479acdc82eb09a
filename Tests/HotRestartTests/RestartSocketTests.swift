import CLinux
import Glibc
import HotRestart
import Testing

@Suite struct RestartSocketTests {
    @Test func aPathThatIsFreeIsListenedOn() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let socket = try RestartSocket.listen(path: path, mode: 0o640)
        var info = stat()
        #expect(lstat(path, &info) == 0)
        #expect(info.st_mode & S_IFMT == S_IFSOCK)
        #expect(info.st_mode & 0o777 == 0o640)
        #expect(try socket.accept() == nil)
        let child = try RestartSocket.connect(path: path)
        let parent = try #require(try socket.accept())
        #expect(parent.peer.pid == getpid() && parent.peer.uid == geteuid())
        #expect(child.peer.uid == geteuid())
        socket.removeFile()
        #expect(lstat(path, &info) != 0)
    }

    @Test func abstractNames() throws {
        let name = "@hotrestart-test-\(getpid())"
        let socket = try RestartSocket.listen(path: name)
        #expect(throws: RestartSocketError.inUse(name)) { try RestartSocket.listen(path: name) }
        _ = try RestartSocket.connect(path: name)
        #expect(try socket.accept() != nil)
        socket.close()
        #expect(throws: RestartSocketError.nobodyListens(name)) { try RestartSocket.connect(path: name) }
    }

    @Test func aDeadProcessesSocketIsReplaced() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        try RestartSocket.listen(path: path).close()
        #expect(throws: RestartSocketError.nobodyListens(path)) { try RestartSocket.connect(path: path) }
        let socket = try RestartSocket.listen(path: path)
        _ = try RestartSocket.connect(path: path)
        #expect(try socket.accept() != nil)
    }

    @Test func aLivingProcessesSocketIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let socket = try RestartSocket.listen(path: path)
        #expect(throws: RestartSocketError.inUse(path)) { try RestartSocket.listen(path: path) }
        _ = try RestartSocket.connect(path: path)
        #expect(try socket.accept() != nil)
    }

    @Test func anotherFileIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("file")
        _ = cl_close(cl_open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: RestartSocketError.notASocket(path)) { try RestartSocket.listen(path: path) }
        let link = directory.file("link")
        #expect(symlink(path, link) == 0)
        #expect(throws: RestartSocketError.notASocket(link)) { try RestartSocket.listen(path: link) }
        #expect(access(path, F_OK) == 0)
        #expect(throws: RestartSocketError.nobodyListens(path)) { try RestartSocket.connect(path: path) }
    }

    @Test func anotherKindOfSocketIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("stream")
        let other = OwnedDescriptor(cl_socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        var address = cl_address()
        #expect(cl_address_unix(&address, path) == 0)
        #expect(cl_bind(other.raw, &address) == 0 && cl_listen(other.raw, 1) == 0)
        #expect(throws: RestartSocketError.wrongType(path)) { try RestartSocket.listen(path: path) }
        #expect(throws: RestartSocketError.wrongType(path)) { try RestartSocket.connect(path: path) }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func anotherUsersSocketIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        try RestartSocket.listen(path: path).close()
        #expect(chown(path, 54321, 54321) == 0)
        #expect(throws: RestartSocketError.otherOwner(path, uid: 54321)) { try RestartSocket.listen(path: path) }
    }

    @Test func badPaths() throws {
        let directory = try TemporaryDirectory()
        let missing = directory.file("none/restart")
        let long = directory.file(String(repeating: "x", count: 100))
        #expect(throws: RestartSocketError.directoryMissing(missing)) { try RestartSocket.listen(path: missing) }
        #expect(throws: RestartSocketError.absent(missing)) { try RestartSocket.connect(path: missing) }
        #expect(throws: RestartSocketError.pathTooLong(long)) { try RestartSocket.listen(path: long) }
        for path in ["", "@", "/tmp/a\0b"] {
            #expect(throws: RestartSocketError.badPath(path)) { try RestartSocket.listen(path: path) }
        }
        let longest = directory.path + "/" + String(repeating: "x", count: 106 - directory.path.utf8.count)
        #expect(longest.utf8.count == RestartSocket.longestPath)
        try RestartSocket.listen(path: longest).close()
    }

    @Test func errorsSayWhat() {
        let errors: [RestartSocketError] = [
            .badPath("/p"), .pathTooLong("/p"), .directoryMissing("/p"), .notASocket("/p"), .wrongType("/p"),
            .otherOwner("/p", uid: 3), .permission("/p"), .inUse("/p"), .nobodyListens("/p"), .absent("/p"),
            .timedOut("/p"),
        ]
        for error in errors { #expect(error.description.contains("'/p'")) }
        #expect(Set(errors.map(\.description)).count == errors.count)
        #expect(RestartSocketError.system(call: "sendmsg", code: ENOMEM).description.hasPrefix("sendmsg: "))
    }

    @Test func onlyItsOwnFileIsRemoved() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let first = try RestartSocket.listen(path: path)
        #expect(unlink(path) == 0)
        let second = try RestartSocket.listen(path: path)
        first.removeFile()
        _ = try RestartSocket.connect(path: path)
        #expect(try second.accept() != nil)
    }

    @Test func anAdoptedSocketServesTheSamePath() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let old = try RestartSocket.listen(path: path)
        let waiting = try RestartSocket.connect(path: path)
        let adopted = RestartSocket(adopting: OwnedDescriptor(cl_dup(old.descriptor)), path: path)
        old.close()
        try adopted.activate()
        let served = try #require(try adopted.accept(), "who waited in the queue is not lost")
        try waiting.send(.bye)
        #expect(try served.receive(deadlineNs: soon()).message().0 == .bye)
        _ = try RestartSocket.connect(path: path)
        #expect(try adopted.accept() != nil)
        adopted.removeFile()
        #expect(access(path, F_OK) != 0)
    }

    @Test func aFullQueueIsNotWaitedForForever() throws {
        let directory = try TemporaryDirectory()
        let socket = try RestartSocket.listen(path: directory.file("restart"), backlog: 1)
        var waiting: [RestartChannel] = []
        #expect(throws: RestartSocketError.timedOut(socket.path)) {
            for _ in 0..<10 {
                waiting.append(try RestartSocket.connect(path: socket.path, deadlineNs: cl_monotonic_ns() + 20_000_000))
            }
        }
        #expect(!waiting.isEmpty)
    }
}
