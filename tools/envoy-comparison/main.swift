import CLinux
import Glibc
import MessageCases

let usage = """
    usage: envoy-comparison messages|features --envoyd PATH --envoy PATH [--filter TEXT] [--update]
    Runs the cases of Tests/MessageCases or of Tests/EnvoyCases against both programs and lists every difference from the tables.
      --filter TEXT   only cases whose file or name contains it
      --update        writes what Envoy does into its column of the tables

    """

var programs: [String: String] = [:]
var filter = ""
var updates = false
var table = ""
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--envoyd", "--envoy", "--filter":
        guard let value = arguments.popFirst() else { fail(64, "\(argument) needs a value") }
        if argument == "--filter" { filter = value } else { programs[String(argument.dropFirst(2))] = value }
    case "--update": updates = true
    case "messages", "features": table = argument
    case "-h", "--help":
        print(usage, terminator: "")
        exit(0)
    default: fail(64, "unknown argument \(argument)\n\(usage)")
    }
}
guard programs.count == 2, !table.isEmpty else { fail(64, usage) }
do {
    let differences =
        table == "messages"
        ? try MessageComparison(programs: programs, filter: filter, updates: updates).run()
        : try FeatureComparison(programs: programs, filter: filter, updates: updates).run()
    exit(differences == 0 ? 0 : 1)
} catch {
    fail(2, "\(error)")
}

func fail(_ status: Int32, _ text: String) -> Never {
    let line = Array("envoy-comparison: \(text)\n".utf8)
    _ = cl_write(2, line, line.count)
    exit(status)
}
