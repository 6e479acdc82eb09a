import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// Many keep-alive connections that ask and ask again, each in a thread of its own.
final class Load: Sendable {
    struct Tally: Sendable {
        var responses: [Int: Int] = [:]
        var errors: [String] = []
        /// Connections made after a response that said `Connection: close`.
        var reconnects = 0

        var total: Int { responses.values.reduce(0, +) }
    }

    private struct State {
        var tally = Tally()
        var isStopped = false
    }

    private let state = Mutex(State())
    private let threads = Mutex<[Thread]>([])

    init(port: UInt16, connections: Int, path: String = "/", fields: [String] = []) {
        let made = (0..<connections).map { _ in Thread { self.run(port, path, fields) } }
        threads.withLock { $0 = made }
    }

    var tally: Tally { state.withLock { $0.tally } }

    /// Waits for the responses in flight.
    func stop() -> Tally {
        state.withLock { $0.isStopped = true }
        for thread in threads.withLock({ $0 }) { thread.join() }
        return tally
    }

    /// Returns when so many responses more have come.
    func waitForResponses(_ more: Int) throws {
        let before = tally.total
        try waitUntil("\(more) responses more") { tally.total >= before + more }
    }

    private func run(_ port: UInt16, _ path: String, _ fields: [String]) {
        var client: Client?
        while !state.withLock({ $0.isStopped }) {
            do {
                let open = try client ?? Client(port: port)
                let response = try open.get(path, fields)
                client = response.closes ? nil : open
                state.withLock {
                    $0.tally.responses[response.status, default: 0] += 1
                    if response.closes { $0.tally.reconnects += 1 }
                }
            } catch {
                client = nil
                state.withLock { $0.tally.errors.append("\(error)") }
                usleep(10_000)
            }
            usleep(500)
        }
    }
}
