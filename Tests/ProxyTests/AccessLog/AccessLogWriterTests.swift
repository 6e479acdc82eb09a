import CLinux
import Glibc
import ProxyConfig
import Stats
import Testing

@testable import Proxy

/// From a worker's chunks to files.
@Suite struct AccessLogWriterTests {
    private final class Scene {
        let directory: String
        let writer: AccessLogWriter
        let log: WorkerLog

        init(path: (String) -> String = { $0 + "/log" }, chunkBytes: Int = 64, maxWaiting: Int = 1 << 20) throws {
            var template = Array("/tmp/envoyd-log-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", code: errno) }
            directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let store = StatsStore.heapOnly()
            var bootstrap = Bootstrap()
            let place = SourceLocation(file: "f", line: 1, column: 1)
            var tcp = TCPProxy(statPrefix: "p", cluster: "c", clusterLocation: place)
            tcp.accessLogs = [
                AccessLog(sink: .file(path: path(directory)), format: .defaultText, location: place, path: "field")
            ]
            var listener = Listener(name: "l", address: .pipe(path: "@x"), location: place)
            listener.filterChains = [FilterChain(filter: .tcpProxy(tcp), location: place)]
            bootstrap.listeners = [listener]
            let sinks = LogSinks(bootstrap)
            writer = try AccessLogWriter(
                sinks, descriptors: try sinks.open(), cells: FilesystemCells(store, store.makeWriter()),
                chunkBytes: chunkBytes, intervalMs: 50, maxWaiting: maxWaiting, report: { _ in })
            log = WorkerLog(writer, cells: FilesystemCells(store, store.makeWriter()), limit: 8)
            self.store = store
        }
        private let store: StatsStore

        func stat(_ name: String) -> UInt64? { store.snapshot().value("filesystem." + name) }

        func append(_ text: String) {
            log.line.out.append(Bytes(keeping: text))
            log.append(to: 0, nowNs: 1)
        }

        var content: String {
            guard let file = fopen(directory + "/log", "r") else { return "" }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = fread(&bytes, 1, bytes.count, file)
            return String(decoding: bytes[..<count], as: UTF8.self)
        }

        deinit {
            unlink(directory + "/log")
            unlink(directory + "/old")
            rmdir(directory)
        }
    }

    @Test func linesComeInOrderAndWhole() throws {
        let scene = try Scene()
        try scene.writer.start()
        let lines = (0..<100).map { "line \($0)\n" }
        for line in lines { scene.append(line) }
        scene.append(String(repeating: "x", count: 10_000) + "\n")
        scene.log.flush(byTimer: true)
        #expect(scene.writer.finish(limitMs: 30_000))
        #expect(scene.content == lines.joined() + String(repeating: "x", count: 10_000) + "\n")
        #expect(scene.stat("write_buffered") == 101)
        #expect(scene.stat("write_total_buffered") == 0)
        #expect(scene.stat("write_dropped") == 0)
        #expect(scene.stat("write_completed").map { $0 > 10 } == true)
    }

    @Test func aFileIsOpenedAnew() throws {
        let scene = try Scene()
        try scene.writer.start()
        scene.append("old\n")
        scene.log.flush(byTimer: false)
        #expect(rename(scene.directory + "/log", scene.directory + "/old") == 0)
        scene.writer.reopen()
        scene.append("new\n")
        // Whenever the thread looks: the old line goes before the file is opened.
        while scene.content == "", access(scene.directory + "/log", F_OK) != 0 { usleep(1000) }
        scene.log.flush(byTimer: false)
        #expect(scene.writer.finish(limitMs: 30_000))
        #expect(scene.content == "new\n")
    }

    /// A pipe that nobody reads: what waits is bounded, and what is dropped is counted.
    @Test func aDiskThatStandsStillCostsLinesOnly() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let scene = try Scene(path: { _ in "/proc/self/fd/\(ends[1])" }, chunkBytes: 4096, maxWaiting: 64 * 1024)
        try scene.writer.start()
        let line = String(repeating: "a", count: 99) + "\n"
        for _ in 0..<10_000 { scene.append(line) }
        scene.log.flush(byTimer: false)
        let dropped = try #require(scene.stat("write_dropped"))
        #expect(dropped > 5000)
        #expect(!scene.writer.finish(limitMs: 20))
        // Now it is read: all that was not dropped comes, in whole lines.
        _ = cl_close(ends[1])
        var received = 0
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = read(ends[0], &buffer, buffer.count)
            if n <= 0 { break }
            received += n
        }
        #expect(scene.writer.finish(limitMs: 30_000))
        #expect(received == (10_000 - Int(dropped)) * 100)
        #expect(scene.stat("write_total_buffered") == 0)
        _ = cl_close(ends[0])
    }

    @Test func aFullDiskIsCounted() throws {
        let scene = try Scene(path: { _ in "/dev/full" })
        try scene.writer.start()
        scene.append("lost\n")
        scene.log.flush(byTimer: false)
        #expect(scene.writer.finish(limitMs: 30_000))
        #expect(scene.stat("write_failed") == 1)
        #expect(scene.stat("write_total_buffered") == 0)
    }

    @Test func whatCannotBeOpenedIsNamed() {
        #expect {
            try Scene(path: { $0 + "/none/log" })
        } throws: { error in
            "\(error)".hasPrefix("f:1:1: field: cannot open access log /tmp/envoyd-log-")
        }
    }
}
