import CLinux
import Glibc
import Synchronization
import ThreadTesting

/// A host of a cluster: one address where it listens, a thread for each of its connections.
final class Host: Sendable {
    enum Speech: Sendable { case http, echo }
    private enum Wish { case up, down, over }
    private struct State {
        var wish = Wish.up
        var isListening = false
        var isOver = false
        var connections: Set<Int32> = []
        var isWell = true
    }

    let name: String
    let address: cl_address
    private let sightings: Sightings
    private let speech: Speech
    private let state = Mutex(State())

    init(_ name: String, _ address: cl_address, _ speech: Speech, _ sightings: Sightings) throws {
        self.name = name
        self.address = address
        self.speech = speech
        self.sightings = sightings
        Thread { self.run() }.detach()
        guard reaches(within: 5000, { self.isListening }) else {
            end()
            throw Trouble.wrong("\(name) cannot listen")
        }
    }

    // MARK: What is planned with it

    var isListening: Bool { state.withLock { $0.isListening } }
    var openConnections: Int { state.withLock { $0.connections.count } }

    /// Stops listening and ends all connections; returns when that has happened.
    func die() {
        state.withLock { $0.wish = .down }
        _ = reaches { !self.isListening && self.openConnections == 0 }
    }

    func revive() {
        state.withLock { $0.wish = .up }
        _ = reaches { self.isListening }
    }

    func end() {
        state.withLock { $0.wish = .over }
        _ = reaches(within: 5000) { self.state.withLock { $0.isOver } && self.openConnections == 0 }
    }

    /// A request has come: how often it has by now. nil: too late, the host is away, and its client may know already.
    func noticed(_ id: UInt64) -> Int? {
        state.withLock { $0.wish == .up ? sightings.saw(id) : nil }
    }

    /// How health checks are answered.
    var isWell: Bool {
        get { state.withLock { $0.isWell } }
        set { state.withLock { $0.isWell = newValue } }
    }

    // MARK: Listening

    private func run() {
        var listener: Int32 = -1
        loop: while true {
            switch state.withLock({ $0.wish }) {
            case .up:
                if listener < 0 { listener = listen() }
            case .down, .over:
                if listener >= 0 { _ = cl_close(listener) }
                listener = -1
                let isOver = state.withLock { state in
                    state.isListening = false
                    // Their threads see the end and close them.
                    for descriptor in state.connections { _ = cl_shutdown(descriptor, Int32(CL_SHUT_BOTH)) }
                    return state.wish == .over
                }
                if isOver { break loop }
            }
            accept(listener)
        }
        state.withLock { $0.isOver = true }
    }

    private func listen() -> Int32 {
        var address = address
        let descriptor = cl_socket(AF_INET, Int32(CL_SOCK_STREAM), 0)
        _ = cl_set_reuseaddr(descriptor)
        guard cl_bind(descriptor, &address) == 0, cl_listen(descriptor, 1024) == 0 else {
            _ = cl_close(descriptor)
            return -1
        }
        state.withLock { $0.isListening = true }
        return descriptor
    }

    private func accept(_ listener: Int32) {
        var polled = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 5) > 0 else { return }
        var peer = cl_address()
        while true {
            let descriptor = cl_accept(listener, &peer)
            guard descriptor >= 0 else { return }
            state.withLock { _ = $0.connections.insert(descriptor) }
            Thread { self.serve(descriptor) }.detach()
        }
    }

    private func serve(_ descriptor: Int32) {
        // Not closed by its own end: first it leaves the set, since its number may be taken again at once.
        let wire = Wire(adopting: descriptor)
        wire.limitMs = 3_600_000
        do {
            switch speech {
            case .http: while try answer(wire) {}
            case .echo: try echo(wire)
            }
        } catch {
            // The client of an upstream is the proxy, and may leave whenever it likes.
        }
        withExtendedLifetime(wire) { state.withLock { _ = $0.connections.remove(descriptor) } }
    }

    /// Bytes go back as they come, until both sides have ended.
    func echo(_ wire: Wire) throws {
        while true {
            if wire.unread.isEmpty { try wire.receive() }
            let count = wire.unread.count
            try wire.send(wire.unread)
            wire.take(count)
        }
    }
}
