import ArgumentParser
import Glibc
import SharedMemory
import Stats

/// Reads the stats of a base id from outside: no lock, no connection to a proxy, nothing written.
@main
struct StatDump: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statdump",
        abstract: "Shows the stats of an envoyd, live, dead or afterwards.",
        discussion: """
            Reads the shared-memory region of a base id. Counters and histograms are the totals since the region began, \
            over every restart and crash; gauges are those of the processes that live now.

            EXAMPLES
              statdump --base-id 1
              statdump --base-id 1 '^http\\.ingress_http\\.downstream_rq_'
              statdump --base-id 1 --format prometheus
              statdump --list

            EXIT STATUS
              0 shown; 1 the region cannot be read; 2 there is no such region; 64 usage.
            """,
        version: "statdump \(ProductVersion.text)")

    @Option(name: .long, help: ArgumentHelp("The base id of the proxy.", valueName: "n"))
    var baseID: UInt32 = 0

    @Option(name: .long, help: "Form of the output: text, json or prometheus.")
    var format: StatsFormat = .text

    @Option(name: .long, help: "How text shows histograms: summary, cumulative, disjoint or detailed.")
    var histogramBuckets: HistogramDisplay = .summary

    @Flag(name: .long, help: "Only stats that counted something.")
    var usedonly = false

    @Flag(name: .long, help: "List the base ids that have a region, with their processes, and exit.")
    var list = false

    @Argument(
        help: ArgumentHelp("Show only stats whose name has a match (RE2, anywhere in the name).", valueName: "regex"))
    var regex: String?

    func validate() throws {
        guard let regex else { return }
        do { _ = try Pattern(regex) } catch { throw ValidationError("\(regex): not a regular expression: \(error)") }
    }

    func run() throws {
        if list {
            for id in RegionName.existing() { print(Self.line(id)) }
            return
        }
        let reader: RegionReader
        do {
            reader = try RegionReader(baseID: baseID)
        } catch .missing {
            let ids = RegionName.existing().map(String.init)
            complain(
                "no stats for base id \(baseID); "
                    + (ids.isEmpty ? "there is no region of any base id" : "there are: \(ids.joined(separator: ", "))"))
            throw ExitCode(2)
        } catch {
            complain("\(error)")
            throw ExitCode(1)
        }
        var snapshot = StatsSnapshot(reader, withTags: format == .prometheus)
        if let regex {
            let pattern = try Pattern(regex)
            snapshot = snapshot.filtered { pattern.matchesPart(of: $0.name) }
        }
        if usedonly { snapshot = snapshot.filtered { $0.isUsed } }
        try withExtendedLifetime(snapshot) {
            try write(snapshot.bytes(format, histograms: histogramBuckets) + (format == .json ? [10] : []))
            Glibc.exit(0)
        }
    }

    private static func line(_ id: UInt32) -> String {
        do {
            let reader = try RegionReader(baseID: id)
            let live = reader.slots.filter(\.isLive).map { "pid \($0.pid) epoch \($0.epoch) \($0.role)" }
            return "\(id)\t\(live.isEmpty ? "no live process" : live.joined(separator: ", "))"
        } catch {
            return "\(id)\t\(error)"
        }
    }

    private func complain(_ text: String) {
        let line = Array("statdump: \(text)\n".utf8)
        _ = Glibc.write(2, line, line.count)
    }

    /// All of it, or an error: a closed pipe is no reason for a message.
    private func write(_ text: [UInt8]) throws {
        var rest = text[...]
        signal(SIGPIPE, SIG_IGN)
        while !rest.isEmpty {
            let n = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else {
                if errno == EPIPE { return }
                complain("standard output: \(String(cString: strerror(errno)))")
                throw ExitCode(1)
            }
            rest = rest.dropFirst(n)
        }
    }
}

extension StatsFormat: ExpressibleByArgument {}
extension HistogramDisplay: ExpressibleByArgument {}
