import Glibc
import Synchronization

/// Clients that connect, echo and connect again until they are told to stop.
final class Load: Sendable {
    struct State {
        var connections = 0
        var echoes = 0
        var failures: [String] = []
        /// How many restarts there have been: who stays for some of them looks here.
        var restarts = 0
        var stops = false
        var running = 0
    }

    private let port: UInt16
    private let state = Mutex(State())

    /// - Parameters:
    ///   - quick: clients that connect again after a few echoes.
    ///   - lasting: clients whose connections last for two restarts.
    init(port: UInt16, quick: Int, lasting: Int) {
        self.port = port
        state.withLock { $0.running = quick + lasting }
        for index in 0..<quick + lasting {
            onThread { [self] in
                run(seed: UInt64(index + 1), isLasting: index >= quick)
                state.withLock { $0.running -= 1 }
            }
        }
    }

    var now: State { state.withLock { $0 } }
    func restarted() { state.withLock { $0.restarts += 1 } }

    /// Returns when the clients have made `count` more connections, or one of them has failed.
    func waitForConnections(_ count: Int) {
        let before = now.connections
        while now.connections < before + count, now.failures.isEmpty { usleep(1000) }
    }

    /// Returns when the last client has closed its connection.
    func stop() {
        state.withLock { $0.stops = true }
        while now.running > 0 { usleep(1000) }
    }

    private func run(seed: UInt64, isLasting: Bool) {
        var value = seed
        while !now.stops {
            do {
                let client = try Client(port: port)
                let begin = now.restarts
                var round = 0
                repeat {
                    value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    let size = 1 + Int(value >> 52)
                    var bytes = [UInt8](repeating: 0, count: size)
                    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: Int(value >> 20) &+ index) }
                    try client.echo(bytes)
                    round += 1
                    state.withLock { $0.echoes += 1 }
                } while isLasting ? now.restarts < begin + 2 && !now.stops : round < 5
                state.withLock { $0.connections += 1 }
            } catch {
                return state.withLock { $0.failures.append("\(error)") }
            }
        }
    }
}

/// Runs `body` on a thread of its own: its calls block.
func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { @Sendable argument in
            guard let argument else { return nil }
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    precondition(code == 0, "pthread_create: \(code)")
    pthread_detach(thread)
}
