import Glibc

/// The files of a base id: shm_open(3) names, seen under /dev/shm.
public enum RegionName {
    /// Where they are seen.
    public static let directory = "/dev/shm"

    /// The region of a base id.
    public static func path(baseID: UInt32) -> String { "\(directory)/envoyd-\(baseID)" }

    /// The generation before the one that has the base id's name, while it counts as well.
    public static func predecessorPath(baseID: UInt32) -> String { "\(path(baseID: baseID)).old" }

    /// The small file that is never replaced and carries the start-up lock.
    static func anchorPath(baseID: UInt32) -> String { "\(directory)/envoyd-\(baseID).anchor" }

    /// The base ids that have a region, in order; empty when the directory cannot be read.
    public static func existing() -> [UInt32] {
        files().compactMap { $0.hasPrefix("envoyd-") ? UInt32($0.dropFirst("envoyd-".count)) : nil }.sorted()
    }

    /// The names in the directory.
    static func files() -> [String] {
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var found: [String] = []
        while let entry = readdir(entries) {
            found.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return found
    }
}
