import CLinux
import Glibc
import SharedMemory

/// The cells of all planes of a region: where they are, and their sums.
final class PlaneSums {
    typealias Run = (first: Int, cells: UnsafeBufferPointer<UInt64>)
    private let reader: RegionReader
    private var planes: [[Run]] = []
    /// Values below this one have a sum.
    let valueCount: Int
    /// Over all planes.
    private let all: UnsafeMutablePointer<UInt64>
    /// Over the planes of live processes.
    let live: UnsafeMutablePointer<UInt64>
    /// Over those of the process that serves.
    let newest: UnsafeMutablePointer<UInt64>
    /// What was counted before the last reset, here and in the region before; nil: there was none.
    private var resets: UnsafeMutablePointer<UInt64>?
    /// What the region before this one says; nil: there is none.
    let earlier: EarlierStats?
    /// A name last asked for before this process began is left over.
    let inUse: UInt64

    init(_ reader: RegionReader, valueCount: Int) {
        self.reader = reader
        self.valueCount = valueCount
        // Zeros from calloc: what nobody adds to takes no memory.
        func sums() -> UnsafeMutablePointer<UInt64> {
            let bytes = calloc(max(valueCount, 1), MemoryLayout<UInt64>.stride)
            return bytes!.bindMemory(to: UInt64.self, capacity: valueCount)
        }
        all = sums()
        live = sums()
        newest = sums()
        inUse = reader.oldestOrdinalInUse
        let newestSlot = reader.newestHere?.index
        earlier = EarlierStats(reader)
        for plane in 0..<reader.planeCount {
            let owner = reader.liveOwner(plane: plane)
            var runs: [Run] = []
            reader.cells(plane: plane) { first, cells in
                runs.append((first, cells))
                add(cells, at: first, to: all)
                if let owner {
                    add(cells, at: first, to: live)
                    if owner.index == newestSlot { add(cells, at: first, to: newest) }
                }
            }
            planes.append(runs)
        }
        reader.baseline { first, cells in
            if resets == nil { resets = sums() }
            if let resets { add(cells, at: first, to: resets) }
        }
    }

    deinit {
        free(all)
        free(live)
        free(newest)
        free(resets)
    }

    /// Whether the process that serves counts in the region before this one.
    var isNewestEarlier: Bool { reader.predecessor?.newestHere != nil }

    /// A counter, given what the region before this one says of it.
    @inline(__always)
    func counter(_ value: Int, and before: UInt64 = 0) -> UInt64 {
        let sum = all[value] &+ before
        guard let resets else { return sum }
        // Two resets since we opened the region write into the baseline that we read.
        return sum > resets[value] ? sum - resets[value] : 0
    }

    /// A counter of this region alone, whatever was reset.
    @inline(__always)
    func raw(_ value: Int) -> UInt64 { all[value] }

    private func add(_ cells: UnsafeBufferPointer<UInt64>, at first: Int, to sums: UnsafeMutablePointer<UInt64>) {
        let count = min(cells.count, valueCount - first)
        guard count > 0, let cells = cells.baseAddress else { return }
        for i in 0..<count { sums[first + i] &+= cl_load_relaxed(cells + i) }
    }

    /// What the last closed interval had; nil when there is none.
    func interval(_ value: Int) -> HistogramData? {
        reader.intervalPlane.map { Self.histogram(value, plane: $0, reader) }
    }

    /// What a plane says that no thread counts in.
    static func histogram(_ value: Int, plane: Int, _ reader: RegionReader) -> HistogramData {
        var data = HistogramData()
        reader.cells(plane: plane) { add(value, plane, ($0, $1), reader, to: &data) }
        return data
    }

    private static func add(
        _ value: Int, _ plane: Int, _ run: Run, _ reader: RegionReader, to data: inout HistogramData
    ) {
        guard value >= run.first, value + HistogramBins.cells <= run.first + run.cells.count else { return }
        add(run.cells.baseAddress! + (value - run.first), plane, reader, to: &data)
    }

    /// Adds what one plane has of a histogram, given its cells there.
    static func add(
        _ cells: UnsafePointer<UInt64>, _ plane: Int, _ reader: RegionReader, to data: inout HistogramData
    ) {
        data.zeros &+= cl_load_relaxed(cells)
        for decade in 0..<HistogramBins.decades {
            let number = cl_load_acquire(cells + HistogramBins.firstBlockCell + decade)
            guard number > 0, number <= UInt64(UInt32.max), let block = reader.block(plane: plane, Int(number - 1))
            else { continue }
            data.add(decade: decade, block)
        }
        // Written first and read last: it has whatever the bins have.
        cl_fence()
        data.sum &+= cl_load_relaxed(cells + 1)
    }

    /// - Parameter only: the plane to look at; nil: all of them.
    func histogram(_ value: Int, only: Int? = nil) -> HistogramData {
        var data = HistogramData()
        for (plane, runs) in planes.enumerated() where only == nil || only == plane {
            for run in runs { Self.add(value, plane, run, reader, to: &data) }
        }
        return data
    }

    /// What the process that serves says.
    func text(_ value: Int) -> String {
        guard let newest = reader.newestHere?.index else { return "" }
        for plane in planes.indices where reader.liveOwner(plane: plane)?.index == newest {
            let text = text(value, plane: plane)
            if !text.isEmpty { return text }
        }
        return ""
    }

    /// What a text readout says in one plane; empty when nothing.
    func text(_ value: Int, plane: Int) -> String {
        for run in planes[plane] where value >= run.first && value + TextCells.cells <= run.first + run.cells.count {
            let text = TextCells.read(run.cells.baseAddress! + (value - run.first))
            if !text.isEmpty { return text }
        }
        return ""
    }

    /// One cell in one plane, 0 where the plane has none.
    func cell(_ value: Int, plane: Int) -> UInt64 {
        for run in planes[plane] where value >= run.first && value < run.first + run.cells.count {
            return cl_load_relaxed(run.cells.baseAddress! + (value - run.first))
        }
        return 0
    }
}
