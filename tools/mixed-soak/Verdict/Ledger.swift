import CLinux
import Synchronization
import ToolSupport

/// Where clients knock: a listener, whose counters are under a prefix of their own.
enum Door: String, CaseIterable {
    /// Requests that come whole and whose answers are read: every byte is accounted for.
    case exact
    /// Clients that leave, lie or are lied to: their requests are counted, their bytes are not.
    case rough
    /// A TCP proxy.
    case stream
}

/// What the clients of one door know.
struct Tally: Equatable {
    var connections = 0
    /// Whose head was complete, or was refused.
    var requests = 0
    /// Answered, by the first digit of the status.
    var answers = [Int](repeating: 0, count: 6)
    var sent = 0
    var received = 0
    /// Given up by their client on purpose.
    var abandoned = 0
    /// Lost with a process that was killed.
    var excused = 0
    /// Refused before they had a name.
    var nameless = 0
    /// Heads that their client did not finish, which are no requests but have a line in the access log.
    var halves = 0
}

/// What all clients know, and what was wrong.
final class Ledger: Sendable {
    private struct State {
        var tallies: [Door: Tally] = [:]
        var faults = 0
        var byKind: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let startNs = cl_monotonic_ns()
    /// No more than these are told one by one.
    private static let most = 40

    func count(_ door: Door, _ change: (inout Tally) -> Void) {
        state.withLock { change(&$0.tallies[door, default: Tally()]) }
    }

    subscript(door: Door) -> Tally { state.withLock { $0.tallies[door] ?? Tally() } }
    var faults: Int { state.withLock { $0.faults } }
    var exchanges: [String: Int] { state.withLock { $0.byKind } }
    func did(_ kind: String) { state.withLock { $0.byKind[kind, default: 0] += 1 } }

    var seconds: Double { Double(cl_monotonic_ns() - startNs) / 1e9 }

    /// Something is not as it must be.
    func fault(_ text: String) {
        let number = state.withLock { state in
            state.faults += 1
            return state.faults
        }
        if number <= Self.most { say("FAULT at \(fixed(seconds, 3)) s: \(text)") }
        if number == Self.most { say("further faults are only counted") }
    }
}
