import CLinux
import Glibc

/// Loopback addresses of this soak's own, so that no port is anybody else's.
struct Place {
    private let network: (Int, Int)

    init() {
        var random = SystemRandomNumberGenerator()
        network = (Int.random(in: 64...250, using: &random), Int.random(in: 1...250, using: &random))
    }

    func text(_ number: Int) -> String { "127.\(network.0).\(network.1).\(number)" }
    func bytes(_ number: Int) -> [UInt8] { [127, UInt8(network.0), UInt8(network.1), UInt8(number)] }

    func address(_ number: Int, _ port: UInt16) -> cl_address {
        var address = cl_address()
        _ = cl_address_ip(&address, text(number), port)
        return address
    }
}

/// All upstreams, by cluster, and what is done to them.
final class Hosts {
    static let port: UInt16 = 20_100
    private let place: Place
    private var byCluster: [String: [Host]] = [:]
    private let names: NameServer?

    private static let counts = ["main": 2, "flaky": 2, "liars": 1, "checked": 3, "dying": 1, "echo": 1]

    init(_ place: Place, _ resolver: String?, _ sightings: Sightings) throws {
        self.place = place
        var number = 10
        for (cluster, count) in Self.counts.sorted(by: { $0.key < $1.key }) {
            byCluster[cluster] = try (0..<count).map { _ in
                number += 1
                let speech = cluster == "echo" ? Host.Speech.echo : .http
                return try Host("\(number)", place.address(number, Self.port), speech, sightings)
            }
        }
        guard let resolver else {
            names = nil
            return
        }
        var address = cl_address()
        _ = cl_address_ip(&address, resolver, 53)
        names = try NameServer(address)
        func named(_ letter: String, _ first: Int, _ count: Int) throws -> [Host] {
            try (0..<count).map { try Host("\(letter)\($0)", place.address(first + $0, Self.port), .http, sightings) }
        }
        byCluster["strict"] = try named("s", 40, 4)
        byCluster["logical"] = try named("l", 50, 2)
        names?.set("strict.soak", [place.bytes(40), place.bytes(41)])
        names?.set("logical.soak", [place.bytes(50)])
    }

    var hasNames: Bool { names != nil }

    /// Those that a bootstrap names by address.
    var clusters: [String: [(address: String, port: UInt16)]] {
        var clusters: [String: [(address: String, port: UInt16)]] = [:]
        for cluster in Self.counts.keys { clusters[cluster] = byCluster[cluster]!.map { (text($0), Self.port) } }
        return clusters
    }

    private func text(_ host: Host) -> String {
        var address = host.address
        var buffer = [CChar](repeating: 0, count: 64)
        let count = cl_address_text(&address, &buffer, 64)
        return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var openConnections: Int { byCluster.values.joined().reduce(0) { $0 + $1.openConnections } }

    func end() {
        for host in byCluster.values.joined() { host.end() }
        names?.end()
    }

    // MARK: What happens to them

    /// The host of `dying` goes away with all its connections, or comes back.
    func toggleDying(_ scene: Scene) {
        let host = byCluster["dying"]![0]
        if host.isListening {
            scene.down()
            host.die()
        } else {
            host.revive()
            scene.up()
        }
    }

    /// The last host of `checked` fails its checks from now on, or passes them again.
    func toggleHealth(_ scene: Scene) {
        let host = byCluster["checked"]!.last!
        host.isWell.toggle()
        if host.isWell { scene.restore(host.name) } else { scene.retire(host.name) }
    }

    /// Names resolve to other addresses; sometimes the name server only fails.
    /// - Parameter mayFail: whether it may; a process that starts with nobody before it then knows no host.
    func changeNames(_ scene: Scene, _ random: inout Random, mayFail: Bool) {
        guard let names else { return }
        names.fails = random.chance(20) && mayFail
        // Nobody learns anything then, and who was used may be used.
        if names.fails {
            for host in byCluster["strict"]! + byCluster["logical"]! { scene.restore(host.name) }
            return
        }
        let chosen = Array((0..<4).shuffled(using: &random).prefix(random.within(1...3))).sorted()
        for number in 0..<4 {
            if chosen.contains(number) { scene.restore("s\(number)") } else { scene.retire("s\(number)", again: false) }
        }
        names.set("strict.soak", chosen.map { place.bytes(40 + $0) })
        let logical = random.below(2)
        scene.restore("l\(logical)")
        scene.retire("l\(1 - logical)", again: false)
        names.set("logical.soak", [place.bytes(50 + logical)])
    }

    /// All are there and well.
    func recover(_ scene: Scene) {
        if !byCluster["dying"]![0].isListening { toggleDying(scene) }
        if !byCluster["checked"]!.last!.isWell { toggleHealth(scene) }
        names?.fails = false
    }
}
