import CLinux
import Glibc
import Stats
import Synchronization

/// The store behind the handlers, and the cells of every thread that has counted something.
///
/// A store and its planes are for one thread each. So the store, and everything that is not a cell, is touched with `lock`
/// held; a cell is written by the thread that has its `ThreadCells`, found through a pthread key without a lock. The first
/// `planes` threads that live at once get planes of their own; later ones share one plane and add atomically.
final class StatsBackend: @unchecked Sendable {
    /// What `lock` guards, except `key`.
    private let lock = Mutex(())
    private let store: StatsStore
    /// The plane of gauges, which any thread sets, and of the threads that have none of their own.
    private let shared: StatsWriter
    private var planesLeft: Int
    private var idle: [ThreadCellsPointer] = []
    private var idleShared: [ThreadCellsPointer] = []
    private var slots: [(id: StatID, isHistogram: Bool)] = []
    private var slotIndices: [StatID: Int] = [:]
    private var handlers: [HandlerKey: any AnyObject & Sendable] = [:]
    private var gauges: [String: StatsGaugeHandler] = [:]

    /// What the store had to say while the lock was held: told afterwards, since whoever is told may count something.
    private final class Sentences { var texts: [String] = [] }
    private let sentences = Sentences()
    private let report: @Sendable (String) -> Void
    /// Guards the histograms of the shared plane.
    private let sharedHistograms = Mutex(())
    let key: pthread_key_t

    init(store: sending StatsStore, planes: Int, report: @escaping @Sendable (String) -> Void) {
        self.store = store
        self.report = report
        planesLeft = planes
        let sentences = sentences
        store.report = { sentences.texts.append($0) }
        shared = store.makeWriter()
        var key = pthread_key_t()
        let code = pthread_key_create(&key) { pointer in
            guard let pointer else { return }
            StatsBackend.threadEnded(pointer.assumingMemoryBound(to: ThreadCells.self))
        }
        precondition(code == 0, "pthread_key_create: \(String(cString: strerror(code)))")
        self.key = key
        // As long as the process, like the cells: threads point at it, and when they end is not for us to know.
        _ = Unmanaged.passRetained(self)
        tell()
    }

    /// Runs `body` with the store to itself.
    func withStore<T>(_ body: (StatsStore) throws -> T) rethrows -> T {
        defer { tell() }
        return try locked { try body(store) }
    }

    private func locked<T>(_ body: () throws -> T) rethrows -> T {
        var result: T?
        try lock.withLock { _ in result = try body() }
        return result!
    }

    func tell() {
        let texts = locked {
            defer { sentences.texts = [] }
            return sentences.texts
        }
        for text in texts { report(text) }
    }

    // MARK: - Handlers

    /// The handler of that label and dimensions: the one there is, or what `make` makes with the lock held.
    func handler<H: AnyObject & Sendable>(
        _ kind: HandlerKey.Kind, _ label: String, _ dimensions: [(String, String)], make: () -> H
    ) -> H {
        let name = HandlerKey(kind: kind, label: label, dimensions: dimensions)
        let cells = pthread_getspecific(key)?.assumingMemoryBound(to: ThreadCells.self)
        if let known = cells?.pointee.handlers[name] { return unsafeDowncast(known, to: H.self) }
        var isNew = false
        let handler = locked {
            if let known = handlers[name] { return unsafeDowncast(known, to: H.self) }
            let made = make()
            handlers[name] = made
            isNew = true
            return made
        }
        cells?.pointee.handlers[name] = handler
        if isNew { tell() }
        return handler
    }

    // What `make` uses.

    func counter(_ name: String) -> SlotPlace { slot(store.counter(name), isHistogram: false) }

    func histogram(_ name: String, _ unit: StatUnit) -> SlotPlace {
        slot(store.histogram(name, unit: unit), isHistogram: true)
    }

    func gauge(_ name: String) -> StatsGaugeHandler {
        if let known = gauges[name] { return known }
        let made = StatsGaugeHandler(backend: self, name: name, cell: cell(name))
        gauges[name] = made
        return made
    }

    private func cell(_ name: String) -> SharedGauge {
        SharedGauge(gauge: shared.gauge(store.gauge(name, import: .accumulate)))
    }

    /// The cell of a gauge, for a handler that needs another one. Call `tell` when nothing is locked.
    func gaugeCell(_ name: String) -> SharedGauge { locked { cell(name) } }

    private func slot(_ id: StatID, isHistogram: Bool) -> SlotPlace {
        let index = slotIndices[id] ?? slots.count
        if index == slots.count {
            slotIndices[id] = index
            slots.append((id, isHistogram))
        }
        return SlotPlace(backend: self, key: key, index: index)
    }

    // MARK: - Threads

    /// The cells of this thread with the slot `index` filled.
    func resolve(_ index: Int) -> UnsafeMutablePointer<ThreadCells> {
        let known = pthread_getspecific(key)?.assumingMemoryBound(to: ThreadCells.self)
        if let known, index < known.pointee.count,
            known.pointee.slots[index].counter != nil || known.pointee.slots[index].histogram != nil
        {
            return known
        }
        defer { tell() }
        return locked {
            let cells = known ?? adopt()
            cells.pointee.reach(index)
            let stat = slots[index]
            if stat.isHistogram {
                cells.pointee.slots[index].histogram = cells.pointee.writer.histogram(stat.id)
            } else {
                cells.pointee.slots[index].counter = cells.pointee.writer.counter(stat.id)
            }
            return cells
        }
    }

    /// Gives this thread cells: those of a thread that has ended, a plane of its own, or its share of the common one.
    private func adopt() -> UnsafeMutablePointer<ThreadCells> {
        let cells: UnsafeMutablePointer<ThreadCells>
        if let known = idle.popLast() {
            cells = known.pointer
        } else if let writer = ownWriter() {
            cells = .allocate(capacity: 1)
            cells.initialize(to: ThreadCells(backend: self, writer: writer, isShared: false))
        } else if let known = idleShared.popLast() {
            cells = known.pointer
        } else {
            cells = .allocate(capacity: 1)
            cells.initialize(to: ThreadCells(backend: self, writer: shared, isShared: true))
        }
        let code = pthread_setspecific(key, cells)
        precondition(code == 0, "pthread_setspecific: \(String(cString: strerror(code)))")
        return cells
    }

    /// A writer with a plane of its own; nil when this process has its share of planes, or the region none to give.
    private func ownWriter() -> StatsWriter? {
        guard planesLeft > 0 else { return nil }
        planesLeft -= 1
        let before = store.region?.header.overflows
        let writer = store.makeWriter()
        // It is on the heap, which would not survive a crash; the shared plane does. Should another process have counted
        // that overflow, a plane stays empty: no harm.
        if store.region?.header.overflows != before {
            planesLeft = 0
            return nil
        }
        return writer
    }

    /// The destructor of the pthread key. Should another destructor of that thread count something afterwards, the thread
    /// adopts cells once more and comes here again.
    private static func threadEnded(_ cells: UnsafeMutablePointer<ThreadCells>) {
        let backend = cells.pointee.backend
        backend.locked {
            let free = ThreadCellsPointer(pointer: cells)
            if cells.pointee.isShared { backend.idleShared.append(free) } else { backend.idle.append(free) }
        }
    }

    // MARK: - Histograms

    /// Sees to it that every plane has histogram blocks to take.
    func topUp() {
        locked { store.topUp() }
        tell()
    }

    /// Records in a histogram of the shared plane.
    func recordAmongOthers(_ histogram: Histogram, _ value: UInt64) {
        let done = sharedHistograms.withLock { _ in
            guard histogram.hasBins(for: value) else { return false }
            histogram.record(value)
            return true
        }
        guard !done else { return }
        topUp()
        sharedHistograms.withLock { _ in histogram.record(value) }
    }
}

/// Which handler: what a caller of swift-metrics names.
struct HandlerKey: Hashable {
    enum Kind { case counter, floatingPointCounter, gauge, recorder, timer }
    let kind: Kind
    let label: String
    let dimensions: [(String, String)]

    static func == (a: HandlerKey, b: HandlerKey) -> Bool {
        a.kind == b.kind && a.label == b.label && a.dimensions.elementsEqual(b.dimensions, by: ==)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(label)
        for (key, value) in dimensions {
            hasher.combine(key)
            hasher.combine(value)
        }
    }
}
