import Glibc

/// A worker's part of the access logs: entries of requests under way, and lines that the writer's thread has not got yet.
/// Only the worker's thread touches it.
final class WorkerLog {
    struct State: BitwiseCopyable {
        /// When the oldest line is to be handed over, 0: there is none.
        var deadlineNs: UInt64 = 0
        /// CLOCK_REALTIME less CLOCK_MONOTONIC, as of `offsetOfNs`.
        var wallOffsetNs: UInt64 = 0
        var offsetOfNs: UInt64 = 0
    }
    let entries: Slab<LogEntry>
    let line = LogLine()
    let state: UnsafeMutablePointer<State>
    let cells: FilesystemCells
    private let writer: AccessLogWriter?
    /// By position of the sink.
    private let chunks: UnsafeMutablePointer<LogChunk>
    private let sinkCount: Int
    private let chunkBytes: Int
    private let intervalNs: UInt64

    init(_ writer: AccessLogWriter?, cells: FilesystemCells, limit: Int) {
        self.writer = writer
        self.cells = cells
        entries = Slab(empty: LogEntry(), limit: limit)
        state = .allocate(capacity: 1)
        state.initialize(to: State())
        sinkCount = writer?.room ?? 0
        chunkBytes = writer?.chunkBytes ?? .max
        intervalNs = writer?.intervalNs ?? 0
        chunks = .allocate(capacity: max(sinkCount, 1))
        for i in 0..<sinkCount {
            var empty = AccessLogWriter.emptyChunk(capacity: 1)
            empty.sink = i
            (chunks + i).initialize(to: empty)
        }
    }

    deinit {
        for i in 0..<sinkCount { chunks[i].bytes.deallocate() }
        chunks.deallocate()
        state.deallocate()
    }

    /// Takes what `line` has written, which is for this sink.
    func append(to sink: Int, nowNs: UInt64) {
        let count = line.out.count
        defer { line.out.clear() }
        guard sink < sinkCount, count > 0 else { return }
        let chunk = chunks + sink
        if chunk.pointee.capacity &- chunk.pointee.count < count { makeRoom(chunk, count) }
        memcpy(chunk.pointee.bytes + chunk.pointee.count, line.out.bytes, count)
        chunk.pointee.count &+= count
        chunk.pointee.lines &+= 1
        cells.counters[.write_buffered].increment()
        cells.gauges[.write_total_buffered].add(UInt64(count))
        if state.pointee.deadlineNs == 0 { state.pointee.deadlineNs = nowNs &+ intervalNs }
        if chunk.pointee.count >= chunkBytes { handOver(chunk) }
    }

    /// The cold half: the first line of a sink, or one that does not fit behind the others.
    @inline(never)
    private func makeRoom(_ chunk: UnsafeMutablePointer<LogChunk>, _ count: Int) {
        if chunk.pointee.count > 0 { handOver(chunk) }
        guard chunk.pointee.capacity < count, let writer else { return }
        chunk.pointee.bytes.deallocate()
        let sink = chunk.pointee.sink
        var larger = writer.emptyChunk()
        if larger.capacity < count {
            larger.bytes.deallocate()
            larger = AccessLogWriter.emptyChunk(capacity: count)
        }
        larger.sink = sink
        chunk.pointee = larger
    }

    /// Gives a chunk to the writer's thread. When too much waits for it already, its lines are dropped.
    private func handOver(_ chunk: UnsafeMutablePointer<LogChunk>) {
        guard var empty = writer?.exchange(chunk.pointee) else {
            cells.counters[.write_dropped].add(UInt64(chunk.pointee.lines))
            cells.gauges[.write_total_buffered].sub(UInt64(chunk.pointee.count))
            chunk.pointee.count = 0
            chunk.pointee.lines = 0
            return
        }
        empty.sink = chunk.pointee.sink
        chunk.pointee = empty
    }

    /// Gives everything to the writer's thread.
    func flush(byTimer: Bool) {
        state.pointee.deadlineNs = 0
        for i in 0..<sinkCount where chunks[i].count > 0 {
            if byTimer { cells.counters[.flushed_by_timer].increment() }
            handOver(chunks + i)
        }
    }
}
