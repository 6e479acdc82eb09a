import SharedMemory

/// What a region had counted when its newest process began: what "since the start" is measured from.
public enum ServingBaseline: Sendable {
    /// Nothing: the region was made for this process.
    case zero
    /// The region does not keep it.
    case notKept

    /// The one place that knows. A region that was made for its only process began at zero with it; what others had
    /// counted before a later process is not kept apart.
    public static func of(_ reader: RegionReader) -> ServingBaseline {
        reader.header.process_starts <= 1 ? .zero : .notKept
    }
}
