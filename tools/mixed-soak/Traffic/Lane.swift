import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// One client after the other of one kind. It lives on a thread of its own.
protocol Traffic: AnyObject, SendableMetatype {
    init(_ lane: Lane)
    /// One exchange, or what belongs together.
    func step() throws
    /// Ends its connections, as a client does that has what it wanted.
    func leave()
}

/// Traffic of one client.
class OneClient {
    final let client: Client
    final let lane: Lane
    /// Where it comes in.
    class var door: Door { .exact }

    required init(_ lane: Lane) { (self.lane, client) = (lane, Client(lane, Self.door)) }
    final func leave() { client.close() }
}

/// A kind of traffic: how many lanes of it there are, and how many steps a second each makes.
struct Kind: Sendable {
    let name: String
    let lanes: Int
    let perSecond: Double
    let type: any Traffic.Type

    init(_ type: any Traffic.Type, _ name: String, lanes: Int = 1, perSecond: Double) {
        (self.name, self.lanes, self.perSecond, self.type) = (name, lanes, perSecond, type)
    }
}

/// A thread of traffic: its plan, which is its seed's, and the names of its requests.
final class Lane: @unchecked Sendable {
    let scene: Scene
    let kind: Kind
    let number: Int
    /// Used by the lane's thread only, as everything that varies here.
    var random: Random
    private(set) var issued: UInt64 = 0
    /// What it asked for last, for a report.
    var doing = ""
    /// Since when nothing was lost.
    private(set) var cleanSinceNs = cl_monotonic_ns()

    init(_ scene: Scene, _ kind: Kind, _ number: Int) {
        self.scene = scene
        self.kind = kind
        self.number = number
        random = Random(seed: scene.seed &+ UInt64(number) &* 0x1_0000_0001)
    }

    /// Ids name lane and request, so that both logs and reports can be read.
    func newID() -> UInt64 {
        issued += 1
        return UInt64(number) << 32 | issued
    }

    func run() {
        var traffic = kind.type.init(self)
        var dueNs = cl_monotonic_ns()
        while true {
            switch scene.order {
            case .end:
                traffic.leave()
                return
            case .rest:
                traffic.leave()
                scene.rests(true)
                while scene.order == .rest { usleep(2000) }
                scene.rests(false)
                cleanSinceNs = cl_monotonic_ns()
                dueNs = cleanSinceNs
                continue
            case .go: break
            }
            let now = cl_monotonic_ns()
            if dueNs > now {
                // In pieces, so that an order is obeyed soon.
                usleep(UInt32(min(dueNs - now, 50_000_000) / 1000 + 1))
                if dueNs > cl_monotonic_ns() { continue }
            }
            // Steps are not caught up with: a machine that is slow is asked less.
            let pause = UInt64(1e9 / kind.perSecond)
            dueNs = cl_monotonic_ns() + UInt64.random(in: (pause / 2)...(pause * 3 / 2), using: &random)
            do {
                try traffic.step()
                scene.ledger.did(kind.name)
            } catch {
                failed(error)
                traffic.leave()
                // Whatever it still knows belongs to the connection that failed.
                traffic = kind.type.init(self)
            }
        }
    }

    private func failed(_ error: any Error) {
        if let trouble = error as? Trouble, trouble.isBrokenConnection, scene.wasKilled(since: cleanSinceNs) {
            scene.ledger.count(.rough) { $0.excused += 1 }
        } else {
            scene.ledger.fault("\(kind.name), lane \(number), request \(issued): \(doing): \(error)")
        }
        cleanSinceNs = cl_monotonic_ns()
        usleep(20_000)
    }
}
