import CLinux
import Glibc

/// A time after which something happens once; `cancel` makes it never happen.
final class MainTimer {
    /// How many cancelled ones a loop still has.
    fileprivate final class Cancelled { var count = 0 }

    fileprivate let deadlineNs: UInt64
    fileprivate var body: (() -> Void)?
    private let cancelled: Cancelled

    fileprivate init(deadlineNs: UInt64, _ cancelled: Cancelled, body: @escaping () -> Void) {
        self.deadlineNs = deadlineNs
        self.cancelled = cancelled
        self.body = body
    }

    func cancel() {
        guard body != nil else { return }
        body = nil
        cancelled.count += 1
    }
}

/// The main thread's event loop: admin, signals, DNS, hot restart, stats. Rare events, so closures are fine here; the
/// workers have a loop of their own.
final class MainLoop {
    private final class Watcher {
        let generation: UInt32
        let handler: (UInt32) -> Void
        init(generation: UInt32, handler: @escaping (UInt32) -> Void) {
            self.generation = generation
            self.handler = handler
        }
    }

    let mailbox: MainMailbox
    private let epoll: Int32
    private var watchers: [Int32: Watcher] = [:]
    /// Latest first, so that the next one to fire is the last.
    private var timers: [MainTimer] = []
    private let cancelled = MainTimer.Cancelled()
    private var generation: UInt32 = 0
    private var running = false

    init() throws(SystemError) {
        let fd = cl_epoll_create()
        guard fd >= 0 else { throw SystemError(call: "epoll_create1", code: -fd) }
        epoll = fd
        mailbox = try MainMailbox()
        try watch(mailbox.descriptor, Epoll.input) { [mailbox] _ in mailbox.run() }
    }

    deinit { _ = cl_close(epoll) }

    /// Calls `handler` with the event bits whenever the descriptor is ready (level-triggered). Watching it again replaces
    /// what was.
    func watch(_ descriptor: Int32, _ events: UInt32, _ handler: @escaping (UInt32) -> Void) throws(SystemError) {
        generation &+= 1
        let data = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        var rc = cl_epoll_add(epoll, descriptor, events, data)
        if rc == -EEXIST { rc = cl_epoll_mod(epoll, descriptor, events, data) }
        guard rc >= 0 else { throw SystemError(call: "epoll_ctl", code: -rc) }
        watchers[descriptor] = Watcher(generation: generation, handler: handler)
    }

    /// Call before the descriptor is closed or passed on: an open file description elsewhere would keep reporting.
    func unwatch(_ descriptor: Int32) {
        guard watchers.removeValue(forKey: descriptor) != nil else { return }
        _ = cl_epoll_del(epoll, descriptor)
    }

    @discardableResult
    func after(ms: UInt64, _ body: @escaping () -> Void) -> MainTimer {
        // Timeouts are cancelled far more often than they fire.
        if cancelled.count > 64, cancelled.count > timers.count / 2 {
            timers.removeAll { $0.body == nil }
            cancelled.count = 0
        }
        let timer = MainTimer(deadlineNs: cl_monotonic_ns() &+ ms &* 1_000_000, cancelled, body: body)
        var low = 0
        var high = timers.count
        while low < high {
            let middle = (low + high) / 2
            if timers[middle].deadlineNs > timer.deadlineNs { low = middle + 1 } else { high = middle }
        }
        timers.insert(timer, at: low)
        return timer
    }

    /// Runs until `stop`.
    func run() {
        running = true
        while running { turn() }
    }

    func stop() { running = false }

    /// Runs until `done` holds or `limitMs` have passed; returns whether it holds.
    func run(until done: () -> Bool, limitMs: UInt64) -> Bool {
        var expired = false
        let timer = after(ms: limitMs) { expired = true }
        defer { timer.cancel() }
        while !done(), !expired { turn() }
        return done()
    }

    private func turn() {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        let count = cl_epoll_wait(epoll, &events, Int32(events.count), timeoutMs())
        for event in events.prefix(Int(max(count, 0))) {
            var event = event
            let data = cl_event_data(&event)
            let descriptor = Int32(truncatingIfNeeded: data)
            guard let watcher = watchers[descriptor], watcher.generation == UInt32(data >> 32) else { continue }
            watcher.handler(cl_event_mask(&event))
        }
        let now = cl_monotonic_ns()
        while let timer = timers.last, timer.deadlineNs <= now || timer.body == nil {
            timers.removeLast()
            let body = timer.body
            if body == nil { cancelled.count -= 1 }
            timer.body = nil
            body?()
        }
    }

    private func timeoutMs() -> Int32 {
        while let timer = timers.last, timer.body == nil {
            timers.removeLast()
            cancelled.count -= 1
        }
        guard let timer = timers.last else { return -1 }
        let now = cl_monotonic_ns()
        guard timer.deadlineNs > now else { return 0 }
        // Rounded up, so that the loop does not wake just before the time.
        return Int32(min((timer.deadlineNs - now + 999_999) / 1_000_000, 3_600_000))
    }
}
