import ArgumentParser
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
              statdump --base-id 1 --rate --sort rate --top 20
              statdump --base-id 1 --watch
              statdump --base-id 1 --format prometheus
              statdump --base-id 1 --save before.json
              statdump --base-id 1 --diff before.json
              statdump --list

            EXIT STATUS
              0 shown; 1 it cannot be read or done; 2 there is no such region; 3 --check found something; 64 usage.
            """,
        version: "statdump \(ProductVersion.text)")

    @Option(name: .long, help: ArgumentHelp("The base id of the proxy.", valueName: "n"))
    var baseID: UInt32 = 0

    @Argument(
        help: ArgumentHelp(
            "Show only stats whose name has a match of any of these (RE2, anywhere in the name).", valueName: "pattern")
    )
    var patterns: [String] = []

    @Option(name: .long, help: ArgumentHelp("Leave out stats whose name has a match. Repeatable.", valueName: "re"))
    var exclude: [String] = []

    @Option(name: .long, help: "Form of the output: text, json, prometheus or csv.")
    var format: OutputFormat = .text

    @Flag(name: [.customLong("used-only"), .customLong("usedonly")], help: "Only stats that counted something.")
    var usedOnly = false

    @Option(name: .long, help: "Only one kind: counter, gauge, histogram or text. Repeatable.")
    var type: [StatKind] = []

    @Option(
        name: .long, defaultAsFlag: 1,
        help: ArgumentHelp("A live view, every second or as often as said. Keys: h shows them.", valueName: "seconds"))
    var watch: Double?

    @Option(
        name: .long, defaultAsFlag: 1,
        help: ArgumentHelp("Value and change per second, over one second or as many as said.", valueName: "seconds"))
    var rate: Double?

    @Option(name: .long, help: "Order: name, value or rate (which means --rate); the largest first.")
    var sort: SortOrder?

    @Option(
        name: .long, help: ArgumentHelp("Only the first of that order; by value unless --sort says.", valueName: "n"))
    var top: Int?

    @Flag(name: .long, help: "A column for each live process, and one for all dead ones.")
    var perProcess = false

    @Flag(name: .long, help: "A column for each plane: the cells of one thread.")
    var perWorker = false

    @Flag(name: .long, help: "The name without its tags, and the tags.")
    var tags = false

    @Option(name: .long, help: ArgumentHelp("Save a snapshot for --diff.", valueName: "file"), completion: .file())
    var save: String?

    @Option(
        name: .long, help: ArgumentHelp("What changed since that was saved.", valueName: "file"), completion: .file())
    var diff: String?

    @Flag(name: .long, help: "Counters and histograms since the process that serves began.")
    var sinceStart = false

    @Flag(name: .long, help: "What stats count: kind, unit and a sentence for each name; needs no region.")
    var describe = false

    @Flag(name: .long, help: "The map of the region: header, slots, segments, planes.")
    var layout = false

    @Flag(name: .long, help: "Verify the whole region; one finding a line, status 3 when there are any.")
    var check = false

    @Flag(name: .long, help: "List the base ids that have a region, with their processes.")
    var list = false

    @Flag(name: .long, help: "Remove a region that no process holds.")
    var remove = false

    @Option(name: .long, help: "How text shows histograms: summary, cumulative, disjoint or detailed.")
    var histogramBuckets: HistogramDisplay = .summary

    static func main() { main(Arguments.withValues(CommandLine.arguments.dropFirst())) }

    func validate() throws {
        if let problem = usageProblem() { throw ValidationError(problem) }
    }

    func run() throws {
        do throws(Failure) {
            try perform()
        } catch {
            if !error.text.isEmpty { Output.complain(error.text) }
            throw ExitCode(error.status)
        }
    }
}

/// Options whose value may be left out take it only after `=`: `--watch PATTERN` watches that pattern.
enum Arguments {
    static func withValues(_ arguments: some Sequence<String>) -> [String] {
        var isOption = true
        return arguments.map { argument in
            if argument == "--" { isOption = false }
            return isOption && (argument == "--watch" || argument == "--rate") ? "\(argument)=1" : argument
        }
    }
}

/// A form of output: Envoy's, and a table of comma-separated values.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument { case text, json, prometheus, csv }

enum SortOrder: String, CaseIterable, ExpressibleByArgument { case name, value, rate }

extension HistogramDisplay: ExpressibleByArgument {}

extension StatKind: ExpressibleByArgument, CaseIterable {
    public static var allCases: [StatKind] { [.counter, .gauge, .histogram, .text] }

    public init?(argument: String) {
        guard let kind = Self.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = kind
    }

    public static var allValueStrings: [String] { allCases.map { "\($0)" } }
}
