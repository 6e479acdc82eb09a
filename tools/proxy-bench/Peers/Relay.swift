import ToolSupport

/// The floor: C/relay.c, which moves bytes and looks at none; or it with one thing changed.
struct Relay: Peer {
    var name = "relay"
    let binary: String
    /// What a step would bring, tried in a relay: larger reads, `splice`, io_uring. Only `--peers` brings them in.
    static let steps = ["relay-256k", "relay-1m", "relay-splice", "relay-ring"]
    /// What it does is that anyway.
    let hasTCPProxy = false

    func refuses(_ setup: Setup) -> String? {
        if setup.workers > 1 { return "it has one thread" }
        if setup.many != .none { return "it has no configuration" }
        return nil
    }

    func prepare(_ setup: Setup, in folder: String) throws(Failure) -> [String] {
        [binary, "\(setup.http)", "\(setup.upstream)"]
    }
}
