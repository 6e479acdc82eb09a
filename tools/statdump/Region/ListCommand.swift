import CLinux
import Glibc
import SharedMemory
import Stats

/// `--list`: one line for each base id, its fields apart by tabs.
enum ListCommand {
    static func run() throws(Failure) {
        let now = cl_realtime_ns()
        for id in RegionName.existing() { try Output.write(line(id, now: now)) }
    }

    private static func line(_ id: UInt32, now: UInt64) -> String {
        do {
            let reader = try RegionReader(baseID: id)
            return "\(id)\t\(fields(reader, now: now).joined(separator: "\t"))\n"
        } catch {
            return "\(id)\t\("\(error)".visible)\n"
        }
    }

    private static func fields(_ reader: RegionReader, now: UInt64) -> [String] {
        let live = reader.liveSlots
        var stats = 0
        reader.records { _ in stats += 1 }
        var status = cl_file_status()
        var memory = cl_stat(reader.path, &status) == 0 ? Int(clamping: status.size) : 0
        let old = reader.predecessor
        if let old, cl_stat(old.path, &status) == 0 { memory += Int(clamping: status.size) }
        let start = (reader.newest ?? live.max { $0.startNs < $1.startNs })?.startNs
        return [
            live.isEmpty ? "no live process" : live.map(Words.process).joined(separator: ", "),
            live.isEmpty ? "left over" : "live",
            "generation \(reader.header.generation)" + (old.map { " and \($0.header.generation)" } ?? ""),
            start.map { "up \(Words.duration(ns: now > $0 ? now - $0 : 0))" }
                ?? "made \(Words.time(ns: reader.header.created_ns))",
            "\(stats) stats",
            Words.bytes(memory),
        ]
    }
}
