/// The floor: C/relay.c, which moves bytes and looks at none.
struct Relay: Peer {
    let name = "relay"
    let binary: String
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
