import Glibc

/// What a process costs.
extension Program {
    /// CPU time of all its threads in nanoseconds: proc(5), /proc/PID/task/TID/schedstat.
    var processorNs: UInt64 {
        get throws {
            let threads = Files.names(in: "/proc/\(pid)/task")
            guard !threads.isEmpty else { throw Failure("\(self) has no threads") }
            // A thread may end between the two looks.
            return threads.reduce(0) { sum, thread in
                let fields = Files.read("/proc/\(pid)/task/\(thread)/schedstat")?.split(separator: " ")
                return sum + (fields?.first.flatMap { UInt64($0) } ?? 0)
            }
        }
    }

    /// CPU time in nanoseconds while `body` runs.
    func processorNs(of body: () throws -> Void) throws -> UInt64 {
        let before = try processorNs
        try body()
        return try processorNs &- before
    }
}
