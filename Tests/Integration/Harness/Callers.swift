import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// Clients that make a new connection for each request, each in a thread of its own, and try again whatever happens.
final class Callers: Sendable {
    struct Tally: Sendable {
        /// By what was answered.
        var answers: [String: Int] = [:]
        /// Refused, reset or closed without an answer.
        var turnedAway = 0
        /// Neither answered nor turned away for long: they stood in a queue that nobody served.
        var waited = 0

        var answered: Int { answers.values.reduce(0, +) }
    }

    private struct State {
        var tally = Tally()
        var isStopped = false
    }

    private static let longNs: UInt64 = 5_000_000_000
    private let state = Mutex(State())
    private let threads = Mutex<[Thread]>([])

    init(port: UInt16, count: Int, path: String = "/") {
        let made = (0..<count).map { _ in Thread { self.run(port, path) } }
        threads.withLock { $0 = made }
    }

    var tally: Tally { state.withLock { $0.tally } }

    func stop() -> Tally {
        state.withLock { $0.isStopped = true }
        for thread in threads.withLock({ $0 }) { thread.join() }
        return tally
    }

    func waitForAnswers(_ more: Int) throws {
        let before = tally.answered
        try waitUntil("\(more) answers more") { tally.answered >= before + more }
    }

    private func run(_ port: UInt16, _ path: String) {
        while !state.withLock({ $0.isStopped }) {
            let beganNs = cl_monotonic_ns()
            var answer: String?
            do { answer = try Client(port: port).get(path).text } catch {}
            let took = cl_monotonic_ns() - beganNs
            state.withLock {
                if took > Self.longNs { $0.tally.waited += 1 }
                if let answer { $0.tally.answers[answer, default: 0] += 1 } else { $0.tally.turnedAway += 1 }
            }
            usleep(answer == nil ? 5000 : 1000)
        }
    }
}
