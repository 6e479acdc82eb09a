import ToolSupport

struct HAProxy: Peer {
    let name = "HAProxy"

    func refuses(_ setup: Setup) -> String? { nil }

    /// Its defaults; many routes are a map, which is how it wants them.
    func prepare(_ setup: Setup, in folder: String) throws(Failure) -> [String] {
        var rules = ""
        switch setup.many {
        case .routes:
            try writeFile("\(folder)/routes.map", (0..<setup.count).map { "/route/\($0)/ up\n" }.joined())
            rules = "  use_backend %[path,map_beg(\(folder)/routes.map,up)]\n"
        case .paths:
            try writeFile("\(folder)/routes.map", (0..<setup.count).map { "/route/\($0) up\n" }.joined())
            rules = "  use_backend %[path,map_str(\(folder)/routes.map,up)]\n"
        case .none, .clusters, .listeners: break
        }
        var binds = ""
        for i in 0..<(setup.many == .listeners ? setup.count : 1) { binds += "  bind \(Setup.host(i)):\(setup.http)\n" }
        var backends = ""
        for i in 0..<(setup.many == .clusters ? setup.count : 1) {
            backends += """
                backend up\(i == 0 ? "" : "\(i)")
                  http-reuse always
                  server s 127.0.0.1:\(setup.upstream)

                """
        }
        var tcp = ""
        if setup.tcp != 0 {
            tcp = """
                frontend tcp
                  mode tcp
                  bind 127.0.0.1:\(setup.tcp)
                  default_backend tcp
                backend tcp
                  mode tcp
                  server s 127.0.0.1:\(setup.upstream)

                """
        }
        // Two descriptors for each connection, within what the process may have.
        try writeFile(
            "\(folder)/haproxy.cfg",
            """
            global
              nbthread \(setup.workers)
              maxconn \(setup.many == .listeners ? 2_000 : Setup.connections(setup.limit))
            defaults
              mode http
              maxconn 100000
              timeout connect 5s
              timeout client 1h
              timeout server 1h
            frontend f
            \(binds)\(rules)  default_backend up
            \(backends)\(tcp)
            """)
        return ["haproxy", "-f", "\(folder)/haproxy.cfg", "-db"]
    }
}
