import CLinux
import Glibc
import ToolSupport

/// The processes of the proxy: one that serves, one that stands by for it at most.
final class Fleet {
    let baseID: Int
    let work: String
    private let binaries: String
    private let configurations: [String]
    private var started = 0
    private(set) var serving: Child?
    private(set) var standby: Child?
    private(set) var restarts = 0
    private(set) var kills = 0
    /// Milliseconds from a start to serving, the longest.
    private(set) var longestStartMs: UInt64 = 0
    let ledger: Ledger

    init(work: String, binaries: String, bootstrap: Bootstrap, ledger: Ledger) throws {
        (self.work, self.binaries, self.ledger) = (work, binaries, ledger)
        var random = SystemRandomNumberGenerator()
        baseID = Int.random(in: 1_000_000...1_900_000, using: &random)
        configurations = ["\(work)/first.yaml", "\(work)/second.yaml"]
        try writeFile(configurations[0], bootstrap.text(second: false))
        try writeFile(configurations[1], bootstrap.text(second: true))
    }

    /// Starts another process with the other configuration and waits until it serves.
    func start() throws {
        let output = "\(work)/envoyd.\(started)"
        let child = try Child(
            "envoyd \(started)",
            [
                "\(binaries)/envoyd", "-c", configurations[started % 2], "--base-id", "\(baseID)",
                "--hot-restart-file", "\(work)/restart.sock", "--concurrency", "2", "--file-flush-interval-msec", "200",
            ], output: output, processors: nil)
        // Those of processes long gone.
        for suffix in ["", ".err"] { unlink("\(work)/envoyd.\(started - 6)\(suffix)") }
        started += 1
        let began = cl_monotonic_ns()
        while !(contents(output + ".err") ?? "").contains(" serves ") {
            if let status = child.poll() {
                throw Failure("\(child.name) ended with status \(status) before it served: \(child.lastWords)")
            }
            guard cl_monotonic_ns() - began < 30_000_000_000 else {
                child.stop()
                throw Failure("\(child.name) does not serve within 30 s: \(child.lastWords)")
            }
            usleep(2000)
        }
        longestStartMs = max(longestStartMs, (cl_monotonic_ns() - began) / 1_000_000)
        let before = standby
        standby = serving
        serving = child
        // Who stood by is told to go by the one that does now.
        if let before { expectEnd(before) }
    }

    /// A hot restart; the old process is told to end at once, or stands by until the next one.
    func restart(endsOld: Bool) throws {
        try start()
        restarts += 1
        if endsOld { endStandby() }
    }

    func endStandby() {
        guard let standby else { return }
        kill(standby.pid, SIGTERM)
        expectEnd(standby)
        self.standby = nil
    }

    /// Kills the process that serves. A standby takes its place, or another one is started.
    func killServing() throws {
        guard let serving else { return }
        kill(serving.pid, SIGKILL)
        _ = serving.wait()
        kills += 1
        self.serving = nil
        if let standby {
            self.serving = standby
            self.standby = nil
            let began = cl_monotonic_ns()
            while !(contents(standby.output + ".err") ?? "").contains("serves again") {
                guard cl_monotonic_ns() - began < 30_000_000_000 else {
                    throw Failure("\(standby.name) does not take the place of who was killed: \(standby.lastWords)")
                }
                usleep(2000)
            }
        } else {
            try start()
        }
    }

    /// Kills who stands by, which nobody may notice.
    func killStandby() {
        guard let standby else { return }
        kill(standby.pid, SIGKILL)
        _ = standby.wait()
        self.standby = nil
    }

    private func expectEnd(_ child: Child) {
        let began = cl_monotonic_ns()
        while cl_monotonic_ns() - began < 30_000_000_000 {
            if let status = child.poll() {
                if status != 0 { ledger.fault("\(child.name) ended with status \(status): \(child.lastWords)") }
                return
            }
            usleep(2000)
        }
        ledger.fault("\(child.name) does not end within 30 s: \(child.lastWords)")
        child.stop()
    }

    /// Ends all, the serving one first; both must end well.
    func endAll() {
        if let serving { kill(serving.pid, SIGTERM) }
        if let standby { expectEnd(standby) }
        if let serving { expectEnd(serving) }
        (serving, standby) = (nil, nil)
    }

    // MARK: What they look like from outside

    /// What statdump says; fails when it does.
    func statdump(_ arguments: [String]) throws -> String {
        let child = try Child(
            "statdump", ["\(binaries)/statdump", "--base-id", "\(baseID)"] + arguments, output: "\(work)/statdump",
            processors: nil)
        let status = child.wait()
        guard status == 0 else { throw Failure("statdump \(arguments): \(child.lastWords)") }
        return contents("\(work)/statdump") ?? ""
    }

    /// Counters and gauges by name.
    func stats() throws -> [String: Int] {
        var values: [String: Int] = [:]
        for line in try statdump([]).lines {
            guard let colon = line.firstRange(of: ": ") else { continue }
            values[String(line[..<colon.lowerBound])] = Int(line[colon.upperBound...])
        }
        return values
    }

    /// Files of the region, with their sizes.
    var regionFiles: [String: Int] {
        var files: [String: Int] = [:]
        guard let directory = opendir("/dev/shm") else { return [:] }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name == "envoyd-\(baseID)" || name.hasPrefix("envoyd-\(baseID).") else { continue }
            var status = cl_file_status()
            if cl_stat("/dev/shm/\(name)", &status) == 0 { files[name] = Int(clamping: status.size) }
        }
        return files
    }

    /// Descriptors and resident kilobytes of the process that serves.
    var usage: (descriptors: Int, kilobytes: Int) {
        guard let serving else { return (0, 0) }
        var descriptors = 0
        if let directory = opendir("/proc/\(serving.pid)/fd") {
            while readdir(directory) != nil { descriptors += 1 }
            closedir(directory)
        }
        let status = contents("/proc/\(serving.pid)/status") ?? ""
        let line = status.lines.first { $0.hasPrefix("VmRSS") }
        return (max(descriptors - 2, 0), line.flatMap { Int($0.words[1]) } ?? 0)
    }
}
