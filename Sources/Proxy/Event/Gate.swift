import CLinux

/// Before it workers wait while the main thread changes what they read (`WorkerPool.whileHeld`).
final class Gate: @unchecked Sendable {
    private let word: UnsafeMutablePointer<UInt32>

    init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    var isOpen: Bool { cl_load32_acquire(word) != 0 }

    /// Main thread.
    func open() {
        cl_store32_release(word, 1)
        cl_word_wake(word)
    }

    /// Returns when it is open.
    func wait() { while !isOpen { cl_word_wait(word, 0, 1000) } }
}
