import CLinux
import Glibc
import ProxyConfig
import StatCatalog
import Stats
import Synchronization

/// Lines of one sink on their way to the writer's thread: whole lines, in memory that goes along.
struct LogChunk: @unchecked Sendable {
    var bytes: UnsafeMutablePointer<UInt8>
    var count: Int
    var capacity: Int
    var lines = 0
    var sink: Int
}

/// The thread that writes access logs, so that no disk ever keeps a worker waiting. Workers hand over full buffers and get
/// empty ones back. What waits is bounded: a worker whose chunk is not taken drops its lines and counts them.
final class AccessLogWriter: Sendable {
    private struct State {
        var queue: [LogChunk] = []
        var spare: [LogChunk] = []
        var waiting = 0
        /// Sinks that have come, with their descriptors.
        var added: [(LogSinks.Entry, Int32)] = []
        var reopens = false
        var ends = false
    }
    /// Touched by the writer's thread only, after `start`.
    private final class Files: @unchecked Sendable {
        var descriptors: [Int32]
        var entries: [LogSinks.Entry]
        /// A sink whose last write failed is reported once.
        var hasFailed: [Bool]
        let counters: CounterGroup<FilesystemCounter>
        let gauges: GaugeGroup<FilesystemGauge>
        init(_ entries: [LogSinks.Entry], _ descriptors: [Int32], _ cells: FilesystemCells) {
            self.entries = entries
            self.descriptors = descriptors
            hasFailed = descriptors.map { _ in false }
            counters = cells.counters
            gauges = cells.gauges
        }
    }

    /// How many sinks there may be.
    let room: Int
    private let state = Mutex(State())
    private let files: Files
    /// Something waits.
    private let wake: EventSignal
    /// The thread has ended.
    private let ended: EventSignal
    private let report: @Sendable (String) -> Void
    /// A chunk is handed over when it is that large, or that old.
    let chunkBytes: Int
    let intervalNs: UInt64
    private let maxWaiting: Int

    /// - Parameters:
    ///   - spare: how many sinks may come later.
    ///   - descriptors: of the sinks, open; they are this object's from here.
    ///   - cells: of a plane that the thread has to itself.
    ///   - report: called from the thread.
    init(
        _ sinks: LogSinks, spare: Int = 0, descriptors: [Int32], cells: FilesystemCells, chunkBytes: Int,
        intervalMs: UInt64,
        maxWaiting: Int = 64 << 20, report: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        room = sinks.entries.count + spare
        files = Files(sinks.entries, descriptors, cells)
        wake = try EventSignal()
        ended = try EventSignal()
        self.chunkBytes = max(chunkBytes, 1)
        intervalNs = max(intervalMs, 1) &* 1_000_000
        self.maxWaiting = maxWaiting
        self.report = report
    }

    func start() throws(SystemError) { try BackgroundThread.start("access-log") { [self] in run() } }

    // MARK: For workers

    /// Takes a chunk and returns an empty one, or nil when too much waits already: then the chunk is still the caller's.
    func exchange(_ chunk: LogChunk) -> LogChunk? {
        let taken = state.withLock { state -> LogChunk?? in
            guard state.waiting + chunk.count <= maxWaiting else { return nil }
            state.waiting += chunk.count
            state.queue.append(chunk)
            return .some(state.spare.popLast())
        }
        guard let taken else { return nil }
        wake.signal()
        return taken ?? Self.emptyChunk(capacity: chunkCapacity)
    }

    /// Room behind `chunkBytes`, so that the line which fills a chunk seldom has to move.
    private var chunkCapacity: Int { chunkBytes + 4096 }

    static func emptyChunk(capacity: Int) -> LogChunk {
        LogChunk(bytes: .allocate(capacity: capacity), count: 0, capacity: capacity, sink: 0)
    }

    /// What a worker begins with.
    func emptyChunk() -> LogChunk { Self.emptyChunk(capacity: chunkCapacity) }

    // MARK: For the main thread

    /// A sink that comes, behind all there are; the descriptor is this object's from here.
    func add(_ entry: LogSinks.Entry, descriptor: Int32) { state.withLock { $0.added.append((entry, descriptor)) } }

    /// Files are opened anew behind what was handed over so far.
    func reopen() {
        state.withLock { $0.reopens = true }
        wake.signal()
    }

    /// Writes what was handed over and ends the thread. Returns whether it did in time: a disk may stand still.
    func finish(limitMs: Int32) -> Bool {
        state.withLock { $0.ends = true }
        wake.signal()
        return ended.wait(limitMs: limitMs)
    }

    // MARK: The thread

    private func run() {
        while true {
            wake.wait()
            let (chunks, added, reopens, ends) = state.withLock { state in
                let taken = (state.queue, state.added, state.reopens, state.ends)
                state.queue = []
                state.added = []
                state.reopens = false
                return taken
            }
            for (entry, descriptor) in added {
                files.entries.append(entry)
                files.descriptors.append(descriptor)
                files.hasFailed.append(false)
            }
            for chunk in chunks { write(chunk) }
            if reopens { reopenFiles() }
            if ends { break }
        }
        for descriptor in files.descriptors where descriptor > 2 { _ = cl_close(descriptor) }
        ended.signal()
    }

    private func write(_ chunk: LogChunk) {
        let descriptor = files.descriptors[chunk.sink]
        var written = 0
        var failure: Int32 = 0
        while written < chunk.count {
            // One call for all lines, so that those of several processes do not mix.
            let n = cl_write(descriptor, chunk.bytes + written, chunk.count - written)
            if n == -Int(EAGAIN) {
                // Standard output may be a pipe that does not block.
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, -1)
                continue
            }
            guard n > 0 else {
                failure = n < 0 ? Int32(-n) : EIO
                break
            }
            written += n
        }
        if failure == 0 {
            files.counters[.write_completed].increment()
        } else {
            files.counters[.write_failed].increment()
            if !files.hasFailed[chunk.sink] {
                report(
                    "access log \(files.entries[chunk.sink].sink.text): lines are lost: \(SystemError.text(failure))")
            }
        }
        files.hasFailed[chunk.sink] = failure != 0
        files.gauges[.write_total_buffered].sub(UInt64(chunk.count))
        recycle(chunk)
    }

    private func recycle(_ chunk: LogChunk) {
        let isKept = state.withLock { state in
            state.waiting -= chunk.count
            guard state.spare.count < Self.maxSpare, chunk.capacity == chunkCapacity else { return false }
            var empty = chunk
            empty.count = 0
            empty.lines = 0
            state.spare.append(empty)
            return true
        }
        if !isKept { chunk.bytes.deallocate() }
    }

    private static let maxSpare = 64

    private func reopenFiles() {
        for (i, entry) in files.entries.enumerated() {
            guard case .file = entry.sink else { continue }
            let descriptor = LogSinks.open(entry.sink)
            guard descriptor >= 0 else {
                files.counters[.reopen_failed].increment()
                report(
                    "access log \(entry.sink.text) cannot be reopened: \(SystemError.text(-descriptor)); "
                        + "logging goes on in the old file")
                continue
            }
            _ = cl_close(files.descriptors[i])
            files.descriptors[i] = descriptor
        }
    }
}

/// `filesystem.` cells of one thread's plane.
struct FilesystemCells: @unchecked Sendable {
    let counters: CounterGroup<FilesystemCounter>
    let gauges: GaugeGroup<FilesystemGauge>
    init(_ store: StatsStore, _ writer: StatsWriter) {
        counters = GroupIDs(store, in: FilesystemScope()).cells(writer)
        gauges = GroupIDs(store, in: FilesystemScope()).cells(writer)
    }
}
