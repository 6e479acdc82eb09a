import Stats

/// Stats of one kind in one scope. A case is the stat's name as Envoy writes it, so that a name can be searched for, and
/// its raw value is the position in the group, so that who counts never sees a string.
///
/// A group is declared below `Entries/` and listed in `StatCatalog.groups`. Its `entry` is an exhaustive switch: a case
/// without help does not compile.
public protocol StatGroup: RawRepresentable, CaseIterable, Sendable where RawValue == Int {
    /// Where the stats of this group live.
    associatedtype Scope: StatScope
    /// What all of them are.
    static var kind: StatKind { get }
    /// What stands behind the scope: the case's name, unless it has a placeholder.
    var name: String { get }
    /// What the table says of the stat.
    var entry: StatEntry { get }
}

/// A group of counters.
public protocol CounterNames: StatGroup {}
/// A group of gauges.
public protocol GaugeNames: StatGroup {}
/// A group of text readouts.
public protocol TextNames: StatGroup {}
/// A group of histograms.
public protocol HistogramNames: StatGroup {}

extension StatGroup {
    /// The case's name.
    public var name: String { caseName(self).map { String(cString: $0) } ?? "\(self)" }
}

/// The name of an enumeration's case, as the standard library finds it when it prints one; nil for what is none.
///
/// Printing asks the runtime first whether the type knows better, which is a search through all conformances of the program
/// for each type: 4 of the 18 ms that a start took.
@_silgen_name("swift_EnumCaseName")
private func caseName<T>(_ value: T) -> UnsafePointer<CChar>?

extension CounterNames {
    /// Counters.
    public static var kind: StatKind { .counter }
}

extension GaugeNames {
    /// Gauges.
    public static var kind: StatKind { .gauge }
}

extension TextNames {
    /// Text readouts.
    public static var kind: StatKind { .text }
}

extension HistogramNames {
    /// Histograms.
    public static var kind: StatKind { .histogram }
}

/// What the table says of a stat beside its name and kind.
public struct StatEntry: Sendable {
    /// What exactly counts, and when, in a sentence.
    public let help: String
    /// Of histograms: what the values are.
    public let unit: StatUnit
    /// Of gauges: how the values of processes that live side by side become one.
    public let gaugeImport: GaugeImport
    /// Whether it is shown before it counts.
    public let flags: StatFlags

    init(
        _ help: String, unit: StatUnit = .unspecified, import mode: GaugeImport = .accumulate, flags: StatFlags = []
    ) {
        self.help = help
        self.unit = unit
        gaugeImport = mode
        self.flags = flags
    }

    /// A name that tools for Envoy expect and that nothing here counts.
    static func alwaysZero(_ why: String, import mode: GaugeImport = .accumulate) -> StatEntry {
        StatEntry("Always 0: \(why)", import: mode)
    }
}
