import ToolSupport

/// What a peer did in one round.
struct Cell {
    let load: Load
    let cpuNs: Double
    let userTicks: Double
    let systemTicks: Double

    /// Bytes of bodies that went through, both ways.
    var bytes: Double { load.bytesIn + load.bytesOut }
    var cpuPerRequest: Double { cpuNs / load.requests / 1000 }
    var requestsPerSecond: Double { load.requests / load.seconds }
    /// GB a second that one core would carry.
    var gigabytesPerCore: Double { bytes / cpuNs }

    /// CPU for one unit of work.
    func cost(_ unit: Scenario.Unit) -> Double { unit == .request ? cpuPerRequest : cpuNs / bytes }
}

extension Running {
    func measure(_ scenario: Scenario, seconds: Double, path: String? = nil) throws(Failure) -> Cell {
        let before = try Usage(of: child.pid)
        let port = scenario.isTCP && peer.hasTCPProxy ? setup.tcp : setup.http
        let load = try tools.run(
            scenario.client, host: setup.lastHost, port: port, path: path ?? scenario.path, seconds: seconds)
        if child.poll() != nil { throw Failure("\(peer.name) ended: \(child.lastWords)") }
        let after = try Usage(of: child.pid)
        if load.bytesIn < load.requests * scenario.answerBytes {
            throw Failure("\(fixed(load.requests, 0)) answers had \(fixed(load.bytesIn, 0)) bytes only")
        }
        return Cell(
            load: load, cpuNs: Double(after.cpuNs &- before.cpuNs),
            userTicks: Double(after.userTicks &- before.userTicks),
            systemTicks: Double(after.systemTicks &- before.systemTicks))
    }
}
