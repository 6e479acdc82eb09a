import HotRestart

/// The running timers of a hot-restart session, on the main loop.
final class SessionTimers {
    private let loop: MainLoop
    private var running: [SessionTimer: MainTimer] = [:]

    init(loop: MainLoop) { self.loop = loop }

    func set(_ timer: SessionTimer, ns: UInt64, _ body: @escaping () -> Void) {
        running[timer]?.cancel()
        running[timer] = loop.after(ms: (ns + 999_999) / 1_000_000, body)
    }

    func cancel(_ timer: SessionTimer) { running.removeValue(forKey: timer)?.cancel() }

    func cancelAll() {
        for timer in running.values { timer.cancel() }
        running = [:]
    }
}
