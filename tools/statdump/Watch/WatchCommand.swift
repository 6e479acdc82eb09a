import CLinux
import Glibc
import SharedMemory
import Stats

/// `--watch`: looks at the region again and again, opening it anew each time, so that a restart, a crash, a new
/// generation and a region that was not there yet are nothing special.
enum WatchCommand {
    static func run(
        _ baseID: UInt32, _ selection: Selection, seconds: Double, sort: SortOrder?
    ) throws(Failure) {
        guard let terminal = Terminal() else { return try PlainWatch.run(baseID, selection, seconds: seconds) }
        var loop = WatchLoop(baseID, selection, terminal, sort: sort ?? .name)
        let ending = try loop.run(seconds: seconds)
        terminal.leave()
        if let ending { die(of: ending) }
    }

    /// Calls `body` with a sample of the region as it is now.
    static func sample<T>(
        _ baseID: UInt32, _ selection: Selection, _ body: (borrowing StatLines, RegionFacts) -> T
    ) throws(RegionError) -> T {
        let reader = try RegionReader(baseID: baseID)
        var lines = StatLines(reader, withTags: false)
        if !selection.isEverything { lines.keep { selection.shows($0) } }
        let facts = RegionFacts(
            identity: RegionIdentity(reader), live: reader.liveSlots, newest: reader.newest,
            nowNs: cl_realtime_ns())
        return body(lines, facts)
    }

    static func absence(_ error: RegionError) -> String {
        if case .missing = error { return "no region yet: waiting for one" }
        return "\(error)"
    }

    /// As the signal would have ended it: who waits for us sees which.
    private static func die(of signal: Int32) {
        Glibc.signal(signal, SIG_DFL)
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        kill(getpid(), signal)
    }
}

/// The full-screen view: a terminal, signals and a clock around a `WatchModel`.
private struct WatchLoop {
    private var model: WatchModel
    private let selection: Selection
    private let terminal: Terminal
    private let isUnicode = Terminal.isUnicode

    init(_ baseID: UInt32, _ selection: Selection, _ terminal: Terminal, sort: SortOrder) {
        model = WatchModel(baseID: baseID, sort: sort)
        self.selection = selection
        self.terminal = terminal
    }

    /// Returns the signal that ended it; nil: a key.
    mutating func run(seconds: Double) throws(Failure) -> Int32? {
        let signals = cl_signalfd([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH], 7)
        guard signals >= 0 else { throw Failure("signalfd: \(String(cString: strerror(-signals)))") }
        defer { _ = cl_close(signals) }
        let step = UInt64(seconds * 1e9)
        terminal.enter()
        var next = cl_monotonic_ns()
        while true {
            let now = cl_monotonic_ns()
            if now >= next {
                take(at: Double(now) / 1e9)
                // After a stop there is nothing to catch up with.
                next = max(next + step, now + step / 2)
            }
            draw()
            var waiting = [
                pollfd(fd: terminal.input, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            ]
            let left = next > cl_monotonic_ns() ? next - cl_monotonic_ns() : 0
            poll(&waiting, 2, Int32(clamping: left / 1_000_000 + 1))
            if waiting[1].revents != 0, let ending = handle(cl_signalfd_next(signals)) { return ending }
            guard waiting[0].revents != 0 else { continue }
            guard let keys = terminal.keys() else { return SIGHUP }
            for key in keys { model.press(key) }
            if model.state.wantsToQuit { return nil }
        }
    }

    private mutating func take(at time: Double) {
        do {
            try WatchCommand.sample(model.baseID, selection) { model.add($0, $1, at: time) }
        } catch {
            model.addAbsence(WatchCommand.absence(error))
        }
    }

    private mutating func draw() {
        let size = terminal.size
        terminal.draw(Screen(width: size.width, height: size.height, isUnicode: isUnicode).lines(&model))
    }

    /// Returns it when it ends the view.
    private func handle(_ signal: Int32) -> Int32? {
        switch signal {
        case SIGINT, SIGTERM, SIGHUP, SIGQUIT: return signal
        case SIGTSTP:
            terminal.leave()
            // SIGTSTP itself is blocked for signalfd. We go on after this when somebody says so.
            raise(SIGSTOP)
            terminal.enter()
        case SIGCONT:
            // The shell has had the terminal meanwhile.
            terminal.enter()
        default: break
        }
        return nil
    }
}
