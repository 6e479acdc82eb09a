import Glibc
import ToolSupport

/// What a process and its children have used so far.
struct Usage {
    /// Time on a processor of all threads, from the scheduler's own account.
    var cpuNs: UInt64 = 0
    /// The same as the timer tick has sampled it: this tells user from system time.
    var userTicks: UInt64 = 0
    var systemTicks: UInt64 = 0

    /// - Throws: when the process is gone.
    init(of root: pid_t) throws(Failure) {
        for pid in processTree(root) {
            guard let stat = contents("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { continue }
            let fields = stat[stat.index(after: end)...].words
            guard fields.count > 12, fields[0] != "Z" else { continue }
            userTicks += UInt64(fields[11]) ?? 0
            systemTicks += UInt64(fields[12]) ?? 0
            for task in entries("/proc/\(pid)/task") {
                guard let line = contents("/proc/\(pid)/task/\(task)/schedstat"), let ns = line.words.first else {
                    continue
                }
                cpuNs += UInt64(ns) ?? 0
            }
        }
        guard cpuNs > 0 else { throw Failure("process \(root) is gone") }
    }
}

/// The process and its descendants.
func processTree(_ root: pid_t) -> [pid_t] {
    var all = [root]
    var next = 0
    while next < all.count {
        let pid = all[next]
        next += 1
        guard let children = contents("/proc/\(pid)/task/\(pid)/children") else { continue }
        all += children.words.compactMap { pid_t($0) }
    }
    return all
}

/// Bytes of memory of a process and its children, pages shared among them counted once.
func memory(of root: pid_t) -> Double {
    var kilobytes = 0.0
    for pid in processTree(root) {
        for line in (contents("/proc/\(pid)/smaps_rollup") ?? "").lines where line.hasPrefix("Pss:") {
            kilobytes += Double(line.words[1]) ?? 0
        }
    }
    return kilobytes * 1024
}

/// The same once it is at rest: a process that serves may still have work of its start to do.
func memoryAtRest(of root: pid_t) -> Double {
    var before: UInt64 = 0
    for _ in 0..<40 {
        let now = (try? Usage(of: root).cpuNs) ?? 0
        if now - min(before, now) < 2_000_000 { break }
        before = now
        usleep(250_000)
    }
    return memory(of: root)
}

func entries(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

/// Ticks, of all processors, that the host of a virtual machine gave to others.
func stolenTicks() -> UInt64 {
    guard let words = contents("/proc/stat")?.lines.first?.words, words.count > 8 else { return 0 }
    return UInt64(words[8]) ?? 0
}
