import ToolSupport

/// The command line, as tools/bench passes it on.
struct Options {
    var rounds = 5
    var seconds = 2.0
    var isQuick = false
    var isPinned = true
    var isListing = false
    /// Parts of names of scenarios and sections; empty: all.
    var only: [String] = []
    var peers: [String] = []
    var values: [String: String] = [:]

    static let usage = """
        tools/bench [option ...]
          --quick           a part of the scenarios, one round: two minutes after the build
          --rounds N        rounds of each scenario, the peers in turn (5)
          --seconds S       of a round (2; wrk takes whole ones)
          --only A,B,...    scenarios and sections whose name contains one of these; --list shows all
          --peers A,B,...   of envoyd, relay, nginx, HAProxy, Envoy; and, to see what a step would bring, of the relay with
                            larger reads (relay-256k, relay-1m), splice (relay-splice), io_uring (relay-ring)
          --no-pin          leave processors to the kernel; else the proxy has the first and all others the rest
          --list            names, and nothing is run
          restart ...       what clients notice of restarts; `tools/bench restart help`
        ENVOY=/path/to/envoy instead of one that pip fetches; ENVOYD=/path/to/envoyd instead of a build.
        """

    init(_ arguments: some Sequence<String>) throws(Failure) {
        var rest = ArraySlice(arguments)
        func value(_ name: String) throws(Failure) -> String {
            guard let value = rest.popFirst() else { throw Failure("\(name) lacks its value") }
            return value
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--quick":
                isQuick = true
                rounds = 1
                seconds = 1
            case "--no-pin": isPinned = false
            case "--list": isListing = true
            case "--rounds":
                guard let number = Int(try value(argument)), number > 0 else {
                    throw Failure("--rounds is not a number")
                }
                rounds = number
            case "--seconds":
                guard let number = Double(try value(argument)), number > 0 else {
                    throw Failure("--seconds is not a number")
                }
                seconds = number
            case "--only": only = try value(argument).split(separator: ",").map(String.init)
            case "--peers": peers = try value(argument).split(separator: ",").map { $0.lowercased() }
            case "--work", "--binaries", "--sources", "--envoyd", "--envoy", "--commit", "--base-id":
                values[argument] = try value(argument)
            default: throw Failure("\(argument) is unknown\n\(Self.usage)")
            }
        }
    }

    func wants(_ name: String, isQuick: Bool) -> Bool {
        if !only.isEmpty { return only.contains { name.contains($0) } }
        return isQuick || !self.isQuick
    }

    func needs(_ name: String) throws(Failure) -> String {
        guard let value = values[name] else { throw Failure("\(name) is missing: start me with tools/bench") }
        return value
    }
}
