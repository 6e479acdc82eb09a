import ToolSupport

struct Options {
    var minutes = 1.0
    var seed: UInt64 = 0
    var binaries = ""
    /// The address at which this process is to be the name server of /etc/resolv.conf.
    var resolver: String?
    var kills = true
    /// A lie that its client is not told of: the verdict must be bad.
    var brokenOnPurpose = false

    static let usage = """
        usage: mixed-soak --binaries DIRECTORY [--resolver ADDRESS] [--seed N] [--no-kills] [--broken] MINUTES
        The program behind `tools/soak MINUTES`, which says more.

        """

    init(_ arguments: some Sequence<String>) throws(Failure) {
        var rest = Array(arguments)[...]
        seed = UInt64.random(in: 1...999_999)
        func value(_ option: String) throws(Failure) -> String {
            guard let value = rest.popFirst() else { throw Failure("\(option) needs a value") }
            return value
        }
        while let word = rest.popFirst() {
            switch word {
            case "--binaries": binaries = try value(word)
            case "--resolver": resolver = try value(word)
            case "--seed":
                guard let number = UInt64(try value(word)) else { throw Failure("--seed takes a number") }
                seed = number
            case "--no-kills": kills = false
            case "--broken": brokenOnPurpose = true
            default:
                guard let number = Double(word), number > 0, number <= 10_000 else {
                    throw Failure("'\(word)' is not a number of minutes\n\(Self.usage)")
                }
                minutes = number
            }
        }
        guard !binaries.isEmpty else { throw Failure(Self.usage) }
    }
}
