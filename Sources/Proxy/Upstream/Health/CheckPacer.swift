/// Starts checks a few at a time. Thousands of hosts may be due at once, and the main loop has others to serve: a hot
/// restart waits for it while connections stand still.
final class CheckPacer {
    /// Checks begun in one turn of the loop: a millisecond or less.
    private static let batch = 16
    private let loop: MainLoop
    private var waiting: [() -> Void] = []
    /// What stands before it in `waiting` has been started.
    private var next = 0
    private var isRunning = false

    init(loop: MainLoop) { self.loop = loop }

    /// Runs `check` in this turn of the loop or a later one, in the order of the calls.
    func start(_ check: @escaping () -> Void) {
        waiting.append(check)
        if isRunning { return }
        isRunning = true
        loop.after(ms: 0) { [weak self] in self?.run() }
    }

    private func run() {
        let end = min(next + Self.batch, waiting.count)
        while next < end {
            waiting[next]()
            next += 1
        }
        if next == waiting.count {
            waiting.removeAll(keepingCapacity: next < 1024)
            next = 0
            isRunning = false
        } else {
            loop.after(ms: 0) { [weak self] in self?.run() }
        }
    }
}
