/// A stat of a `StatsStore`: what a writer turns into cells.
public struct StatID: Hashable, Sendable {
    let index: Int
}

/// What a stat's cells are. A counter, a gauge, a histogram and a text of one name are four stats.
public enum StatKind: UInt8, Sendable {
    /// A total that only rises, until it is reset.
    case counter = 1
    /// What is so at the moment, in the processes that live.
    case gauge = 2
    /// How often values of each size were recorded, and their sum.
    case histogram = 3
    /// A text readout: up to 112 bytes.
    case text = 4
}

/// How a gauge counts while two processes live (Envoy's import modes).
public enum GaugeImport: UInt8, Sendable {
    /// The sum over all live processes.
    case accumulate = 0
    /// What the newest serving process says.
    case neverImport = 1
}

/// What a histogram's values are.
public enum StatUnit: UInt8, Sendable { case unspecified = 0, milliseconds = 1, bytes = 2 }

/// What is said of a stat when it is made, beside kind and unit. Bits that a build does not know are kept.
public struct StatFlags: OptionSet, Sendable {
    /// As the region's name record has it.
    public let rawValue: UInt8
    /// Flags by their bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Not shown before it counted something: what Envoy only creates when it happens (`upstream_rq_404`).
    public static let hiddenWhenZero = StatFlags(rawValue: 1)
    /// Its name is not one of Envoy's: see ``StatNaming/plain``. The store sets it.
    public static let plainName = StatFlags(rawValue: 2)
}

/// Cells that a stat takes in every plane.
extension StatKind {
    var cells: Int {
        switch self {
        case .counter, .gauge: 1
        case .histogram: HistogramBins.cells
        case .text: TextCells.cells
        }
    }
}
