import CLinux
import Glibc
import HotRestart
import Synchronization
import ThreadTesting

/// A server on a thread of its own that listens and hands over; what it was told to do is written down.
final class HandOverServer: Sendable {
    struct State {
        var duties: [ListenerDuty] = []
        var log: [String] = []
        /// What `listen` returned, in order.
        var sockets: [Int32] = []
        var epoch: UInt64?
        var stopSwitch: StopSwitch?
        var outcome: Result<Void, ListenerHandOverError>?
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - ports: of 127.0.0.1; 0 is any.
    ///   - record: gets name and duty too, in the order of all servers.
    init(
        _ name: String = "", path: String, ports: [UInt16] = [0], baseID: UInt64 = 0,
        standbyNs: UInt64 = 10_000_000_000,
        record: @escaping @Sendable (String, ListenerDuty) -> Void = { _, _ in }
    ) {
        Thread { [self] in
            do throws(ListenerHandOverError) {
                var options = ListenerHandOver.Options()
                options.baseID = baseID
                options.standbyNs = standbyNs
                options.log = { line in self.state.withLock { $0.log.append(line) } }
                let handOver = try ListenerHandOver(path: path, options: options)
                var sockets: [Int32] = []
                for port in ports { sockets.append(try handOver.listen("127.0.0.1", port: port)) }
                state.withLock {
                    $0.sockets = sockets
                    $0.epoch = handOver.epoch
                    $0.stopSwitch = handOver.stopSwitch
                }
                try handOver.serve { duty in
                    record(name, duty)
                    self.state.withLock { $0.duties.append(duty) }
                }
                for socket in sockets { close(socket) }
                state.withLock { $0.outcome = .success(()) }
            } catch {
                state.withLock { $0.outcome = .failure(error) }
            }
        }.detach()
    }

    var now: State { state.withLock { $0 } }
    func stop() { now.stopSwitch?.stop() }
    /// Returns when that is so; false after a time in which it would have been.
    func reaches(_ isReached: (State) -> Bool) -> Bool {
        ThreadTesting.reaches { isReached(now) }
    }
    var serves: Bool { reaches { $0.duties.last == .accept } }
    var ends: Bool { reaches { $0.outcome != nil } }
}

/// The port that a socket is bound to.
func port(of socket: Int32) -> UInt16 {
    var address = cl_address()
    return cl_local_address(socket, &address) >= 0 ? cl_address_port(&address) : 0
}

/// A port that nobody listens on, to be asked for by its number. It is below those that Linux gives out by itself
/// (`net.ipv4.ip_local_port_range`, from 32768): every connection and every listener of the tests beside takes such a one.
/// It is found by a connection that is refused, not by a `bind`: a process that another test starts at that moment has a copy
/// of all descriptors until it executes its program, and would keep the port bound for so long.
func askablePort() throws -> UInt16 {
    for _ in 0..<1_000 {
        let number = UInt16.random(in: 10_000..<32_000)
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let descriptor = OwnedDescriptor(raw)
        defer { descriptor.close() }
        var address = cl_address()
        guard cl_address_ip(&address, "127.0.0.1", number) == 0 else { continue }
        if cl_connect(raw, &address) == -ECONNREFUSED { return number }
    }
    throw Failure(text: "no free port below 32000")
}
