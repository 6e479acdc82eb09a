import ToolSupport

/// One of the programs that are compared.
protocol Peer: Sendable {
    /// As it is called in tables and options.
    var name: String { get }
    /// Its TCP proxy has a port of its own.
    var hasTCPProxy: Bool { get }
    /// Why it cannot do what a setup asks for, or nil.
    func refuses(_ setup: Setup) -> String?
    /// Writes the configuration into `folder`, and returns the command line.
    func prepare(_ setup: Setup, in folder: String) throws(Failure) -> [String]
}

extension Peer {
    var hasTCPProxy: Bool { true }
}

/// What a peer is started for.
struct Setup {
    /// What there are many of, besides the first one that all scenarios use.
    enum Many: String { case none, routes, paths, clusters, listeners }

    var http: Int
    /// 0: no TCP proxy.
    var tcp = 0
    var admin: Int
    var upstream: Int
    var workers = 1
    /// envoyd's base id: a shared-memory region of its own.
    var baseID = 0
    var many = Many.none
    var count = 1
    /// Open files that a process may have.
    var limit = 1024

    /// The request that the last of many serves, and where.
    var lastPath: String {
        switch many {
        case .routes: "/route/\(count - 1)/index"
        case .paths: "/route/\(count - 1)"
        case .none, .clusters, .listeners: "/13"
        }
    }
    var lastHost: String { many == .listeners ? Self.host(count - 1) : "127.0.0.1" }

    /// The address of one of many listeners: all use the same port.
    static func host(_ index: Int) -> String { index == 0 ? "127.0.0.1" : "127.1.\(index / 250).\(index % 250 + 1)" }
    /// Connections that a peer is to be able to have at once: two descriptors each within `limit`.
    static func connections(_ limit: Int) -> Int { min(10_200, limit / 2 - 300) }
}
