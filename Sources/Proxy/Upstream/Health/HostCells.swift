import CLinux

/// What workers count of one host for its outlier detection, in memory that they share with the main thread.
///
/// The counts of failures in a row are of all workers together, as Envoy has them. A success writes to them only where
/// there was a failure before, so that they are as good as read-only. Totals lie in a cache line of each worker's own.
///
/// Whoever uses the memory keeps a reference: the main thread, and each worker for the hosts of its list.
public final class HostCells: @unchecked Sendable {
    /// Words that all workers write.
    enum Word {
        static let consecutive5xx = 0, consecutiveGatewayFailure = 1, consecutiveLocalOriginFailure = 2
        /// Which host it is; never written again.
        static let id = 3
    }
    /// Words of one worker.
    enum Total {
        static let answers = 0, goodAnswers = 1, attempts = 2, goodAttempts = 3
        static let count = 4
    }
    /// Words in a cache line.
    static let stride = 8

    let words: UnsafeMutablePointer<UInt64>
    private let workers: Int

    init(id: UInt64, workers: Int) {
        self.workers = workers
        let count = Self.stride * (workers + 1)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: 64)
        words = memory.initializeMemory(as: UInt64.self, repeating: 0, count: count)
        words[Word.id] = id
    }

    deinit { UnsafeMutableRawPointer(words).deallocate() }

    var id: UInt64 { words[Word.id] }

    /// Sums over all workers, by `Total`.
    var totals: [UInt64] {
        (0..<Total.count).map { total in
            (1...workers).reduce(0) { $0 &+ cl_load_relaxed(words + Self.stride * $1 + total) }
        }
    }

    var consecutive: [UInt64] { (0..<3).map { cl_load_relaxed(words + $0) } }

    func setConsecutive(_ position: Int, _ value: UInt64) { cl_store_relaxed(words + position, value) }

    func resetConsecutive() { for position in 0..<3 { setConsecutive(position, 0) } }
}

/// What a worker has to say of a host.
enum HostEvent: Sendable {
    /// A count of failures in a row has reached its limit.
    case consecutive5xx, consecutiveGatewayFailure, consecutiveLocalOriginFailure
    /// A response said that its host is not well.
    case immediateFailure
}
