import CLinux

/// What of stats is shown, and how, in a process whose configuration says something of that (`stats_config`). What is counted is the
/// same whatever it says, and so is the region.
public struct StatsView: Sendable {
    /// Which tags names have; nil: those that the region keeps.
    public var tags: TagRules?
    /// Whether there is a stat of that name for whoever asks; nil: there are all.
    public var accepts: (@Sendable (UnsafeBufferPointer<UInt8>) -> Bool)?
    /// The buckets that a histogram of that name is shown in; nil: the default ones.
    public var bounds: (@Sendable (UnsafeBufferPointer<UInt8>) -> [Double]?)?

    /// All stats, as they are.
    public init() {}
}

extension StatLines {
    /// Shows the stats so.
    ///
    /// - Parameter withTags: whether tags are wanted.
    public mutating func apply(_ view: StatsView, withTags: Bool) {
        if let accepts = view.accepts { keep { accepts($0.name) } }
        bounds = view.bounds
        if withTags, let rules = view.tags { retag(rules) }
    }

    /// The buckets of a histogram.
    func bounds(_ line: Line) -> [Double] { bounds?(line.name) ?? HistogramData.bucketBounds }

    // What belongs to a rule of the configuration, or else to the name.

    func appendLabel(_ tag: cl_tag_span, of line: Line, to output: inout OutputBuffer) {
        if let rules, tag.tag >= TagRules.firstNumber {
            output.append(rules.label(tag.tag))
        } else {
            output.append(labelNameOf: tag, in: line.name)
        }
    }

    func appendValue(_ tag: cl_tag_span, of line: Line, to output: inout OutputBuffer) {
        if let rules, tag.tag >= TagRules.firstNumber {
            if let value = rules.value(tag.tag) {
                output.append(value)
            } else {
                output.append(Self.part(line.name, tag.value_start, tag.value_length))
            }
        } else {
            output.append(labelValueOf: tag, in: line.name)
        }
    }
}
