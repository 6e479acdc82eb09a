/// Stats that are made together, under one prefix after another: all those of a cluster.
public struct StatTemplate: Sendable {
    /// One of them.
    struct Item: Sendable {
        /// What stands behind the prefix, in `text`.
        let name: Range<Int>
        let kind: StatKind
        let unit: StatUnit
        let gaugeImport: GaugeImport
        let flags: StatFlags
        /// The tags that the end of an Envoy name has, whatever stands before it; nil: it is too short to tell.
        let endTags: [StatTag]?
    }

    /// In the order in which they were added, which is that of the ids.
    private(set) var items: [Item] = []
    private(set) var kinds: [StatKind] = []
    private(set) var text: [UInt8] = []

    /// No stats.
    public init() {}

    /// How many there are.
    public var count: Int { items.count }

    /// Adds one: a counter, a gauge or a histogram.
    ///
    /// - Parameter name: what stands behind the prefix; not empty.
    public mutating func add(
        _ name: String, _ kind: StatKind, unit: StatUnit = .unspecified, import mode: GaugeImport = .accumulate,
        flags: StatFlags = []
    ) {
        let bytes = Array(name.utf8)
        precondition(!bytes.isEmpty && kind != .text, "a template has counters, gauges and histograms with names")
        let start = text.count
        text += bytes
        kinds.append(kind)
        items.append(
            Item(
                name: start..<text.count, kind: kind, unit: unit, gaugeImport: mode, flags: flags,
                endTags: TagExtractor.endTags(bytes)))
    }
}

/// The stats of a template under one prefix.
public struct StatIDs: Sendable {
    /// How many there are.
    public let count: Int
    private let first: Int
    /// Empty: they follow one another, as those do that were made in one go.
    private let positions: [Int]

    init(_ positions: [Int]) {
        count = positions.count
        first = positions.first ?? 0
        let start = first
        self.positions = positions.enumerated().allSatisfy { $1 == start + $0 } ? [] : positions
    }

    /// That of the template's stat at a position.
    public subscript(_ position: Int) -> StatID {
        precondition(position >= 0 && position < count)
        return StatID(index: positions.isEmpty ? first + position : positions[position])
    }
}

/// The cells of a template's stats in one plane, in the order of the template. They live as long as the process, and so
/// does the memory in which they are listed.
public struct StatViews: BitwiseCopyable {
    private let memory: UnsafeMutableRawPointer
    private static let stride = MemoryLayout<UnsafeMutableRawPointer>.stride

    init(count: Int) {
        memory = .allocate(byteCount: max(count, 1) * Self.stride, alignment: Self.stride)
    }

    func free() { memory.deallocate() }

    func set(_ position: Int, _ counter: Counter) {
        (memory + position * Self.stride).initializeMemory(as: Counter.self, to: counter)
    }

    func set(_ position: Int, _ gauge: Gauge) {
        (memory + position * Self.stride).initializeMemory(as: Gauge.self, to: gauge)
    }

    func set(_ position: Int, _ histogram: Histogram) {
        (memory + position * Self.stride).initializeMemory(as: Histogram.self, to: histogram)
    }

    /// The counters from a position on.
    public func counters(from position: Int) -> UnsafeMutablePointer<Counter> {
        (memory + position * Self.stride).assumingMemoryBound(to: Counter.self)
    }

    /// The gauges from a position on.
    public func gauges(from position: Int) -> UnsafeMutablePointer<Gauge> {
        (memory + position * Self.stride).assumingMemoryBound(to: Gauge.self)
    }

    /// The histograms from a position on.
    public func histograms(from position: Int) -> UnsafeMutablePointer<Histogram> {
        (memory + position * Self.stride).assumingMemoryBound(to: Histogram.self)
    }
}

/// Counters and gauges of a template that count before they are made: cells that nobody shows, until what they say moves
/// into a plane.
public struct WaitingStats {
    /// What counts meanwhile.
    public let views: StatViews
    private let kinds: [StatKind]
    private let cells: UnsafeMutablePointer<UInt64>

    /// - Parameter template: of counters and gauges.
    public init(_ template: StatTemplate) {
        kinds = template.kinds
        views = StatViews(count: kinds.count)
        cells = .allocate(capacity: max(kinds.count, 1))
        cells.initialize(repeating: 0, count: max(kinds.count, 1))
        for (i, kind) in kinds.enumerated() {
            precondition(kind == .counter || kind == .gauge, "only counters and gauges can wait")
            if kind == .gauge { views.set(i, Gauge(cell: cells + i)) } else { views.set(i, Counter(cell: cells + i)) }
        }
    }

    /// Counts there what was counted here, and gives the memory back: nobody may use these views any more.
    public func move(to made: StatViews) {
        for (i, kind) in kinds.enumerated() {
            if kind == .gauge {
                made.gauges(from: i).pointee.set(cells[i])
            } else {
                made.counters(from: i).pointee.add(cells[i])
            }
        }
        cells.deallocate()
        views.free()
    }
}
