import CLinux
import SharedMemory

/// The cells of one thread. The main thread resolves stats; what it gives out is written by the owning thread alone.
public final class StatsWriter {
    private let store: StatsStore
    private let plane: Plane?
    private var heapCells: [StatID: UnsafeMutablePointer<UInt64>] = [:]
    private var histograms: [StatID: UnsafeMutablePointer<LocalHistogram>] = [:]

    init(store: StatsStore, plane: Plane?) {
        self.store = store
        self.plane = plane
    }

    /// A counter's cell in this plane, the same one each time. `id` is of this writer's store, and of that kind.
    public func counter(_ id: StatID) -> Counter { Counter(cell: cells(id)) }

    /// A gauge's cell in this plane.
    public func gauge(_ id: StatID) -> Gauge { Gauge(cell: cells(id)) }

    /// A text readout's cells in this plane.
    public func text(_ id: StatID) -> TextReadout { TextReadout(cells: cells(id)) }

    /// A histogram's cells in this plane. Call `StatsStore.topUp()` before it records.
    public func histogram(_ id: StatID) -> Histogram {
        // One view a histogram: two would each take blocks of their own.
        if let known = histograms[id] { return Histogram(local: known) }
        let inPlane = planeCells(id)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Self.histogramBytes, alignment: 8)
        let words = (memory + MemoryLayout<LocalHistogram>.stride).bindMemory(
            to: UInt64.self, capacity: LocalHistogram.words)
        let local = memory.initializeMemory(
            as: LocalHistogram.self,
            to: LocalHistogram(
                cells: inPlane ?? heap(id, count: HistogramBins.cells), reserve: inPlane == nil ? nil : plane?.blocks,
                overflow: store.overflowCell, memory: words))
        store.addHistogram(id, local)
        histograms[id] = local
        return Histogram(local: local)
    }

    private static let histogramBytes = MemoryLayout<LocalHistogram>.stride + LocalHistogram.words * 8

    /// The cells of a template's stats in this plane.
    public func views(_ template: StatTemplate, _ ids: StatIDs) -> StatViews {
        let views = StatViews(count: template.count)
        for (i, kind) in template.kinds.enumerated() {
            switch kind {
            case .counter: views.set(i, counter(ids[i]))
            case .gauge: views.set(i, gauge(ids[i]))
            case .histogram: views.set(i, histogram(ids[i]))
            case .text: break
            }
        }
        return views
    }

    // Cells and views live as long as the process: threads point at them.

    private func cells(_ id: StatID) -> UnsafeMutablePointer<UInt64> {
        if let cell = planeCells(id) { return cell }
        if let known = heapCells[id] { return known }
        let cell = heap(id, count: store.entry(id).kind.cells)
        heapCells[id] = cell
        store.addHeapCell(id, cell)
        return cell
    }

    private func planeCells(_ id: StatID) -> UnsafeMutablePointer<UInt64>? {
        let entry = store.entry(id)
        guard let plane, entry.isInRegion else { return nil }
        do {
            return try plane.cell(entry.value, cells: entry.kind.cells)
        } catch {
            store.trouble("\(error): \(entry.nameText) is counted on the heap")
            store.region?.countOverflow()
            return nil
        }
    }

    private func heap(_ id: StatID, count: Int) -> UnsafeMutablePointer<UInt64> {
        let cells = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        cells.initialize(repeating: 0, count: count)
        return cells
    }

    /// The cells of a stat in the plane, where it has any.
    func existing(_ value: UInt32) -> UnsafeMutablePointer<UInt64>? { plane?.existing(value) }

    /// A histogram block of the plane.
    func block(_ index: Int) -> UnsafeMutablePointer<UInt64>? { plane?.blocks.pointee.block(index) }

    func topUp() {
        guard let plane, !histograms.isEmpty else { return }
        do {
            try plane.reserveBlocks(min(max(histograms.count * 3, 32), 1024))
        } catch {
            store.trouble("\(error): new histogram bins are kept on the heap")
        }
    }
}
