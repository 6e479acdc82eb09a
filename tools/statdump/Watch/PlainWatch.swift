import CLinux
import Glibc
import SharedMemory
import Stats

/// `--watch` where there is no terminal: a line a sample about the process, then one for each stat that changed.
enum PlainWatch {
    static func run(_ baseID: UInt32, _ selection: Selection, seconds: Double) throws(Failure) {
        var history = History()
        var next = cl_monotonic_ns()
        while true {
            let now = cl_monotonic_ns()
            do {
                let (facts, isNew) = try WatchCommand.sample(baseID, selection) { lines, facts in
                    let isNew = facts.identity != history.identity
                    history.add(lines, of: facts.identity, at: Double(now) / 1e9)
                    return (facts, isNew)
                }
                try Output.write(text(history, facts, isNew: isNew))
            } catch let error as RegionError {
                try Output.write("# \(WatchCommand.absence(error).visible)\n")
            } catch let error as Failure {
                throw error
            } catch {
                throw Failure("\(error)")
            }
            next = max(next + UInt64(seconds * 1e9), now)
            let left = next > cl_monotonic_ns() ? next - cl_monotonic_ns() : 0
            usleep(useconds_t(clamping: left / 1000))
        }
    }

    /// - Parameter isNew: whether everything that counted is shown, not only what changed.
    static func text(_ history: History, _ facts: RegionFacts, isNew: Bool) -> String {
        let processes = facts.live.isEmpty ? "no live process" : facts.live.map(Words.process).joined(separator: ", ")
        var text =
            "# \(Words.time(ns: facts.nowNs)) base id \(facts.identity.baseID) generation "
            + "\(facts.identity.generation): \(processes)\n"
        for track in history.tracks where isNew ? !track.isZero : (track.change ?? 0) != 0 {
            guard track.kind != .text else {
                text += "\(track.name.visible): \"\(track.text.visible)\"\n"
                continue
            }
            text += "\(track.name.visible): \(track.number)"
            if let change = track.change, let last = track.recent.last {
                text += change > 0 ? " +\(change)" : " \(change)"
                if track.kind != .gauge { text += " \(Words.fixed(last, 1))/s" }
            }
            if let interval = track.interval, interval.count > 0 {
                let values = interval.values(at: [0.5, 0.99])
                text += " p50 \(Words.number(values[0])) p99 \(Words.number(values[1]))"
            }
            text += "\n"
        }
        return text
    }
}
