import SharedMemory
import Stats

/// `--check`: one finding a line.
enum CheckCommand {
    static func run(_ baseID: UInt32) throws(Failure) {
        let findings: [String]
        do { findings = try RegionCheck.findings(baseID: baseID) } catch { throw Source.failure(error, baseID) }
        guard !findings.isEmpty else { return }
        try Output.write(findings.map { "\($0.visible)\n" }.joined())
        throw Failure("", status: 3)
    }
}
