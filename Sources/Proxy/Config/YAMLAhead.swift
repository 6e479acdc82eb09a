import Glibc
import Synchronization

/// A thread that fills batches of events while another one takes them, in order.
///
/// The thread owns the scanner and the batches that are empty, the taker those that are full; two semaphores say how many there are
/// of each, and a batch's turn says which is the next.
final class YAMLAhead: @unchecked Sendable {
    private static let depth = 8

    private let scanner: YAMLScanner
    private let batches = UnsafeMutablePointer<YAMLBatch>.allocate(capacity: depth)
    private let empty = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    private let full = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    private let isStopped = Atomic(false)
    private var thread = pthread_t()
    private var isRunning = false
    private var taken = 0

    /// nil: there can be no thread.
    init?(_ scanner: YAMLScanner) {
        self.scanner = scanner
        for place in 0..<Self.depth { (batches + place).initialize(to: YAMLBatch()) }
        sem_init(empty, 0, UInt32(Self.depth))
        sem_init(full, 0, 0)
        // Signals are for the threads that wait for them.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        let context = Unmanaged.passUnretained(self).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { @Sendable context in
                if let context { Unmanaged<YAMLAhead>.fromOpaque(context).takeUnretainedValue().run() }
                return nil
            }, context)
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else { return nil }
        isRunning = true
    }

    deinit {
        stop()
        batches.deinitialize(count: Self.depth)
        batches.deallocate()
        sem_destroy(empty)
        sem_destroy(full)
        empty.deallocate()
        full.deallocate()
    }

    /// The next batch, in exchange for one that is done with. Not after the last.
    func take(giving spare: YAMLBatch) -> YAMLBatch {
        Self.wait(full)
        let place = taken % Self.depth
        let batch = batches[place]
        batches[place] = spare
        taken += 1
        sem_post(empty)
        return batch
    }

    /// Returns when the thread has ended, wherever it is in the text.
    func stop() {
        guard isRunning else { return }
        isRunning = false
        isStopped.store(true, ordering: .relaxed)
        sem_post(empty)
        pthread_join(thread, nil)
    }

    private func run() {
        var place = 0
        while true {
            Self.wait(empty)
            if isStopped.load(ordering: .relaxed) { return }
            let batch = batches[place]
            batch.fill(from: scanner)
            let isLast = batch.isLast
            sem_post(full)
            if isLast { return }
            place = (place + 1) % Self.depth
        }
    }

    private static func wait(_ semaphore: UnsafeMutablePointer<sem_t>) {
        while sem_wait(semaphore) != 0 {}
    }
}
