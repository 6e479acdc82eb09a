import CLinux

/// Before it workers wait while the main thread changes what they read (`WorkerPool.whileHeld`).
final class Gate: @unchecked Sendable {
    /// 1: it is open.
    private let word: UnsafeMutablePointer<UInt32>
    private let count: UnsafeMutablePointer<UInt64>

    init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
        count = .allocate(capacity: 1)
        count.initialize(to: 0)
    }

    deinit {
        word.deallocate()
        count.deallocate()
    }

    var isOpen: Bool { cl_load32_acquire(word) != 0 }

    /// How many wait.
    var arrived: UInt64 { cl_load_acquire(count) }

    /// Main thread.
    func open() {
        cl_store32_release(word, 1)
        cl_word_wake(word)
    }

    /// Worker: returns when it is open.
    func wait() {
        // What this worker has written is seen by whoever sees the count.
        while true {
            let known = cl_load_acquire(count)
            if cl_compare_exchange(count, known, known &+ 1) { break }
        }
        while !isOpen { cl_word_wait(word, 0, 1000) }
    }
}
