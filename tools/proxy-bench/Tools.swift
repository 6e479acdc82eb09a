import CLinux
import Glibc
import ToolSupport

/// Where things are, and which processors they get.
struct Tools: Sendable {
    /// A folder for configurations and output.
    let work: String
    /// The C programs.
    let binaries: String
    /// `C/`.
    let sources: String
    /// As taskset takes them; nil: all, without a choice.
    let proxyProcessors: String?
    let clientProcessors: String?
    let baseID: Int
    let peers: [any Peer]
}

/// A peer that runs.
final class Running {
    let peer: any Peer
    let setup: Setup
    let child: Child
    let tools: Tools
    /// From before its start to its first answer.
    let startNs: UInt64

    init(_ peer: any Peer, _ setup: Setup, _ tools: Tools, label: String, isPinned: Bool = true) throws(Failure) {
        self.peer = peer
        self.tools = tools
        var setup = setup
        setup.http = try Probe.freePort()
        setup.tcp = setup.tcp == 0 ? 0 : try Probe.freePort(except: [setup.http])
        setup.admin = try Probe.freePort(except: [setup.http, setup.tcp])
        setup.baseID = tools.baseID + Self.started
        Self.started += 1
        self.setup = setup
        let folder = "\(tools.work)/\(peer.name)-\(label)"
        mkdir(folder, 0o755)
        let command = try peer.prepare(setup, in: folder)
        let begin = cl_monotonic_ns()
        child = try Child(
            peer.name, command, output: "\(folder)/out", processors: isPinned ? tools.proxyProcessors : nil)
        do {
            startNs = try Probe.waitFor(child, setup.lastHost, setup.http, setup.lastPath) - begin
        } catch {
            child.stop()
            throw error
        }
    }

    nonisolated(unsafe) private static var started = 0

    func stop() {
        child.stop()
        for name in ["/dev/shm/envoyd-\(setup.baseID)", "/dev/shm/envoyd-\(setup.baseID).anchor"] { unlink(name) }
    }
}
