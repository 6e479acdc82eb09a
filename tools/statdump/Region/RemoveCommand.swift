import Glibc
import SharedMemory

/// `--remove`. The anchor file stays: another process may be waiting for its lock, and with a new file under its name two
/// processes could each hold "the" start-up lock.
enum RemoveCommand {
    static func run(_ baseID: UInt32) throws(Failure) {
        // An anchor is made for whoever asks; nobody needs one for a base id without a region.
        guard access(RegionName.path(baseID: baseID), F_OK) == 0 else {
            throw Source.failure(.missing(path: RegionName.path(baseID: baseID)), baseID)
        }
        do {
            let anchor = try Anchor(baseID: baseID, limitMs: 2000)
            defer { withExtendedLifetime(anchor) {} }
            try SharedRegion.remove(anchor)
        } catch {
            guard case .busy = error, let holders = holders(baseID) else { throw Source.failure(error, baseID) }
            throw Failure("base id \(baseID) is in use by \(holders); end it first")
        }
        try Output.write("removed \(RegionName.path(baseID: baseID))\n")
    }

    /// The processes that live in it; nil when that cannot be told.
    private static func holders(_ baseID: UInt32) -> String? {
        do {
            let live = try RegionReader(baseID: baseID).liveSlots
            return live.isEmpty ? nil : live.map(Words.process).joined(separator: ", ")
        } catch {
            return nil
        }
    }
}
