/// What a fuzzer's input is done to. The fuzzer runs one of them (`FUZZ_TARGET`), the tests replay the corpus of each.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A region of a dead process and of one that lives, damaged; everything that only reads.
    case read
    /// The same of two regions of one base id, the older one held with a broken mutex.
    case beside
    /// A process that attaches to what was damaged, counts there and reads it.
    case attach
    /// A file that `statdump --diff` is given.
    case saved
    /// The format of an access log.
    case format
}

/// A target with the region that its inputs are about.
public final class FuzzScene {
    private let step: (UnsafeBufferPointer<UInt8>) throws -> String
    private let baseID: UInt32

    /// - Parameter baseID: one that nobody else uses; its files are gone after `remove`.
    public init(_ target: FuzzTarget, baseID: UInt32) throws {
        self.baseID = baseID
        switch target {
        case .read, .beside:
            let regions = try SoundRegions(baseID, isBeside: target == .beside)
            step = { input in
                regions.damage(input)
                defer { regions.restore() }
                return try Reading.all(baseID)
            }
        case .attach:
            let images = try SoundRegions.images(baseID)
            step = { try Attaching.run($0, images, baseID) }
        case .saved:
            step = Saving.run
        case .format:
            step = Formats.run
        }
    }

    /// A scene whose inputs are left behind for other programs: those of `FuzzTarget.attach`.
    public init(leavingAt baseID: UInt32) throws {
        self.baseID = baseID
        let images = try SoundRegions.images(baseID)
        step = { try Attaching.leave($0, images, baseID) }
    }

    /// Returns what came of it: the same for inputs that were refused for the same reason.
    public func run(_ input: UnsafeBufferPointer<UInt8>) -> String {
        do { return try step(input) } catch { return "\(error)" }
    }

    /// Removes the files of the base id.
    public func remove() { SoundRegions.removeFiles(baseID) }
}

extension FuzzTarget {
    /// The inputs in the tree, given where that is.
    public func corpus(inTree root: String) -> [(name: String, bytes: [UInt8])] {
        FuzzCorpus.inputs(of: rawValue, inTree: root)
    }
}
