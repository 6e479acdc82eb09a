import CLinux
import Synchronization

/// What all lanes share: where to knock, what is known of requests, and whether to go on.
final class Scene: Sendable {
    enum Order: Sendable { case go, rest, end }
    private struct State {
        var order = Order.rest
        var resting = 0
        /// A process was killed, and what it served is lost: until then.
        var killUntilNs: UInt64 = 0
        /// When hosts were taken out of use.
        var goneNs: [String: UInt64] = [:]
        /// When the host that dies was away.
        var downs: [(from: UInt64, to: UInt64)] = []
    }

    let seed: UInt64
    let ledger = Ledger()
    let sightings = Sightings()
    let doors: [Door: cl_address]
    private let state = Mutex(State())

    init(seed: UInt64, doors: [Door: cl_address]) {
        self.seed = seed
        self.doors = doors
    }

    var order: Order {
        get { state.withLock { $0.order } }
        set { state.withLock { $0.order = newValue } }
    }

    var resting: Int { state.withLock { $0.resting } }
    func rests(_ isResting: Bool) { state.withLock { $0.resting += isResting ? 1 : -1 } }

    // MARK: What happens by plan

    /// A process was killed and another one does not serve yet.
    func killed() { state.withLock { $0.killUntilNs = .max } }
    func recovered() { state.withLock { $0.killUntilNs = cl_monotonic_ns() } }
    func wasKilled(since ns: UInt64) -> Bool { state.withLock { $0.killUntilNs >= ns } }

    /// The host that dies is away from now on.
    func down() { state.withLock { $0.downs.append((cl_monotonic_ns(), .max)) } }
    func up() {
        state.withLock { state in
            if !state.downs.isEmpty { state.downs[state.downs.count - 1].to = cl_monotonic_ns() }
            if state.downs.count > 16 { state.downs.removeFirst() }
        }
    }
    /// Whether the host that dies was away at some time since then.
    func wasDown(since ns: UInt64, slackNs: UInt64 = 200_000_000) -> Bool {
        state.withLock { $0.downs.contains { $0.to == .max || $0.to &+ slackNs >= ns } }
    }

    /// Hosts that are not to be asked any more, by name.
    /// - Parameter again: it was in use until now, even if it is retired already.
    func retire(_ host: String, again: Bool = true) {
        state.withLock { state in
            if again || state.goneNs[host] == nil { state.goneNs[host] = cl_monotonic_ns() }
        }
    }
    func restore(_ host: String) { state.withLock { _ = $0.goneNs.removeValue(forKey: host) } }
    /// For how long a host is not to be asked any more.
    func retiredForNs(_ host: String, at ns: UInt64) -> UInt64 {
        state.withLock { state in
            guard let gone = state.goneNs[host], ns > gone else { return 0 }
            return ns - gone
        }
    }
}
