/// A stat of a `StatsStore`: what a writer turns into cells.
public struct StatID: Hashable, Sendable {
    let index: Int
}

public enum StatKind: UInt8, Sendable {
    case counter = 1
    case gauge = 2
    case histogram = 3
    /// A text readout.
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

public struct StatFlags: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Not shown before it counted something: what Envoy only creates when it happens (`upstream_rq_404`).
    public static let hiddenWhenZero = StatFlags(rawValue: 1)
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
