import Glibc
import SharedMemory
import Stats

/// What everybody does who reads a region: `statdump`, its `--check`, and a process for its `/stats`.
enum Reading {
    static func all(_ baseID: UInt32) throws -> String {
        let image = try RegionImage(baseID: baseID)
        use(RegionCheck(image).findings.joined())
        _ = (image.segments, image.planes, (0..<RegionLayout.slots).map(image.socketPath))
        if let old = try? image.predecessor() { use(RegionCheck(old).findings.joined()) }
        let reader = try RegionReader(baseID: baseID)
        let snapshot = StatsSnapshot(reader)
        for format in StatsFormat.allCases { use(snapshot.formatted(format)) }
        for display in HistogramDisplay.allCases { use(snapshot.formatted(.text, histograms: display)) }
        StatLines(reader).write(.json, histograms: .detailed) { use(String(decoding: $0, as: UTF8.self)) }
        for row in SplitStats(reader).rows { use(row.name + row.texts.joined()) }
        if let since = StatsSnapshot.sinceStart(reader) { use(since.formatted(.text)) }
        _ = (reader.newest, reader.liveSlots, RegionIdentity(reader), RegionHistory(reader))
        // What is saved of it reads back, whatever its names are.
        let saved = SavedSnapshot(identity: RegionIdentity(reader), timeNs: 1, snapshot: snapshot)
        do {
            let again = try SavedSnapshot(json: saved.json)
            precondition(again.snapshot.stats.count == snapshot.stats.count, "saved and read back, it is another one")
        } catch {
            preconditionFailure("saved, it cannot be read back: \(error)")
        }
        return "read" + (reader.predecessor == nil ? "" : ", with the one before")
    }

    /// Keeps the optimiser from leaving out what makes it.
    @inline(never)
    static func use(_ text: String) { if text.utf8.count == .max { abort() } }
}
